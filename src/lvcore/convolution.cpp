#include "lvcore/convolution.hpp"

#include <algorithm>
#include <stdexcept>

#include "lvcore/pixels.hpp"

namespace lvcore {

namespace {

/// Output channels with those that fill up the last block.
std::size_t padded(std::size_t channels, std::size_t lanes) {
    std::size_t sum = 0;
    while (channels > 0) {
        const std::size_t width = block_width(channels, lanes);
        sum += width;
        channels -= std::min(channels, width);
    }
    return sum;
}

void check_finite(const std::string& name, std::span<const float> values) {
    if (!all_finite(values.data(), values.size())) {
        throw std::invalid_argument(name + ": expected finite values, got NaN or infinity");
    }
}

const ConvolutionWeights& checked(const std::string& name, const ConvolutionWeights& given,
                                  Instructions instructions) {
    const auto text = [](std::size_t n) { return std::to_string(n); };
    if (!available(instructions)) {
        throw std::invalid_argument("instructions: expected some that this processor has, got " +
                                    std::string(name_of(instructions)));
    }
    const std::size_t taps = given.kernel * given.kernel;
    if (given.channels_out == 0 || given.channels_in == 0 || given.kernel % 2 == 0 ||
        given.weights.size() != given.channels_out * given.channels_in * taps) {
        throw std::invalid_argument(
            name + ".weight: expected (out, in, kernel, kernel) with an odd kernel, got " +
            text(given.weights.size()) + " numbers for (" + text(given.channels_out) + ", " +
            text(given.channels_in) + ", " + text(given.kernel) + ", " + text(given.kernel) + ")");
    }
    if (given.bias.size() != given.channels_out) {
        throw std::invalid_argument(name + ".bias: expected " + text(given.channels_out) +
                                    " numbers, got " + text(given.bias.size()));
    }
    check_finite(name + ".weight", given.weights);
    check_finite(name + ".bias", given.bias);
    return given;
}

}  // namespace

Convolution::Convolution(const std::string& name, const ConvolutionWeights& weights,
                         Activation activation, Instructions instructions)
    : kernels_(&convolution_kernels(instructions)),
      channels_out_(checked(name, weights, instructions).channels_out),
      channels_in_(weights.channels_in),
      kernel_(weights.kernel),
      activation_(activation),
      weights_(zeros(padded(channels_out_, kernels_->lanes) * channels_in_ * kernel_ * kernel_)),
      bias_(zeros(padded(channels_out_, kernels_->lanes))) {
    std::copy(weights.bias.begin(), weights.bias.end(), bias_.data());
    // Block of output channels, tap, input channel, output channel of the block.
    const std::size_t taps = kernel_ * kernel_;
    float* to = weights_.data();
    for (std::size_t first = 0; first < channels_out_;) {
        const std::size_t width = block_width(channels_out_ - first, kernels_->lanes);
        const std::size_t kept = std::min(width, channels_out_ - first);
        for (std::size_t tap = 0; tap < taps; ++tap) {
            for (std::size_t i = 0; i < channels_in_; ++i) {
                for (std::size_t o = 0; o < kept; ++o) {
                    to[o] = weights.weights[((first + o) * channels_in_ + i) * taps + tap];
                }
                to += width;
            }
        }
        first += kept;
    }
}

void Convolution::apply(MapView<const float> in, std::size_t rows, std::size_t columns,
                        MapView<float> out) const {
    kernels_->convolve({in.data - border() * (in.row + in.pixel), in.row, in.pixel, out.data,
                        out.row, out.pixel, rows, columns, weights_.data(), bias_.data(), kernel_,
                        channels_in_, channels_out_, activation_ == Activation::relu});
}

}  // namespace lvcore
