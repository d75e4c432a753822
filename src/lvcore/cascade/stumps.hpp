#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvcore/base/instructions.hpp"
#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

/// Neighbouring windows that are evaluated at once.
inline constexpr std::size_t kLanes = 8;

/// A tree of one node, prepared for one layout of integral images.
struct Stump {
    LbpCorners corners;
    LbpSubset subset;
    /// The leaf of codes in the subset, and that of the others.
    double inside;
    double outside;
};

/// The stumps of a stage and the sum they must reach.
struct StumpStage {
    std::vector<Stump> stumps;
    double pass_mark;
};

/// Evaluates `kLanes` windows, the first at `window` and each next one entry further: writes their
/// sums and returns the bits of those that pass. Reads the entries of all lanes, but only the
/// results of the lanes whose bits are set in `lanes`, which is not 0, are defined.
using LaneSums = unsigned (*)(const StumpStage& stage, const std::uint32_t* window, unsigned lanes,
                              double* sums);

/// The version for available instructions; all give bit-identical sums.
LaneSums lane_sums(Instructions instructions);

}  // namespace lvcore
