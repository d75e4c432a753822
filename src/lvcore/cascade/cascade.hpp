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

/// One question of a tree: is the feature's code in the subset? `left` is the target of yes,
/// `right` of no: n > 0 is node n of the tree, n <= 0 its leaf -n.
struct TreeNode {
    std::uint32_t feature;
    LbpSubset subset;
    std::int32_t left;
    std::int32_t right;

    bool operator==(const TreeNode&) const = default;
};

/// A weak classifier: a decision tree with its root at node 0. A tree of n nodes has n + 1 leaves;
/// a stump has one node, with left 0 and right -1.
struct Tree {
    std::vector<TreeNode> nodes;
    std::vector<float> leaves;

    bool operator==(const Tree&) const = default;
};

/// A window passes if the sum of the leaves it reaches, added in double precision in the order of
/// the trees, is at least `pass_mark()`.
struct Stage {
    std::vector<Tree> trees;
    /// As stored in files, before the allowance for rounding.
    float threshold;

    /// The threshold minus OpenCV's allowance of 1e-5 for rounding, in single precision.
    [[nodiscard]] float pass_mark() const { return threshold - 1e-5F; }

    bool operator==(const Stage&) const = default;
};

/// A boosted cascade of trees over LBP features of a window of width x height pixels.
struct Cascade {
    std::uint32_t width;
    std::uint32_t height;
    std::vector<LbpFeature> features;
    std::vector<Stage> stages;

    bool operator==(const Cascade&) const = default;
};

/// Thrown for an unsound cascade; Python raises it for unsound files too.
class CascadeFormatError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Limits on the sides of a window and on the numbers of stages, trees in a stage, nodes in a tree
/// and features: far above any real cascade, and small enough that nothing overflows.
inline constexpr std::uint32_t kMaxCascadeWindow = 1024;
inline constexpr std::size_t kMaxStages = 1000;
inline constexpr std::size_t kMaxTrees = 10000;
inline constexpr std::size_t kMaxNodes = 255;
inline constexpr std::size_t kMaxFeatures = 100000;

/// Checks that evaluation stays within the cascade and the window, and terminates: counts are
/// within the limits above, features lie inside the window, every index refers to a feature, leaf
/// or later node, and leaves and thresholds are finite.
///
/// @throws CascadeFormatError naming the part, what was expected and what came.
void check_cascade(const Cascade& cascade);

/// How far a window got: the number of stages it passed, and its sum in the last one evaluated.
struct CascadeResult {
    std::uint32_t stages_passed;
    double score;
};

/// Evaluates a sound cascade in one window, from stage `first` (below the number of stages) on.
/// `window` points at the window's top left entry in an integral image; `corners` holds
/// `lbp_corners` of every feature for the stride of that image.
CascadeResult evaluate(const Cascade& cascade, const std::vector<LbpCorners>& corners,
                       const std::uint32_t* window, std::size_t first = 0);

/// Returns `lbp_corners` of every feature of a cascade.
std::vector<LbpCorners> cascade_corners(const Cascade& cascade, std::size_t stride);

}  // namespace lvcore
