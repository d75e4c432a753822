#include <bit>
#include <cstddef>
#include <cstdint>

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

bool all_finite(const float* values, std::size_t count) {
    // An early return would prevent vectorisation.
    std::uint32_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
        constexpr std::uint32_t kExponent = 0x7f800000;
        found |= (std::bit_cast<std::uint32_t>(values[i]) & kExponent) == kExponent ? 1U : 0U;
    }
    return found == 0;
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
