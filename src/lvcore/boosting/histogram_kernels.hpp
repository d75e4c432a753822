#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "lvcore/boosting/histogram.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// Consecutive samples go to different histograms, so that repeated codes do not wait for each
/// other.
void sum_weights(const std::uint8_t* codes, const std::uint32_t* samples,
                 const std::uint32_t* weights, std::size_t count, Bins& bins) {
    std::array<Bins, 4> apart{};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        for (std::size_t k = 0; k < 4; ++k) {
            apart[k][codes[samples[i + k]]] += weights[i + k];
        }
    }
    for (; i < count; ++i) {
        apart[0][codes[samples[i]]] += weights[i];
    }
    for (std::size_t c = 0; c < kCodes; ++c) {
        bins[c] = apart[0][c] + apart[1][c] + apart[2][c] + apart[3][c];
    }
}

float most_explained(const Histogram& h) {
    std::array<float, 8> sums{};
    for (std::size_t c = 0; c < kCodes; c += 8) {
        for (std::size_t k = 0; k < 8; ++k) {
            const auto p = static_cast<float>(static_cast<std::int32_t>(h.positive[c + k] >> 1U));
            const auto n = static_cast<float>(static_cast<std::int32_t>(h.negative[c + k] >> 1U));
            sums[k] += (p - n) * (p - n) / std::max(p + n, 1.0F);
        }
    }
    // Doubled, since weights were halved to fit signed integers; the rest allows for rounding.
    return 2.0F * std::accumulate(sums.begin(), sums.end(), 0.0F) * 1.001F + 2048.0F;
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
