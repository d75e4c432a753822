#include "lvcore/cascade/pyramid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#define LVCORE_KERNELS "lvcore/cascade/pyramid_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

std::vector<std::uint8_t> to_bytes(std::span<const float> pixels) {
    std::vector<std::uint8_t> bytes(pixels.size(), 0);
    if (pixels.empty()) {
        return bytes;
    }
    for (const float pixel : pixels) {
        if (!std::isfinite(pixel)) {
            throw std::invalid_argument("image: expected finite pixels, got " +
                                        std::to_string(pixel));
        }
    }
    const auto [smallest, largest] = std::minmax_element(pixels.begin(), pixels.end());
    const double low = static_cast<double>(*smallest);
    const double range = static_cast<double>(*largest) - low;
    if (range > 0) {
        std::transform(pixels.begin(), pixels.end(), bytes.begin(), [low, range](float pixel) {
            const double share = (static_cast<double>(pixel) - low) / range;
            return static_cast<std::uint8_t>(255.0 * share + 0.5);
        });
    }
    return bytes;
}

std::vector<LinearTap> linear_taps(std::size_t from, std::size_t to) {
    // The order of operations affects the result.
    const double step = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
    std::vector<LinearTap> taps(to);
    for (std::size_t i = 0; i < to; ++i) {
        const double place = step * (static_cast<double>(i) + 0.5) - 0.5;
        const double below = std::floor(place);
        if (below < 0) {
            taps[i] = {0, 0};
        } else if (below >= static_cast<double>(from - 1)) {
            taps[i] = {static_cast<std::uint32_t>(from - 1), 0};
        } else {
            taps[i] = {static_cast<std::uint32_t>(below),
                       static_cast<std::uint32_t>(std::nearbyint((place - below) * 256.0))};
        }
    }
    return taps;
}

void resize_band(const ByteImage& image, std::span<const LinearTap> row_taps,
                 std::span<const LinearTap> column_taps, std::size_t first_row, std::size_t rows,
                 std::span<std::uint16_t> scratch, std::uint8_t* band) {
    const auto& blend_rows = LVCORE_BEST(blend_rows);
    scratch[image.columns] = 0;
    for (std::size_t r = 0; r < rows; ++r) {
        const LinearTap row = row_taps[first_row + r];
        const std::uint8_t* upper = image.data + row.index * image.columns;
        const std::uint8_t* lower = row.weight == 0 ? upper : upper + image.columns;
        blend_rows(upper, lower, row.weight, image.columns, scratch.data());
        std::uint8_t* to = band + r * column_taps.size();
        for (const LinearTap& column : column_taps) {
            // Loads both neighbours as one word, whatever the byte order.
            std::array<std::uint16_t, 2> pair;
            std::memcpy(pair.data(), scratch.data() + column.index, sizeof(pair));
            const std::uint32_t sum = pair[0] * (256U - column.weight) + pair[1] * column.weight;
            *to++ = static_cast<std::uint8_t>((sum + 0x8000U) >> 16U);
        }
    }
}

}  // namespace lvcore
