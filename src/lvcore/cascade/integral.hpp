#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lvcore {

/// Sums of all pixels above and to the left: entry (r, c) of (rows + 1) x (columns + 1) holds the
/// sum of the first c pixels of the first r rows. Sums wrap around at 2^32; the sum of a block,
/// computed from its four corners, is correct if it is itself below 2^32.
struct IntegralImage {
    std::size_t rows;
    std::size_t columns;
    /// Entries from one row to the next: columns + 1.
    std::size_t stride;
    std::vector<std::uint32_t> sums;
};

/// Integrates an image of rows x columns pixels.
///
/// @throws std::invalid_argument if the number of pixels is not rows x columns.
IntegralImage integrate(std::span<const std::uint8_t> pixels, std::size_t rows,
                        std::size_t columns);

/// Writes the (rows + 1) x (columns + 1) sums of an image to `sums`, `stride` entries a row.
void integrate_into(const std::uint8_t* pixels, std::size_t rows, std::size_t columns,
                    std::uint32_t* sums, std::size_t stride);

/// A multi-block local binary pattern: 3 x 3 blocks of width x height pixels, the top left pixel of
/// the first at (x, y) of the window. Members are in OpenCV's order.
struct LbpFeature {
    std::int32_t x;
    std::int32_t y;
    std::int32_t width;
    std::int32_t height;

    bool operator==(const LbpFeature&) const = default;
};

/// Every feature that fits in a window, ordered by x, y, width and height.
std::vector<LbpFeature> all_lbp_features(std::size_t window_width, std::size_t window_height);

/// Positions of the 4 x 4 corners of a feature's blocks in an integral image, row by row, as
/// offsets in entries from the top left of the window.
using LbpCorners = std::array<std::uint32_t, 16>;

/// The corners of a feature in an integral image with this stride.
LbpCorners lbp_corners(const LbpFeature& feature, std::size_t stride);

/// The code of a feature at the window whose top left entry is `window`: 8 bits, clockwise from 128
/// at the top left to 1 at the left, each set if the sum of its block is at least the centre's.
inline std::uint8_t lbp_code(const std::uint32_t* window, const LbpCorners& corners) {
    const auto block = [&](std::size_t i) {
        return window[corners[i]] - window[corners[i + 1]] - window[corners[i + 4]] +
               window[corners[i + 5]];
    };
    const std::uint32_t centre = block(5);
    const auto bit = [&](std::size_t i, unsigned value) { return block(i) >= centre ? value : 0U; };
    return static_cast<std::uint8_t>(bit(0, 128U) | bit(1, 64U) | bit(2, 32U) | bit(6, 16U) |
                                     bit(10, 8U) | bit(9, 4U) | bit(8, 2U) | bit(4, 1U));
}

}  // namespace lvcore
