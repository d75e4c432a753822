#pragma once

#include <cstddef>
#include <vector>

#include "lvcore/networks/feature_map.hpp"

namespace lvcore {

/// How a map is enlarged.
enum class Upsampling {
    nearest,
    /// With aligned pixel edges; constant beyond the outermost centres.
    bilinear,
};

/// An output along an axis: `weight` of input `second`, the rest of input `first`.
struct UpsamplingTap {
    std::size_t first;
    std::size_t second;
    float weight;
};

/// The taps of `size * factor` outputs along an axis of `size` inputs.
std::vector<UpsamplingTap> upsampling_taps(std::size_t size, std::size_t factor,
                                           Upsampling upsampling);

/// Writes an output for every pair of a row tap and a column tap.
void upsample(MapView<const float> in, const std::vector<UpsamplingTap>& row_taps,
              const std::vector<UpsamplingTap>& column_taps, std::size_t channels,
              MapView<float> out);

}  // namespace lvcore
