#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/base/pixels.hpp"
#include "lvcore/planes/geometry.hpp"

namespace lvcore {

/// Outputs that share one map, from output to input indices: output i is image `sources[i]`,
/// `rows` x `columns`, at `out + i * rows * columns`.
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
/// An output pixel is the mean of linear samples on a fixed grid in its own axes: s = ceil(step)
/// intervals a pixel along each, offsets (1 - s)/s ... (s - 1)/s with triangle weights. That is
/// plain linear interpolation at steps up to 1. Samples off the image are left out of the mean
/// under `Edge::zero`.
template <class Pixel>
void resample_obliquely(const SharedMap<Pixel>& shared, std::size_t begin, std::size_t end);

extern template void resample_obliquely(const SharedMap<float>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::uint8_t>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::uint16_t>&, std::size_t, std::size_t);
extern template void resample_obliquely(const SharedMap<std::int16_t>&, std::size_t, std::size_t);

}  // namespace lvcore
