#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvcore/cascade/cascade.hpp"

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

/// Of `kLanes` windows, the first at `window` and each next one entry further, evaluates those in
/// `lanes`, a set of bits that is not empty: writes their sums and returns those that pass. Reads
/// the entries of all lanes; what it says of the others has no meaning.
using LaneSums = unsigned (*)(const StumpStage& stage, const std::uint32_t* window, unsigned lanes,
                              double* sums);

/// For every machine.
unsigned portable_lane_sums(const StumpStage& stage, const std::uint32_t* window, unsigned lanes,
                            double* sums);

/// The fastest way on this machine; all ways give the same bits.
LaneSums fastest_lane_sums();

}  // namespace lvcore
