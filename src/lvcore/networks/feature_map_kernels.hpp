#include <algorithm>
#include <cstddef>

#include "lvcore/base/simd.hpp"
#include "lvcore/networks/feature_map.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// The larger, or NaN if either is. Two selections, since compilers vectorise only those.
LVCORE_INLINE float larger(float a, float b) {
    const float most = a > b ? a : b;  // b if either is NaN
    return a == a ? most : a;
}

void max_pool(MapView<const float> in, std::size_t rows, std::size_t columns, std::size_t channels,
              MapView<float> out) {
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            const float* a = in.data + 2 * y * in.row + 2 * x * in.pixel;
            const float* b = a + in.pixel;
            const float* c = a + in.row;
            const float* d = c + in.pixel;
            float* LVCORE_RESTRICT to = out.data + y * out.row + x * out.pixel;
            for (std::size_t i = 0; i < channels; ++i) {
                to[i] = larger(larger(a[i], b[i]), larger(c[i], d[i]));
            }
        }
    }
}

void channel_means(MapView<const float> in, std::size_t rows, std::size_t columns,
                   std::size_t channels, double* means) {
    std::fill_n(means, channels, 0.0);
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            const float* LVCORE_RESTRICT from = in.data + y * in.row + x * in.pixel;
            for (std::size_t i = 0; i < channels; ++i) {
                means[i] += static_cast<double>(from[i]);
            }
        }
    }
    const auto pixels = static_cast<double>(rows * columns);
    for (std::size_t i = 0; i < channels; ++i) {
        means[i] /= pixels;
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
