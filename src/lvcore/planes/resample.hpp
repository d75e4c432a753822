#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Largest step of a map with rotation or shear, in input pixels per output pixel; for maps along
/// the axes it is `kMaxStep`.
inline constexpr double kMaxRotatedStep = 64.0;

/// The planes to resample.
struct ResampleRequest {
    /// Six elements per output, row by row: from output (row, column, 1) to input (row, column)
    /// pixel-centre indices.
    std::span<const double> matrices;
    /// The image of each output.
    std::span<const std::int64_t> sources;
    /// Size of an output.
    std::size_t rows;
    std::size_t columns;
    Edge edge;
};

/// Resamples planes: output n is image `sources[n]` under the n-th matrix.
///
/// Interpolation is linear; a map that shrinks is filtered by a triangle as wide as the step. Along
/// the axes, including flips and quarter turns, as in `AxisTaps`, and exact if the map takes pixel
/// centres to pixel centres; with rotation or shear as in `resample_obliquely`, which approaches
/// the former as the angle goes to zero.
///
/// Consecutive outputs under one matrix cost less, since they are planned once.
///
/// @returns floats, outputs x rows x columns; the same for every number of threads.
/// @throws std::invalid_argument if an image has no pixels or more than `kMaxPixels`, there are not
/// 6 matrix elements per source, an element is not finite, or a step is above the limits.
/// @throws std::out_of_range if a source is not the index of an image.
template <class Pixel>
FloatBuffer resample(const ImageBatch<Pixel>& images, const ResampleRequest& request,
                     std::size_t threads);

/// The same into the caller's memory, outputs x rows x columns, which must not overlap the images.
///
/// @throws std::invalid_argument also if `out` has another size.
template <class Pixel>
void resample_into(std::span<float> out, const ImageBatch<Pixel>& images,
                   const ResampleRequest& request, std::size_t threads);

extern template FloatBuffer resample(const ImageBatch<float>&, const ResampleRequest&, std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::uint8_t>&, const ResampleRequest&,
                                     std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::uint16_t>&, const ResampleRequest&,
                                     std::size_t);
extern template FloatBuffer resample(const ImageBatch<std::int16_t>&, const ResampleRequest&,
                                     std::size_t);
extern template void resample_into(std::span<float>, const ImageBatch<float>&,
                                   const ResampleRequest&, std::size_t);
extern template void resample_into(std::span<float>, const ImageBatch<std::uint8_t>&,
                                   const ResampleRequest&, std::size_t);
extern template void resample_into(std::span<float>, const ImageBatch<std::uint16_t>&,
                                   const ResampleRequest&, std::size_t);
extern template void resample_into(std::span<float>, const ImageBatch<std::int16_t>&,
                                   const ResampleRequest&, std::size_t);

}  // namespace lvcore
