#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lvcore/boosting/code_matrix.hpp"
#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

/// How to fit a tree.
struct TreeOptions {
    /// Most nodes from the root to a leaf.
    std::size_t depth = 1;
    /// Splits are chosen from the heaviest samples that together hold this fraction of the weight.
    double weight_trim = 0.95;
    std::size_t threads = 0;
};

/// Gentle AdaBoost (Friedman, Hastie and Tibshirani, 2000) with trees over LBP codes.
///
/// Each round fits a regression tree to the labels y = +1 and -1 under the weights w, by least
/// squares, adds it to the scores, and multiplies each weight by exp(-y leaf).
///
/// A split sends a set of codes left. Codes are sorted by mean response, sum(w y) / sum(w), and
/// then by number; a code of no sample counts as 0. The set is the shortest prefix of that order
/// with the least squared error, over all features; the first feature wins a tie. Splits use
/// weights in fixed point (2^-31 of the sum), whose sums are exact and so do not depend on the
/// number of threads. A leaf is sum(w y) / sum(w) of all its samples, including trimmed ones.
class GentleBoost {
  public:
    /// The first `positives` windows of `codes`, which must outlive this, have the label +1.
    ///
    /// @throws std::invalid_argument if a weight is not finite or is below 0, the weights of a
    /// class sum to 0, the numbers of weights and windows differ, or an option is out of range.
    GentleBoost(const CodeMatrix& codes, std::size_t positives, std::vector<double> weights,
                const TreeOptions& options);

    /// Fits another tree; empty if no feature separates the classes. Its nodes refer to features by
    /// their row in the matrix.
    std::optional<Tree> add();

    /// The sum of leaves of every window, in the order of the trees.
    [[nodiscard]] std::span<const double> scores() const { return scores_; }

    /// The weight of every window; their sum is 1.
    [[nodiscard]] std::span<const double> weights() const { return weights_; }

  private:
    struct Members;
    struct Split;

    [[nodiscard]] Members heaviest() const;
    [[nodiscard]] std::optional<Split> best_split(const Members& members) const;
    void set_leaves(Tree& tree);
    void normalise();

    const CodeMatrix& codes_;
    std::size_t positives_;
    std::vector<double> weights_;
    std::vector<double> scores_;
    TreeOptions options_;
};

}  // namespace lvcore
