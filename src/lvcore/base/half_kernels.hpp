#include <bit>
#include <cstddef>
#include <cstdint>

#include "lvcore/base/half.hpp"
#include "lvcore/base/simd.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// `first` if `chosen`, else `second`: by masks, since compilers make nested conditionals branches.
LVCORE_INLINE std::uint32_t select(bool chosen, std::uint32_t first, std::uint32_t second) {
    const std::uint32_t mask = 0U - static_cast<std::uint32_t>(chosen);
    return (first & mask) | (second & ~mask);
}

/// Computes all cases and selects one, so that a loop over this vectorises.
LVCORE_INLINE std::uint16_t half_bits(float value) {
    constexpr std::int32_t kInfinity = 0x7f800000;
    constexpr std::int32_t kTwoTo16 = 0x47800000;
    constexpr std::int32_t kSmallestNormal = 0x38800000;  // 2^-14
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000;
    const std::uint32_t magnitude = bits & 0x7fffffff;
    const auto order = static_cast<std::int32_t>(magnitude);
    // The exponent bias is 15, not 127. The 13 dropped bits round up above one half, and at exactly
    // one half if the last kept bit is odd.
    const std::uint32_t normal =
        (magnitude - (std::uint32_t{112} << 23) + 0x0fff + ((magnitude >> 13) & 1)) >> 13;
    // The last bit of a float between 1/2 and 1 is worth 2^-24, like that of a subnormal half, so
    // the addition rounds correctly.
    const auto sum = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F);
    const std::uint32_t subnormal = sum - std::bit_cast<std::uint32_t>(0.5F);
    const std::uint32_t huge = select(order > kInfinity, 0x7e00, 0x7c00);
    const std::uint32_t finite = select(order < kSmallestNormal, subnormal, normal);
    return static_cast<std::uint16_t>(sign | select(order < kTwoTo16, finite, huge));
}

void to_halves(const float* LVCORE_RESTRICT values, std::size_t count, Half* LVCORE_RESTRICT out) {
    for (std::size_t i = 0; i < count; ++i) {
        out[i].bits = half_bits(values[i]);
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
