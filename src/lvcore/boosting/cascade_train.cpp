#include "lvcore/boosting/cascade_train.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "lvcore/base/random_order.hpp"

namespace lvcore {

namespace {

/// A fraction this close to its target has reached it.
constexpr double kRounding = 1e-12;

void check_range(const char* name, double value, bool holds, const char* expected) {
    if (!holds) {
        throw std::invalid_argument(std::string(name) + ": expected " + expected + ", got " +
                                    std::to_string(value));
    }
}

void check(const Positives& positives, const TrainingOptions& options, const Cascade& start) {
    const auto side_fits = [](std::size_t side) { return side >= 3 && side <= kMaxCascadeWindow; };
    if (!side_fits(positives.height) || !side_fits(positives.width)) {
        throw std::invalid_argument("positives: expected windows with sides of 3 to " +
                                    std::to_string(kMaxCascadeWindow) + " pixels, got " +
                                    std::to_string(positives.height) + " x " +
                                    std::to_string(positives.width));
    }
    if (positives.pixels.empty()) {
        throw std::invalid_argument("positives: expected at least one window, got none");
    }
    const std::size_t count = positives.pixels.size() / (positives.height * positives.width);
    if (count * positives.height * positives.width != positives.pixels.size()) {
        throw std::invalid_argument("positives: expected whole windows");
    }
    if (positives.weights.size() != count) {
        throw std::invalid_argument("weights: expected one per positive, " + std::to_string(count) +
                                    ", got " + std::to_string(positives.weights.size()));
    }
    for (const double weight : positives.weights) {
        check_range("weights", weight, std::isfinite(weight) && weight > 0,
                    "finite numbers above 0");
    }
    check_range("stages", static_cast<double>(options.stages),
                options.stages >= 1 && options.stages <= kMaxStages, "1 to 1000");
    check_range("max_trees", static_cast<double>(options.max_trees),
                options.max_trees >= 1 && options.max_trees <= kMaxTrees, "1 to 10000");
    check_range("min_hit_rate", options.min_hit_rate,
                options.min_hit_rate > 0 && options.min_hit_rate <= 1, "above 0 and at most 1");
    check_range("max_false_alarm_rate", options.max_false_alarm_rate,
                options.max_false_alarm_rate > 0 && options.max_false_alarm_rate < 1,
                "above 0 and below 1");
    check_range("held_out", options.held_out, options.held_out >= 0 && options.held_out < 1,
                "at least 0 and below 1");
    check_range("negatives", static_cast<double>(options.negatives), options.negatives >= 1,
                "at least 1");
    check_range("fewest_negatives", static_cast<double>(options.fewest_negatives),
                options.fewest_negatives >= 1 && options.fewest_negatives <= options.negatives,
                "1 to the number of negatives");
    if (!start.stages.empty()) {
        check_cascade(start);
        if (start.height != positives.height || start.width != positives.width) {
            throw std::invalid_argument(
                "start: expected windows of " + std::to_string(positives.height) + " x " +
                std::to_string(positives.width) + " pixels, got " + std::to_string(start.height) +
                " x " + std::to_string(start.width));
        }
    }
}

/// The windows of a stage, positives first.
struct Samples {
    std::vector<std::uint8_t> pixels;
    std::size_t positives;
    /// The weight of each window for the trees, and of each positive for the threshold.
    std::vector<double> weights;
    std::vector<double> threshold_weights;
};

/// Draws, for each stage anew, the positives to keep from its trees.
std::vector<bool> hold_out(const std::vector<std::size_t>& positives, std::size_t stage,
                           const TrainingOptions& options) {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    const std::uint64_t seed = random_place(stage, options.mining.seed);
    for (std::size_t i = 0; i < positives.size(); ++i) {
        order.emplace_back(random_place(positives[i], seed), i);
    }
    std::sort(order.begin(), order.end());
    order.resize(static_cast<std::size_t>(options.held_out * static_cast<double>(order.size())));
    std::vector<bool> held(positives.size(), false);
    for (const auto& [place, i] : order) {
        held[i] = true;
    }
    return held;
}

/// Positives that pass the cascade so far, and the negatives drawn.
Samples gather(const Positives& positives, const Cascade& cascade, const Miner& miner,
               const TrainingOptions& options) {
    const std::size_t size = positives.height * positives.width;
    const std::vector<LbpCorners> corners = cascade_corners(cascade, positives.width + 1);
    Samples samples{};
    std::vector<std::size_t> passed;
    for (std::size_t i = 0; i < positives.weights.size(); ++i) {
        const auto window = positives.pixels.subspan(i * size, size);
        const IntegralImage integral = integrate(window, positives.height, positives.width);
        if (evaluate(cascade, corners, integral.sums.data()).stages_passed ==
            cascade.stages.size()) {
            samples.pixels.insert(samples.pixels.end(), window.begin(), window.end());
            passed.push_back(i);
        }
    }
    samples.positives = passed.size();
    if (passed.empty()) {
        throw std::invalid_argument("start: expected a cascade that passes some of the positives");
    }
    const std::vector<bool> held = hold_out(passed, cascade.stages.size(), options);
    const bool any_held = std::find(held.begin(), held.end(), true) != held.end();
    double sum = 0;
    for (std::size_t i = 0; i < passed.size(); ++i) {
        const double weight = positives.weights[passed[i]];
        samples.weights.push_back(held[i] ? 0 : weight);
        samples.threshold_weights.push_back(held[i] || !any_held ? weight : 0);
        sum += samples.weights.back();
    }
    for (double& weight : samples.weights) {
        weight /= sum;
    }
    const std::vector<std::uint8_t> drawn = miner.windows();
    samples.pixels.insert(samples.pixels.end(), drawn.begin(), drawn.end());
    samples.weights.insert(samples.weights.end(), miner.drawn(),
                           1 / static_cast<double>(miner.drawn()));
    return samples;
}

/// The highest threshold that positives with at least `min_hit_rate` of the weight reach.
float threshold_for(std::span<const double> scores, std::span<const double> weights,
                    double min_hit_rate) {
    std::vector<std::pair<double, double>> sorted;
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        sorted.emplace_back(scores[i], weights[i]);
        sum += weights[i];
    }
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    double lowest = sorted.back().first;
    double passed = 0;
    for (const auto& [score, weight] : sorted) {
        passed += weight;
        if (passed >= (min_hit_rate - kRounding) * sum) {
            lowest = score;
            break;
        }
    }
    const auto threshold = static_cast<float>(lowest);
    return static_cast<double>(threshold) > lowest
               ? std::nextafter(threshold, -std::numeric_limits<float>::infinity())
               : threshold;
}

/// Sets the rates of a stage with these scores.
void set_rates(const Stage& stage, std::span<const double> scores, const Samples& samples,
               TrainingStep& step) {
    const auto mark = static_cast<double>(stage.pass_mark());
    double passed = 0;
    double sum = 0;
    for (std::size_t i = 0; i < samples.positives; ++i) {
        passed += scores[i] >= mark ? samples.threshold_weights[i] : 0;
        sum += samples.threshold_weights[i];
    }
    step.hit_rate = passed / sum;
    const auto alarms =
        std::count_if(scores.begin() + static_cast<std::ptrdiff_t>(samples.positives), scores.end(),
                      [&](double score) { return score >= mark; });
    step.false_alarm_rate =
        static_cast<double>(alarms) / static_cast<double>(scores.size() - samples.positives);
}

/// Trains one stage; its trees refer to features by their number among all features.
Stage train_stage(const CodeMatrix& codes, const Samples& samples, const TrainingOptions& options,
                  TrainingStep& step, const std::function<void(const TrainingStep&)>& progress) {
    GentleBoost boost(codes, samples.positives, samples.weights, options.tree);
    Stage stage{{}, 0.0F};
    do {
        std::optional<Tree> tree = boost.add();
        if (!tree) {
            break;
        }
        stage.trees.push_back(std::move(*tree));
        stage.threshold =
            threshold_for(boost.scores(), samples.threshold_weights, options.min_hit_rate);
        set_rates(stage, boost.scores(), samples, step);
        step.trees = stage.trees.size();
        progress(step);
    } while (step.false_alarm_rate > options.max_false_alarm_rate &&
             stage.trees.size() < options.max_trees);
    if (stage.trees.empty()) {
        throw std::invalid_argument(
            "positives: expected windows that some feature separates from the negatives of stage " +
            std::to_string(step.stage));
    }
    return stage;
}

/// Appends a stage and those of its features that the cascade lacks.
void append(Cascade& cascade, Stage stage, const std::vector<LbpFeature>& features) {
    for (Tree& tree : stage.trees) {
        for (TreeNode& node : tree.nodes) {
            const LbpFeature& feature = features[node.feature];
            const auto at = std::find(cascade.features.begin(), cascade.features.end(), feature);
            node.feature = static_cast<std::uint32_t>(at - cascade.features.begin());
            if (at == cascade.features.end()) {
                cascade.features.push_back(feature);
            }
        }
    }
    cascade.stages.push_back(std::move(stage));
}

}  // namespace

Cascade train_cascade(const Positives& positives, std::vector<MiningImage> images,
                      const TrainingOptions& options, Cascade start,
                      const std::function<void(const TrainingStep&)>& progress) {
    check(positives, options, start);
    Cascade cascade = std::move(start);
    if (cascade.stages.empty()) {
        cascade = {static_cast<std::uint32_t>(positives.width),
                   static_cast<std::uint32_t>(positives.height),
                   {},
                   {}};
    }
    const std::vector<LbpFeature> features = all_lbp_features(positives.width, positives.height);
    Miner miner(std::move(images), positives.height, positives.width, options.mining);
    while (cascade.stages.size() < options.stages) {
        TrainingStep step{cascade.stages.size(), 0, 1, 1, 0, 1, nullptr};
        miner.draw(cascade, options.negatives, [&](std::size_t found) {
            step.negatives = found;
            progress(step);
        });
        step.negatives = miner.drawn();
        step.acceptance = miner.acceptance();
        if (step.negatives < options.fewest_negatives) {
            if (cascade.stages.empty()) {
                throw std::invalid_argument("images: expected at least " +
                                            std::to_string(options.fewest_negatives) +
                                            " windows, got " + std::to_string(step.negatives));
            }
            break;
        }
        const Samples samples = gather(positives, cascade, miner, options);
        const CodeMatrix codes(features, samples.pixels, positives.height, positives.width,
                               options.tree.threads);
        append(cascade, train_stage(codes, samples, options, step, progress), features);
        step.done = &cascade;
        progress(step);
    }
    return cascade;
}

}  // namespace lvcore
