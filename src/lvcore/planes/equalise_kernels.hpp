#include <cstddef>
#include <cstdint>

#include "lvcore/base/simd.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// The level of a finite value, from 0 to `last`.
LVCORE_INLINE std::int32_t level_of(float value, float lowest, float step, float last) {
    const float level = (value - lowest) / step;
    const float above = level > 0.0F ? level : 0.0F;
    return static_cast<std::int32_t>(above < last ? above : last);
}

void find_levels(const float* LVCORE_RESTRICT values, std::size_t count, float lowest, float step,
                 float last, std::int32_t* LVCORE_RESTRICT levels) {
    for (std::size_t i = 0; i < count; ++i) {
        levels[i] = level_of(values[i], lowest, step, last);
    }
}

void look_up(const float* LVCORE_RESTRICT values, std::size_t count, float lowest, float step,
             float last, const float* LVCORE_RESTRICT table, float* LVCORE_RESTRICT out) {
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = table[level_of(values[i], lowest, step, last)];
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
