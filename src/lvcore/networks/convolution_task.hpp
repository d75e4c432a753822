#pragma once

#include <cstddef>

#include "lvcore/base/instructions.hpp"
#include "lvcore/base/simd.hpp"

namespace lvcore {

/// A convolution of a map that is readable as far outside as the kernel reaches.
struct ConvolutionTask {
    /// The first tap of the first output: half a kernel above and left of it.
    const float* in;
    /// Floats from one row, and from one pixel, to the next.
    std::size_t in_row;
    std::size_t in_pixel;
    float* out;
    std::size_t out_row;
    std::size_t out_pixel;
    std::size_t rows;
    std::size_t columns;
    /// Packed block by block of output channels.
    const float* weights;
    const float* bias;
    std::size_t kernel;
    std::size_t channels_in;
    std::size_t channels_out;
    bool relu;
};

/// Rows and columns of input tiles in Winograd's minimal filtering: a tile gives 4 x 4 outputs of a
/// 3 x 3 kernel or 2 x 2 of a 5 x 5 kernel, with 36 products per pair of channels instead of 144 or
/// 100.
inline constexpr std::size_t kTile = 6;

/// Tiles transformed, multiplied and transformed back together.
inline constexpr std::size_t kTilesAtOnce = 12;

/// Floats from one value of the tiles to the next in scratch memory: not a multiple that would map
/// them all to the same few cache sets.
LVCORE_INLINE constexpr std::size_t winograd_plane(std::size_t channels) {
    return (kTilesAtOnce * channels + 31) / 32 * 32 + 16;
}

/// A convolution by Winograd's minimal filtering.
struct WinogradTask {
    /// `kernel` is 3 or 5, rows and columns are at least 4 or 2, respectively. The weights are 36
    /// matrices, each packed like a 1 x 1 convolution.
    ConvolutionTask convolution;
    /// Floats from one matrix to the next.
    std::size_t weights_plane;
    /// One per output channel, including those that pad the last block.
    const float* zeros;
    /// Room for 36 planes of the input channels and 36 of the output channels.
    float* scratch;
};

/// The kernels for one set of instructions.
struct ConvolutionKernels {
    /// Floats in a vector.
    std::size_t lanes;
    void (*convolve)(const ConvolutionTask& task);
    void (*convolve_by_winograd)(const WinogradTask& task);
};

/// Output channels in the next block: two vectors if one is not enough, otherwise a vector, a half
/// or a quarter, of at least four floats. Weights are packed accordingly.
LVCORE_INLINE constexpr std::size_t block_width(std::size_t channels_left, std::size_t lanes) {
    if (channels_left > lanes) {
        return 2 * lanes;
    }
    std::size_t width = lanes;
    while (width > 4 && channels_left <= width / 2) {
        width /= 2;
    }
    return width;
}

/// The kernels for available instructions.
const ConvolutionKernels& convolution_kernels(Instructions instructions);

}  // namespace lvcore
