#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "lvcore/cascade/integral.hpp"

namespace lvcore {

/// A set of LBP codes: code c is in it where bit c % 32 of word c / 32 is set.
using LbpSubset = std::array<std::uint32_t, 8>;

[[nodiscard]] inline bool contains(const LbpSubset& subset, std::uint8_t code) {
    return ((subset[code >> 5U] >> (code & 31U)) & 1U) != 0;
}

/// One question of a tree: is the feature's code in the subset? `left` is where a yes leads and
/// `right` where a no does: n > 0 is node n of the tree, n <= 0 its leaf -n.
struct TreeNode {
    std::uint32_t feature;
    LbpSubset subset;
    std::int32_t left;
    std::int32_t right;

    bool operator==(const TreeNode&) const = default;
};

/// A weak classifier: a decision tree that starts at node 0. A tree of n nodes has n + 1 leaves; a
/// stump has one node, with left 0 and right -1.
struct Tree {
    std::vector<TreeNode> nodes;
    std::vector<float> leaves;

    bool operator==(const Tree&) const = default;
};

/// A window passes where the sum of its trees' leaves, in double precision and in their order, is
/// at least `pass_mark()`.
struct Stage {
    std::vector<Tree> trees;
    /// As it is in the file.
    float threshold;

    /// The threshold less OpenCV's allowance of 1e-5 for rounding, in single precision.
    [[nodiscard]] float pass_mark() const { return threshold - 1e-5F; }

    bool operator==(const Stage&) const = default;
};

/// A boosted cascade of trees over LBP features of windows of width x height pixels.
struct Cascade {
    std::uint32_t width;
    std::uint32_t height;
    std::vector<LbpFeature> features;
    std::vector<Stage> stages;

    bool operator==(const Cascade&) const = default;
};

/// A cascade, or a file of one, that is not sound.
class CascadeFormatError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Largest window side, and largest numbers of stages, of trees in a stage, of nodes in a tree and
/// of features: far above any real cascade, and small enough that nothing overflows.
inline constexpr std::uint32_t kMaxCascadeWindow = 1024;
inline constexpr std::size_t kMaxStages = 1000;
inline constexpr std::size_t kMaxTrees = 10000;
inline constexpr std::size_t kMaxNodes = 255;
inline constexpr std::size_t kMaxFeatures = 100000;

/// Makes sure that evaluation stays within the cascade and the window, and ends: numbers within
/// the limits above, features inside the window, every feature and leaf there, nodes leading
/// onwards only, finite leaves and thresholds.
///
/// @throws CascadeFormatError naming what is wrong.
void check_cascade(const Cascade& cascade);

/// How far a window got: the stages it passed, and the sum of the last stage it came to.
struct CascadeResult {
    std::uint32_t stages_passed;
    double score;
};

/// Evaluates a sound cascade at the window whose top left entry in an integral image is `window`.
/// `corners` holds `lbp_corners` of every feature for the image's stride. Starts at stage `first`,
/// which is below the number of stages.
CascadeResult evaluate(const Cascade& cascade, const std::vector<LbpCorners>& corners,
                       const std::uint32_t* window, std::size_t first = 0);

/// `lbp_corners` of every feature of a cascade.
std::vector<LbpCorners> cascade_corners(const Cascade& cascade, std::size_t stride);

}  // namespace lvcore
