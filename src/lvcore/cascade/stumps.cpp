#include "lvcore/cascade/stumps.hpp"

#define LVCORE_KERNELS "lvcore/cascade/stumps_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

LaneSums lane_sums(Instructions instructions) { return LVCORE_VERSION(lane_sums, instructions); }

}  // namespace lvcore
