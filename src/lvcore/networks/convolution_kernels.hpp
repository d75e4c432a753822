#pragma once

#include <cstddef>

#include "lvcore/base/instructions.hpp"
#include "lvcore/base/simd.hpp"

namespace lvcore {

/// One convolution of a map whose surroundings, as far as the kernel reaches, can be read.
struct ConvolutionTask {
    /// The first tap of the first output, up and left of it by half the kernel.
    const float* in;
    /// Floats from one row, and from one pixel, to the next.
    std::size_t in_row;
    std::size_t in_pixel;
    float* out;
    std::size_t out_row;
    std::size_t out_pixel;
    std::size_t rows;
    std::size_t columns;
    /// As `pack` writes them: block after block of output channels.
    const float* weights;
    const float* bias;
    std::size_t kernel;
    std::size_t channels_in;
    std::size_t channels_out;
    bool relu;
};

/// Rows and columns of the input's tiles in Winograd's minimal filtering: a tile gives 4 x 4
/// outputs of a 3 x 3 kernel or 2 x 2 of a 5 x 5 one, with 36 products a pair of channels in place
/// of 144 or 100.
inline constexpr std::size_t kTile = 6;

/// Tiles that are transformed, multiplied and transformed back together.
inline constexpr std::size_t kTilesAtOnce = 12;

/// Floats from one value of the tiles to the next in scratch memory: no multiple of what would put
/// them all into the same few places of the cache.
LVCORE_INLINE constexpr std::size_t winograd_plane(std::size_t channels) {
    return (kTilesAtOnce * channels + 31) / 32 * 32 + 16;
}

/// A convolution by Winograd's minimal filtering.
struct WinogradTask {
    /// `kernel` is 3 or 5, rows and columns are multiples of 4 or 2. The weights are 36 matrices,
    /// each packed as a 1 x 1 convolution.
    ConvolutionTask convolution;
    /// Floats from one matrix to the next.
    std::size_t weights_plane;
    /// As many as output channels and those that fill up the last block.
    const float* zeros;
    /// For 36 planes of the input's channels and 36 of the output's.
    float* scratch;
};

/// What one set of instructions brings.
struct ConvolutionKernels {
    /// Floats in a vector.
    std::size_t lanes;
    void (*convolve)(const ConvolutionTask& task);
    void (*convolve_by_winograd)(const WinogradTask& task);
};

/// Output channels that are computed together where so many are left: two vectors if one does not
/// do, else a vector, a half or a quarter of at least four floats. Weights are packed by this.
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

/// The kernels for instructions that are available.
const ConvolutionKernels& convolution_kernels(Instructions instructions);

extern const ConvolutionKernels kPortableKernels;
extern const ConvolutionKernels kAvx2Kernels;
extern const ConvolutionKernels kAvx512Kernels;

}  // namespace lvcore
