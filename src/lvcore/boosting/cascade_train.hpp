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

/// Windows that show the object, and their weights.
struct Positives {
    /// (window, row, column)
    std::span<const std::uint8_t> pixels;
    std::size_t height;
    std::size_t width;
    /// One per window.
    std::span<const double> weights;
};

/// Targets and limits of training.
struct TrainingOptions {
    std::size_t stages = 15;
    /// A stage is done when at least `min_hit_rate` of the weight of the positives that reach it
    /// passes, and at most `max_false_alarm_rate` of its negatives.
    double min_hit_rate = 0.995;
    double max_false_alarm_rate = 0.5;
    /// This fraction of the positives, drawn for each stage, is kept from its trees and alone
    /// decides its threshold, so that the hit rate is that of new windows. With 0, all positives do
    /// both.
    double held_out = 0;
    /// A stage of this many trees is done in any case.
    std::size_t max_trees = 200;
    /// Negatives of a stage, and the fewest needed to train one.
    std::size_t negatives = 9000;
    std::size_t fewest_negatives = 900;
    TreeOptions tree;
    MiningOptions mining;
};

/// Progress of training.
struct TrainingStep {
    /// The stage being trained, counted from 0, and its trees so far; 0 while drawing negatives.
    std::size_t stage;
    std::size_t trees;
    /// The fractions that pass this stage: of the weight of the positives that decide its
    /// threshold, and of its negatives.
    double hit_rate;
    double false_alarm_rate;
    /// Negatives of this stage, and the fraction of all windows that earlier stages accept; while
    /// drawing negatives, those found so far, and 1.
    std::size_t negatives;
    double acceptance;
    /// The cascade after a finished stage, else null.
    const Cascade* done;
};

/// Trains a cascade, or continues: `start` holds the first stages, trained with the same data and
/// options, and the result is the same as without the interruption.
///
/// Positives that a stage rejects are not used for later stages. Both classes have equal weight.
/// Training ends early, with fewer stages, when fewer than `fewest_negatives` windows of all images
/// pass, as the images then have no more to teach.
///
/// The result is the same for every number of threads. `progress` is called on the caller's thread,
/// after every tree and stage and repeatedly while drawing negatives; if it throws, training ends
/// and the exception propagates.
///
/// @throws std::invalid_argument if there are no positives, their sides are below 3 or above
/// `kMaxCascadeWindow`, a weight is not finite and above 0, `start` has windows of another size or
/// is not valid, no feature separates the positives and negatives of a stage, an option is out of
/// range, or `Miner` refuses an image or square.
Cascade train_cascade(const Positives& positives, std::vector<MiningImage> images,
                      const TrainingOptions& options, Cascade start,
                      const std::function<void(const TrainingStep&)>& progress);

}  // namespace lvcore
