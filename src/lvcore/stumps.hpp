#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvcore/cascade.hpp"

namespace lvcore {

/// How many neighbouring windows are evaluated at once.
inline constexpr std::size_t kLanes = 8;

/// A weak classifier of one question, ready for one layout of integral images.
struct Stump {
    LbpCorners corners;
    LbpSubset subset;
    /// The leaf of the codes in the subset, and that of the others.
    double inside;
    double outside;
};

/// The stumps of a stage and what their sum must reach.
struct StumpStage {
    std::vector<Stump> stumps;
    double pass_mark;
};

/// The sum of a stage at one window.
inline double stage_sum(const StumpStage& stage, const std::uint32_t* window) {
    double sum = 0;
    for (const Stump& stump : stage.stumps) {
        const bool in = contains(stump.subset, lbp_code(window, stump.corners));
        sum += in ? stump.inside : stump.outside;
    }
    return sum;
}

/// Writes the sums of a stage at `kLanes` windows, the first at `window` and each next one entry
/// further, and returns the windows that pass as a set of bits. Reads as many entries as that.
using LaneSums = unsigned (*)(const StumpStage& stage, const std::uint32_t* window, double* sums);

/// For every machine.
unsigned portable_lane_sums(const StumpStage& stage, const std::uint32_t* window, double* sums);

/// The fastest way on this machine; all ways give the same bits.
LaneSums fastest_lane_sums();

}  // namespace lvcore
