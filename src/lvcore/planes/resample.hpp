#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Most input pixels an output pixel that a map with rotation or shear may step; maps along the
/// axes may step `kMaxStep`.
inline constexpr double kMaxRotatedStep = 64.0;

/// What to resample, and how.
struct ResampleRequest {
    /// Six elements an output, row by row: from output (row, column, 1) to input (row, column)
    /// pixel-centre indices.
    std::span<const double> matrices;
    /// The image that each output reads.
    std::span<const std::int64_t> sources;
    /// Size of an output.
    std::size_t rows;
    std::size_t columns;
    Edge edge;
};

/// Resamples planes: output n is image `sources[n]` under the n-th matrix.
///
/// Interpolation is linear. Where the map shrinks, the filter is a triangle as wide as the step:
/// along the axes, flips and quarter turns included, as in `AxisTaps`, and exact where the map
/// takes pixel centres to pixel centres; with rotation or shear as in `resample_obliquely`, which
/// approaches the former as the angle goes to zero.
///
/// Successive outputs under one matrix cost less: where they come from is worked out once.
///
/// @returns floats, outputs x rows x columns; the same for every number of threads.
/// @throws std::invalid_argument on an image without pixels or with more than `kMaxPixels`, a
/// number of matrix elements other than 6 a source, an element that is not finite, or a step above
/// the limits.
/// @throws std::out_of_range on a source that is no image.
template <class Pixel>
FloatBuffer resample(const ImageBatch<Pixel>& images, const ResampleRequest& request,
                     std::size_t threads);

/// The same into memory of the caller's, outputs x rows x columns, apart from the images.
///
/// @throws std::invalid_argument also where `out` has another size.
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
