#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/pixels.hpp"

namespace lvcore {

/// Images of one size, one after the other, that someone else owns.
template <class Pixel>
struct ImageBatch {
    const Pixel* data;
    std::size_t count;
    std::size_t rows;
    std::size_t columns;
};

/// Most input pixels an output pixel that a map with rotation or shear may step; maps along the
/// axes may step `kMaxStep`.
inline constexpr double kMaxRotatedStep = 64.0;

/// Resamples planes: output n is image `sources[n]` under the map `matrices[6 n … 6 n + 5]`, row by
/// row (m0 m1 m2; m3 m4 m5), from output (row, column) to input (row, column) pixel-centre indices.
///
/// Interpolation is linear. Where the map shrinks, the filter is a triangle as wide as the step:
/// - along the axes (flips and quarter turns included) as in `AxisTaps`; exact where the map takes
///   pixel centres to pixel centres;
/// - with rotation or shear, each output pixel is the mean of linear samples on a fixed grid in its
/// own
///   axes: s = ceil(step) intervals a pixel along each, offsets (1 - s)/s … (s - 1)/s with triangle
///   weights. That is plain linear interpolation at steps up to 1, and approaches the other case as
///   the angle goes to zero.
/// `Edge::zero` takes pixels outside as 0, `Edge::nearest` as the nearest edge pixel.
///
/// @returns floats, `sources.size()` x `rows` x `columns`; the same for every number of threads.
/// @throws std::invalid_argument on an image without pixels or with more than `kMaxPixels`, a
/// number of matrix elements other than 6 a source, an element that is not finite, or a step above
/// the limits.
/// @throws std::out_of_range on a source that is no image.
template <class Pixel>
FloatBuffer resample(const ImageBatch<Pixel>& images, std::span<const double> matrices,
                     std::span<const std::int64_t> sources, std::size_t rows, std::size_t columns,
                     Edge edge, std::size_t threads);

extern template FloatBuffer resample(const ImageBatch<float>&, std::span<const double>,
                                     std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                                     std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::uint8_t>&, std::span<const double>,
                                     std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                                     std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::uint16_t>&, std::span<const double>,
                                     std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                                     std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::int16_t>&, std::span<const double>,
                                     std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                                     std::size_t);

}  // namespace lvcore
