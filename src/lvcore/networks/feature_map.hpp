#pragma once

#include <cstddef>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Most stages of a network, each half the size of the one before. This many need patches of at
/// least 128 pixels; patches of 48 allow five.
inline constexpr std::size_t kMaxNetworkStages = 8;

/// A map, not owned, with the channels of a pixel side by side: channel c of pixel (y, x) is
/// `data[y * row + x * pixel + c]`.
template <class Float>
struct MapView {
    Float* data;
    std::size_t row;
    std::size_t pixel;

    /// The map from a channel on.
    [[nodiscard]] MapView from_channel(std::size_t channel) const {
        return {data + channel, row, pixel};
    }
    [[nodiscard]] Float* at(std::size_t y, std::size_t x) const {
        return data + y * row + x * pixel;
    }
    operator MapView<const Float>() const { return {data, row, pixel}; }
};

/// A map with a border of zeros, which convolutions read and nothing writes.
class FeatureMap {
  public:
    FeatureMap(std::size_t rows, std::size_t columns, std::size_t channels, std::size_t border)
        : row_((columns + 2 * border) * channels),
          pixel_(channels),
          first_(border * (row_ + pixel_)),
          floats_(zeros((rows + 2 * border) * row_)) {}

    [[nodiscard]] MapView<float> view() { return {floats_.data() + first_, row_, pixel_}; }

  private:
    std::size_t row_;
    std::size_t pixel_;
    std::size_t first_;
    FloatBuffer floats_;
};

/// Writes the largest of every 2 x 2 pixels, NaN if one is NaN, ignoring an odd last row or column
/// of the input. `rows` and `columns` are the output's.
void max_pool(MapView<const float> in, std::size_t rows, std::size_t columns, std::size_t channels,
              MapView<float> out);

/// The mean of each channel, summed in double precision.
void channel_means(MapView<const float> in, std::size_t rows, std::size_t columns,
                   std::size_t channels, double* means);

}  // namespace lvcore
