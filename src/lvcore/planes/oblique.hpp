#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/base/pixels.hpp"
#include "lvcore/planes/geometry.hpp"

namespace lvcore {

/// Outputs that share one map from output to input indices: output i is made from image
/// `sources[i]`, has `rows` x `columns` pixels and lies at `out + i * rows * columns`.
template <class Pixel>
struct SharedMap {
    ImageBatch<Pixel> images;
    std::span<const std::int64_t> sources;
    PlaneMap map;
    Edge edge;
    std::size_t rows;
    std::size_t columns;
    float* out;
};

/// Fills output rows [begin, end) of all outputs under a map of any rotation and shear.
///
/// An output pixel is the mean of linear samples on a fixed grid along its own axes: s = ceil(step)
/// intervals per pixel along each, at offsets (1 - s)/s ... (s - 1)/s with triangle weights. Up to
/// a step of 1, this is plain linear interpolation. `Edge::zero` omits samples off the image from
/// the mean.
template <class Pixel>
void resample_obliquely(const SharedMap<Pixel>& shared, std::size_t begin, std::size_t end);

extern template void resample_obliquely(const SharedMap<float>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::uint8_t>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::uint16_t>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::int16_t>&, std::size_t, std::size_t);

}  // namespace lvcore
