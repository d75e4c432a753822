#include "lvcore/cascade/integral.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

void integrate_into(const std::uint8_t* pixels, std::size_t rows, std::size_t columns,
                    std::uint32_t* sums, std::size_t stride) {
    std::fill_n(sums, columns + 1, 0U);
    for (std::size_t r = 0; r < rows; ++r) {
        const std::uint8_t* from = pixels + r * columns;
        const std::uint32_t* above = sums + r * stride;
        std::uint32_t* to = sums + (r + 1) * stride;
        std::uint32_t row_sum = 0;
        to[0] = 0;
        for (std::size_t c = 0; c < columns; ++c) {
            row_sum += from[c];
            to[c + 1] = above[c + 1] + row_sum;
        }
    }
}

IntegralImage integrate(std::span<const std::uint8_t> pixels, std::size_t rows,
                        std::size_t columns) {
    if (rows == 0 || columns == 0 || columns > kMaxPixels / rows) {
        throw std::invalid_argument("image: expected 1 to 2^30 pixels, got " +
                                    std::to_string(rows) + " x " + std::to_string(columns));
    }
    if (pixels.size() != rows * columns) {
        throw std::invalid_argument("image: expected " + std::to_string(rows * columns) +
                                    " pixels, got " + std::to_string(pixels.size()));
    }
    IntegralImage integral{rows, columns, columns + 1,
                           std::vector<std::uint32_t>((rows + 1) * (columns + 1))};
    integrate_into(pixels.data(), rows, columns, integral.sums.data(), integral.stride);
    return integral;
}

std::vector<LbpFeature> all_lbp_features(std::size_t window_width, std::size_t window_height) {
    std::vector<LbpFeature> features;
    const auto window_columns = static_cast<std::int32_t>(window_width);
    const auto window_rows = static_cast<std::int32_t>(window_height);
    for (std::int32_t x = 0; x < window_columns; ++x) {
        for (std::int32_t y = 0; y < window_rows; ++y) {
            for (std::int32_t width = 1; x + 3 * width <= window_columns; ++width) {
                for (std::int32_t height = 1; y + 3 * height <= window_rows; ++height) {
                    features.push_back({x, y, width, height});
                }
            }
        }
    }
    return features;
}

LbpCorners lbp_corners(const LbpFeature& feature, std::size_t stride) {
    LbpCorners corners;
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 4; ++j) {
            const std::size_t row =
                static_cast<std::size_t>(feature.y) + i * static_cast<std::size_t>(feature.height);
            const std::size_t column =
                static_cast<std::size_t>(feature.x) + j * static_cast<std::size_t>(feature.width);
            corners[4 * i + j] = static_cast<std::uint32_t>(row * stride + column);
        }
    }
    return corners;
}

}  // namespace lvcore
