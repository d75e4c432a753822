#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "lvcore/base/simd.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// Partial sums: a fixed order of addition that still vectorises.
constexpr std::size_t kSums = 8;

/// Mean and standard deviation of at least one value, in one pass: sums of differences from the
/// first value and of their squares, which keeps the variance free of cancellation.
template <bool with_deviation>
LVCORE_INLINE std::array<double, 2> moments(const float* values, std::size_t count) {
    const double origin = values[0];
    std::array<double, kSums> sums{};
    std::array<double, kSums> squares{};
    const auto add = [&](std::size_t i, std::size_t lane) {
        const double d = static_cast<double>(values[i]) - origin;
        sums[lane] += d;
        if constexpr (with_deviation) {
            squares[lane] += d * d;
        }
    };
    std::size_t i = 0;
    for (; i + kSums <= count; i += kSums) {
        for (std::size_t lane = 0; lane < kSums; ++lane) {
            add(i + lane, lane);
        }
    }
    for (std::size_t lane = 0; i < count; ++i, ++lane) {
        add(i, lane);
    }
    const double n = static_cast<double>(count);
    const double shift = std::accumulate(sums.begin(), sums.end(), 0.0) / n;
    const double square = std::accumulate(squares.begin(), squares.end(), 0.0) / n;
    return {origin + shift, std::sqrt(std::max(square - shift * shift, 0.0))};
}

void subtract_mean(float* values, std::size_t count) {
    const float shift = static_cast<float>(moments<false>(values, count)[0]);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] -= shift;
    }
}

void standardise(float* values, std::size_t count) {
    const auto [mean, deviation] = moments<true>(values, count);
    const double smallest = std::max(1e-6, 1e-5 * std::abs(mean));
    const float shift = static_cast<float>(mean);
    const float scale = static_cast<float>(1.0 / std::max(deviation, smallest));
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = (values[i] - shift) * scale;
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
