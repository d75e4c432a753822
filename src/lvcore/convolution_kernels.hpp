#pragma once

#include <cstddef>

#include "lvcore/instructions.hpp"

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

/// What one set of instructions brings.
struct ConvolutionKernels {
    /// Floats in a vector.
    std::size_t lanes;
    void (*convolve)(const ConvolutionTask& task);
};

/// Output channels that are computed together where so many are left: two vectors if one does not
/// do, else a vector, a half or a quarter of at least four floats. Weights are packed by this.
constexpr std::size_t block_width(std::size_t channels_left, std::size_t lanes) {
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
