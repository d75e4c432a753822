#include <cstddef>
#include <cstdint>

#include "lvcore/base/simd.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// (256 - weight) upper + weight lower: at most 255 x 256, which fits in 16 bits.
void blend_rows(const std::uint8_t* upper, const std::uint8_t* lower, std::uint32_t weight,
                std::size_t count, std::uint16_t* LVCORE_RESTRICT to) {
    const auto down = static_cast<std::uint16_t>(weight);
    const auto up = static_cast<std::uint16_t>(256U - weight);
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::uint16_t>(upper[i] * up + lower[i] * down);
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
