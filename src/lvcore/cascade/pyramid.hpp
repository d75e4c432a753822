#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lvcore {

/// An 8-bit image, row by row, that someone else owns.
struct ByteImage {
    const std::uint8_t* data;
    std::size_t rows;
    std::size_t columns;
};

/// Brings finite floats to bytes, linearly: the smallest becomes 0 and the largest 255, halves are
/// rounded up; equal floats all become 0.
///
/// @throws std::invalid_argument if a float is not finite.
std::vector<std::uint8_t> to_bytes(std::span<const float> pixels);

/// Where an output pixel lies between two neighbours of one axis: (256 - weight) / 256 of pixel
/// `index` and weight / 256 of the next. The weight is 0 where there is no next.
struct LinearTap {
    std::uint32_t index;
    std::uint32_t weight;
};

/// The taps that bring an axis of `from` pixels to `to`, bilinear with pixel centres at halves.
/// Weights are rounded to 1/256, halves to even, as OpenCV's INTER_LINEAR_EXACT does.
std::vector<LinearTap> linear_taps(std::size_t from, std::size_t to);

/// Resizes a band of rows: row i of the result is made by tap `first_row + i` of `row_taps`. Every
/// pixel is the weighted mean of its four neighbours, rounded once, halves up. Bit by bit what
/// OpenCV's resize with INTER_LINEAR_EXACT gives.
///
/// @param scratch  room for one row of `image` and one pixel more
/// @param band     receives `rows` rows of as many pixels as `column_taps` has
void resize_band(const ByteImage& image, std::span<const LinearTap> row_taps,
                 std::span<const LinearTap> column_taps, std::size_t first_row, std::size_t rows,
                 std::span<std::uint16_t> scratch, std::uint8_t* band);

}  // namespace lvcore
