#include "lvcore/boosting/boost.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "lvcore/base/parallel.hpp"
#include "lvcore/boosting/histogram.hpp"

namespace lvcore {

namespace {

constexpr double kUnit = 2147483648.0;  // sum of all weights in fixed point
constexpr std::size_t kFeaturesPerRun = 32;
constexpr std::size_t kMaxDepth = 6;  // 63 nodes

/// A code of some samples: its mean response, sum of responses and weight.
struct Category {
    double mean;
    double response;
    double weight;
    std::uint32_t code;
};

/// Sorts the categories by mean response, then code; returns their number.
std::size_t sort_categories(const Histogram& h, std::array<Category, kCodes>& categories) {
    std::size_t count = 0;
    for (std::uint32_t c = 0; c < kCodes; ++c) {
        const double p = h.positive[c];
        const double n = h.negative[c];
        if (p + n > 0) {
            categories[count++] = {(p - n) / (p + n), p - n, p + n, c};
        }
    }
    std::sort(categories.begin(), categories.begin() + static_cast<std::ptrdiff_t>(count),
              [](const Category& a, const Category& b) {
                  return a.mean < b.mean || (a.mean == b.mean && a.code < b.code);
              });
    return count;
}

struct Cut {
    /// Explained variation of the labels: (sum of responses)^2 / weight, summed over both sides.
    double explained;
    /// Number of categories that go left.
    std::size_t left;
};

/// The best cut of sorted categories, the first on ties; explains 0 if there is only one category.
Cut best_cut(const std::array<Category, kCodes>& categories, std::size_t count) {
    double response = 0;
    double weight = 0;
    for (std::size_t i = 0; i < count; ++i) {
        response += categories[i].response;
        weight += categories[i].weight;
    }
    Cut best{0, 0};
    double left_response = 0;
    double left_weight = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
        left_response += categories[i].response;
        left_weight += categories[i].weight;
        const double right_response = response - left_response;
        const double explained = left_response * left_response / left_weight +
                                 right_response * right_response / (weight - left_weight);
        if (explained > best.explained) {
            best = {explained, i + 1};
        }
    }
    return best;
}

/// Raises the most that any thread has found explained, so that all can skip worse features.
void raise(std::atomic<double>& most, double value) {
    double seen = most.load(std::memory_order_relaxed);
    while (seen < value && !most.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
}

void check(const CodeMatrix& codes, std::size_t positives, const std::vector<double>& weights,
           const TreeOptions& options) {
    if (weights.size() != codes.windows()) {
        throw std::invalid_argument("weights: expected one per window, " +
                                    std::to_string(codes.windows()) + ", got " +
                                    std::to_string(weights.size()));
    }
    for (const double weight : weights) {
        if (!std::isfinite(weight) || weight < 0) {
            throw std::invalid_argument("weights: expected finite numbers of 0 or more, got " +
                                        std::to_string(weight));
        }
    }
    const auto middle =
        weights.begin() + static_cast<std::ptrdiff_t>(std::min(positives, weights.size()));
    if (!(std::accumulate(weights.begin(), middle, 0.0) > 0) ||
        !(std::accumulate(middle, weights.end(), 0.0) > 0)) {
        throw std::invalid_argument("weights: expected more than 0 in each class");
    }
    if (options.depth == 0 || options.depth > kMaxDepth) {
        throw std::invalid_argument("depth: expected 1 to " + std::to_string(kMaxDepth) + ", got " +
                                    std::to_string(options.depth));
    }
    if (!(options.weight_trim > 0 && options.weight_trim <= 1)) {
        throw std::invalid_argument("weight_trim: expected above 0 and at most 1, got " +
                                    std::to_string(options.weight_trim));
    }
}

}  // namespace

/// Samples to split, positives first, and their weights in fixed point.
struct GentleBoost::Members {
    std::vector<std::uint32_t> samples;
    std::vector<std::uint32_t> weights;
    std::size_t positives = 0;

    void push(std::uint32_t sample, std::uint32_t weight, bool positive) {
        samples.push_back(sample);
        weights.push_back(weight);
        positives += positive ? 1 : 0;
    }

    void histogram(const std::uint8_t* codes, Histogram& h) const {
        sum_weights(codes, samples.data(), weights.data(), positives, h.positive);
        sum_weights(codes, samples.data() + positives, weights.data() + positives,
                    samples.size() - positives, h.negative);
    }

    /// (sum of responses)^2 / weight: the variation explained by a single leaf.
    [[nodiscard]] double explained() const {
        double response = 0;
        double weight = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            response += i < positives ? weights[i] : -static_cast<double>(weights[i]);
            weight += weights[i];
        }
        return response * response / weight;
    }
};

struct GentleBoost::Split {
    std::uint32_t feature;
    LbpSubset subset;
};

GentleBoost::GentleBoost(const CodeMatrix& codes, std::size_t positives,
                         std::vector<double> weights, const TreeOptions& options)
    : codes_(codes),
      positives_(positives),
      weights_(std::move(weights)),
      scores_(codes.windows(), 0.0),
      options_(options) {
    check(codes_, positives_, weights_, options_);
    normalise();
}

void GentleBoost::normalise() {
    const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) {
        weight /= sum;
    }
}

GentleBoost::Members GentleBoost::heaviest() const {
    double lightest = 0;
    if (options_.weight_trim < 1) {
        std::vector<double> sorted = weights_;
        std::sort(sorted.begin(), sorted.end());
        double dropped = 0;
        for (const double weight : sorted) {
            lightest = weight;
            dropped += weight;
            if (dropped > 1 - options_.weight_trim) {
                break;
            }
        }
    }
    double sum = 0;
    for (const double weight : weights_) {
        sum += weight >= lightest ? weight : 0;
    }
    Members members;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        const auto fixed = static_cast<std::uint32_t>(std::llround(weights_[i] / sum * kUnit));
        if (weights_[i] >= lightest && fixed > 0) {
            members.push(static_cast<std::uint32_t>(i), fixed, i < positives_);
        }
    }
    return members;
}

std::optional<GentleBoost::Split> GentleBoost::best_split(const Members& members) const {
    struct Found {
        double explained = 0;
        std::size_t feature = 0;
    };
    std::vector<Found> found((codes_.features() + kFeaturesPerRun - 1) / kFeaturesPerRun);
    const double alone = members.explained();
    std::atomic<double> most{alone};
    parallel_for(
        codes_.features(), kFeaturesPerRun, options_.threads,
        [&](std::size_t begin, std::size_t end) {
            Found best;
            Histogram h;
            std::array<Category, kCodes> categories;
            for (std::size_t f = begin; f < end; ++f) {
                members.histogram(codes_.row(f), h);
                if (static_cast<double>(most_explained(h)) < most.load(std::memory_order_relaxed)) {
                    continue;
                }
                const double explained =
                    best_cut(categories, sort_categories(h, categories)).explained;
                if (explained > best.explained) {
                    best = {explained, f};
                    raise(most, explained);
                }
            }
            found[begin / kFeaturesPerRun] = best;
        });
    Found best;
    for (const Found& candidate : found) {
        if (candidate.explained > best.explained) {
            best = candidate;
        }
    }
    // Rounding errors alone must not cause a split.
    if (!(best.explained > alone + 1e-9 * kUnit)) {
        return std::nullopt;
    }
    Histogram h;
    std::array<Category, kCodes> categories;
    members.histogram(codes_.row(best.feature), h);
    const Cut cut = best_cut(categories, sort_categories(h, categories));
    const Category& last = categories[cut.left - 1];
    Split split{static_cast<std::uint32_t>(best.feature), {}};
    for (std::uint32_t c = 0; c < kCodes; ++c) {
        const double p = h.positive[c];
        const double n = h.negative[c];
        const double mean = p + n > 0 ? (p - n) / (p + n) : 0;
        if (mean < last.mean || (mean == last.mean && c <= last.code)) {
            split.subset[c / 32] |= std::uint32_t{1} << (c % 32);
        }
    }
    return split;
}

void GentleBoost::set_leaves(Tree& tree) {
    std::vector<std::uint8_t> leaf_of(weights_.size());
    std::vector<double> responses(tree.nodes.size() + 1, 0.0);
    std::vector<double> sums(tree.nodes.size() + 1, 0.0);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        std::int32_t next = 0;
        do {
            const TreeNode& node = tree.nodes[static_cast<std::size_t>(next)];
            next = contains(node.subset, codes_.row(node.feature)[i]) ? node.left : node.right;
        } while (next > 0);
        const auto leaf = static_cast<std::size_t>(-next);
        leaf_of[i] = static_cast<std::uint8_t>(leaf);
        responses[leaf] += i < positives_ ? weights_[i] : -weights_[i];
        sums[leaf] += weights_[i];
    }
    tree.leaves.resize(sums.size());
    std::vector<double> heavier(sums.size());
    std::vector<double> lighter(sums.size());
    for (std::size_t leaf = 0; leaf < sums.size(); ++leaf) {
        tree.leaves[leaf] = static_cast<float>(responses[leaf] / sums[leaf]);
        lighter[leaf] = std::exp(-static_cast<double>(tree.leaves[leaf]));
        heavier[leaf] = 1 / lighter[leaf];
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        const std::size_t leaf = leaf_of[i];
        scores_[i] += static_cast<double>(tree.leaves[leaf]);
        weights_[i] *= i < positives_ ? lighter[leaf] : heavier[leaf];
    }
    normalise();
}

std::optional<Tree> GentleBoost::add() {
    struct Open {
        Members members;
        std::size_t depth;
        /// The node to link to what grows here; empty for the root.
        std::optional<std::size_t> parent;
        bool left;
    };
    std::vector<Open> open;
    open.push_back({heaviest(), 0, std::nullopt, false});
    Tree tree;
    std::int32_t leaves = 0;
    // Breadth first, so that every node links to higher numbers only.
    for (std::size_t next = 0; next < open.size(); ++next) {
        const Open current = std::move(open[next]);
        const auto split =
            current.depth < options_.depth ? best_split(current.members) : std::nullopt;
        if (!split && !current.parent) {
            return std::nullopt;
        }
        const std::size_t index = tree.nodes.size();
        if (current.parent) {
            TreeNode& parent = tree.nodes[*current.parent];
            (current.left ? parent.left : parent.right) =
                split ? static_cast<std::int32_t>(index) : -leaves++;
        }
        if (!split) {
            continue;
        }
        tree.nodes.push_back({split->feature, split->subset, 0, 0});
        const std::uint8_t* codes = codes_.row(split->feature);
        Members left;
        Members right;
        for (std::size_t i = 0; i < current.members.samples.size(); ++i) {
            const std::uint32_t sample = current.members.samples[i];
            (contains(split->subset, codes[sample]) ? left : right)
                .push(sample, current.members.weights[i], i < current.members.positives);
        }
        open.push_back({std::move(left), current.depth + 1, index, true});
        open.push_back({std::move(right), current.depth + 1, index, false});
    }
    set_leaves(tree);
    return tree;
}

}  // namespace lvcore
