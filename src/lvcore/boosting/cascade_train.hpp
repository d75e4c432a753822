#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lvcore/boosting/boost.hpp"
#include "lvcore/boosting/mining.hpp"
#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

/// Windows that show what is sought, and how much each counts.
struct Positives {
    /// (window, row, column)
    std::span<const std::uint8_t> pixels;
    std::size_t height;
    std::size_t width;
    /// One a window.
    std::span<const double> weights;
};

/// What a cascade should reach, and how.
struct TrainingOptions {
    std::size_t stages = 15;
    /// A stage is done when at least this share of the weight of the positives that came to it
    /// passes, and at most that share of its negatives.
    double min_hit_rate = 0.995;
    double max_false_alarm_rate = 0.5;
    /// This share of the positives, others for each stage, is kept from its trees and alone decides
    /// its threshold: the hit rate is then that of new windows. With 0, all positives do both.
    double held_out = 0;
    /// A stage of so many trees is done in any case.
    std::size_t max_trees = 200;
    /// Negatives of a stage, and the fewest to train one with.
    std::size_t negatives = 9000;
    std::size_t fewest_negatives = 900;
    TreeOptions tree;
    MiningOptions mining;
};

/// How far training is.
struct TrainingStep {
    /// The stage in the making, counted from 0, and its trees so far; 0 while negatives are drawn.
    std::size_t stage;
    std::size_t trees;
    /// Of this stage: the weighted share of the positives that decide its threshold, and the share
    /// of its negatives, that pass.
    double hit_rate;
    double false_alarm_rate;
    /// Negatives of this stage, and the share of all windows that the stages before accept; while
    /// negatives are drawn, those found so far, and 1.
    std::size_t negatives;
    double acceptance;
    /// The cascade, once its last stage is done.
    const Cascade* done;
};

/// Trains a cascade, or goes on with one: `start` has the first stages, as they came with the same
/// data and options, and the result is as if training had never stopped.
///
/// Positives that a stage rejects play no part in later ones. Both classes weigh the same. Ends
/// early, with fewer stages, when fewer windows than `fewest_negatives` of all images pass: the
/// cascade has then reached what these images can teach.
///
/// The result is the same for every number of threads. `progress` is called on the caller's thread,
/// after every tree, every stage and some times while negatives are drawn; what it throws ends the
/// training and is thrown on.
///
/// @throws std::invalid_argument if there are no positives, their sides are below 3 or above
/// `kMaxCascadeWindow`, a weight is not finite and above 0, `start` has windows of another size or
/// is not sound, no feature tells a stage's positives and negatives apart, an option is out of
/// range, or an image or a square is not as `Miner` needs it.
Cascade train_cascade(const Positives& positives, std::vector<MiningImage> images,
                      const TrainingOptions& options, Cascade start,
                      const std::function<void(const TrainingStep&)>& progress);

}  // namespace lvcore
