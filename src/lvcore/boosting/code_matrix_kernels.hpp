#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lvcore/boosting/code_matrix.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// Codes of one feature at the windows of a block, with the bits of `lbp_code`. `sums` are signed,
/// since that is what AVX2 compares: a sum of `kMaxCascadeWindow`^2 pixels fits.
void block_codes(const std::int32_t* sums, const LbpCorners& corners, std::uint8_t* codes) {
    constexpr std::size_t kWindows = 8;
    using Lanes __attribute__((vector_size(4 * kWindows))) = std::int32_t;
    constexpr std::array<std::size_t, 8> kAround = {0, 1, 2, 6, 10, 9, 8, 4};
    alignas(64) std::array<std::int32_t, kCodeBlock> wide;
    for (std::size_t n = 0; n < kCodeBlock; n += kWindows) {
        // Each corner gets a register of its own: an array of them would go through memory. By
        // reference, since how such vectors are returned depends on the instructions.
        const auto take_block = [&](std::size_t i, Lanes& sum) {
            Lanes a;
            Lanes b;
            Lanes c;
            Lanes d;
            std::memcpy(&a, sums + corners[i] * kCodeBlock + n, sizeof(Lanes));
            std::memcpy(&b, sums + corners[i + 1] * kCodeBlock + n, sizeof(Lanes));
            std::memcpy(&c, sums + corners[i + 4] * kCodeBlock + n, sizeof(Lanes));
            std::memcpy(&d, sums + corners[i + 5] * kCodeBlock + n, sizeof(Lanes));
            sum = a - b - c + d;
        };
        Lanes centre;
        take_block(5, centre);
        Lanes code = {};
        for (std::size_t b = 0; b < kAround.size(); ++b) {
            Lanes sum;
            take_block(kAround[b], sum);
            code |= (sum >= centre) & (std::int32_t{128} >> b);
        }
        std::memcpy(wide.data() + n, &code, sizeof(code));
    }
    for (std::size_t n = 0; n < kCodeBlock; ++n) {
        codes[n] = static_cast<std::uint8_t>(wide[n]);
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
