#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lvcore/networks/convolution_task.hpp"
#include "lvcore/networks/feature_map.hpp"

namespace lvcore {

/// The weights (channel out, channel in, row, column) and biases of a convolution, not owned.
struct ConvolutionWeights {
    std::span<const float> weights;
    std::span<const float> bias;
    std::size_t channels_out;
    std::size_t channels_in;
    /// Rows and columns, odd.
    std::size_t kernel;
};

/// The activation after a convolution.
enum class Activation { none, relu };

/// A convolution of stride 1 that keeps the size of its map, with weights packed for one set of
/// instructions. The order of summation depends on the instructions, but not on the map or thread.
class Convolution {
  public:
    /// @param name of the convolution in error messages.
    /// @throws std::invalid_argument if a size is 0, the kernel is even, the number of weights or
    /// biases does not match the sizes, one is not finite, or the instructions are not available.
    Convolution(const std::string& name, const ConvolutionWeights& weights, Activation activation,
                Instructions instructions);

    /// Convolves the first channels of the input. `in` must be readable, and should be 0, up to
    /// `border()` pixels outside `rows` x `columns`.
    ///
    /// Maps that hold whole tiles and have several input channels use Winograd's minimal filtering
    /// where it halves the products at least, which takes a third of the time if the channels are
    /// many: the same sums, rounded differently.
    ///
    /// @param scratch of `scratch_size()` floats.
    void apply(MapView<const float> in, std::size_t rows, std::size_t columns, MapView<float> out,
               float* scratch) const;

    [[nodiscard]] std::size_t scratch_size() const;

    [[nodiscard]] std::size_t border() const { return kernel_ / 2; }
    [[nodiscard]] std::size_t channels_in() const { return channels_in_; }
    [[nodiscard]] std::size_t channels_out() const { return channels_out_; }

  private:
    /// Outputs along an axis of a tile; 0 if tiles never pay.
    [[nodiscard]] std::size_t tile_outputs() const;
    /// Whether tiles halve the products of a map at least.
    [[nodiscard]] bool tiles_pay(std::size_t rows, std::size_t columns) const;
    void pack_tiles(const ConvolutionWeights& weights);

    const ConvolutionKernels* kernels_;
    std::size_t channels_out_;
    std::size_t channels_in_;
    std::size_t kernel_;
    Activation activation_;
    FloatBuffer weights_;
    FloatBuffer bias_;
    /// For tiles: transformed weights, and zeros as biases.
    FloatBuffer tile_weights_;
    FloatBuffer zeros_;
};

}  // namespace lvcore
