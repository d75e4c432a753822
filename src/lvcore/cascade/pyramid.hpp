#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lvcore {

/// An 8-bit image, row by row, not owned.
struct ByteImage {
    const std::uint8_t* data;
    std::size_t rows;
    std::size_t columns;
};

/// Scales finite floats to bytes linearly: the smallest becomes 0 and the largest 255, halves round
/// up; equal floats all become 0.
///
/// @throws std::invalid_argument if a float is not finite.
std::vector<std::uint8_t> to_bytes(std::span<const float> pixels);

/// The position of an output pixel between two neighbours on one axis: (256 - weight) / 256 of
/// pixel `index` and weight / 256 of the next. The weight is 0 if there is no next pixel.
struct LinearTap {
    std::uint32_t index;
    std::uint32_t weight;
};

/// The taps that resize an axis from `from` to `to` pixels, bilinear with pixel centres at halves.
/// Weights are rounded to 1/256, halves to even, like OpenCV's INTER_LINEAR_EXACT.
std::vector<LinearTap> linear_taps(std::size_t from, std::size_t to);

/// Resizes a band of rows: row i of the result uses tap `first_row + i` of `row_taps`. Each pixel
/// is the weighted mean of its four neighbours, rounded once, halves up. Bit for bit the same as
/// OpenCV's resize with INTER_LINEAR_EXACT.
///
/// @param scratch  of one row of `image` and one more pixel
/// @param band     receives `rows` rows of one pixel per column tap
void resize_band(const ByteImage& image, std::span<const LinearTap> row_taps,
                 std::span<const LinearTap> column_taps, std::size_t first_row, std::size_t rows,
                 std::span<std::uint16_t> scratch, std::uint8_t* band);

}  // namespace lvcore
