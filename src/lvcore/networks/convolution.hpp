#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lvcore/networks/convolution_kernels.hpp"
#include "lvcore/networks/feature_map.hpp"

namespace lvcore {

/// The weights (channel out, channel in, row, column) and biases of a convolution, that someone
/// else owns.
struct ConvolutionWeights {
    std::span<const float> weights;
    std::span<const float> bias;
    std::size_t channels_out;
    std::size_t channels_in;
    /// Rows and columns, odd.
    std::size_t kernel;
};

/// What follows a convolution.
enum class Activation { none, relu };

/// A convolution of stride 1 that keeps the size of its map, weights packed for one set of
/// instructions. Sums are those of one order for every map and thread, another for every set of
/// instructions.
class Convolution {
  public:
    /// @param name stands for the convolution in messages.
    /// @throws std::invalid_argument if a size is 0, the kernel even, the numbers of weights and
    /// biases do not follow from the sizes, one is not finite, or instructions are not available.
    Convolution(const std::string& name, const ConvolutionWeights& weights, Activation activation,
                Instructions instructions);

    /// Convolves the input's first channels. `in` can be read, and should be 0, to `border()`
    /// pixels outside of `rows` x `columns`.
    ///
    /// Where the map divides into tiles and there are several input channels, this is by Winograd's
    /// minimal filtering, for a third of the time where they are many: same sums, other rounding.
    ///
    /// @param scratch of `scratch_size()` floats.
    void apply(MapView<const float> in, std::size_t rows, std::size_t columns, MapView<float> out,
               float* scratch) const;

    [[nodiscard]] std::size_t scratch_size() const;

    [[nodiscard]] std::size_t border() const { return kernel_ / 2; }
    [[nodiscard]] std::size_t channels_in() const { return channels_in_; }
    [[nodiscard]] std::size_t channels_out() const { return channels_out_; }

  private:
    /// Outputs along an axis of a tile; 0 where tiles do not pay.
    [[nodiscard]] std::size_t tile_outputs() const;
    void pack_tiles(const ConvolutionWeights& weights);

    const ConvolutionKernels* kernels_;
    std::size_t channels_out_;
    std::size_t channels_in_;
    std::size_t kernel_;
    Activation activation_;
    FloatBuffer weights_;
    FloatBuffer bias_;
    /// For tiles: the transformed weights, and zeros.
    FloatBuffer tile_weights_;
    FloatBuffer zeros_;
};

}  // namespace lvcore
