#include "lvcore/networks/convolution.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

namespace {

/// Output channels, including those that pad the last block.
std::size_t padded(std::size_t channels, std::size_t lanes) {
    std::size_t sum = 0;
    while (channels > 0) {
        const std::size_t width = block_width(channels, lanes);
        sum += width;
        channels -= std::min(channels, width);
    }
    return sum;
}

/// Packs weights in the order: block of output channels, tap, input channel, output channel.
void pack(const float* weights, std::size_t channels_out, std::size_t channels_in, std::size_t taps,
          std::size_t lanes, float* to) {
    for (std::size_t first = 0; first < channels_out;) {
        const std::size_t width = block_width(channels_out - first, lanes);
        const std::size_t kept = std::min(width, channels_out - first);
        for (std::size_t tap = 0; tap < taps; ++tap) {
            for (std::size_t i = 0; i < channels_in; ++i) {
                for (std::size_t o = 0; o < kept; ++o) {
                    to[o] = weights[((first + o) * channels_in + i) * taps + tap];
                }
                to += width;
            }
        }
        first += kept;
    }
}

/// With fewer, the transforms cost more than they save.
constexpr std::size_t kFewestChannelsOfTiles = 4;

/// Coefficient of tap `i` of a kernel in value `t` of the transformed kernel: G of Lavin and Gray
/// (2016), for the points 0, 1, -1, 2, -2 and infinity.
double tap_coefficient(std::size_t t, std::size_t i, std::size_t kernel) {
    constexpr double kPoints[] = {0, 1, -1, 2, -2};
    constexpr double kScales[] = {1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24};
    if (t == kTile - 1) {
        return i == kernel - 1 ? 1 : 0;
    }
    double power = 1;
    for (std::size_t n = 0; n < i; ++n) {
        power *= kPoints[t];
    }
    return kScales[t] * power;
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
        throw std::invalid_argument(
            "instructions: expected a set that this processor supports, got " +
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
      bias_(zeros(padded(channels_out_, kernels_->lanes))),
      tile_weights_(0),
      zeros_(0) {
    std::copy(weights.bias.begin(), weights.bias.end(), bias_.data());
    pack(weights.weights.data(), channels_out_, channels_in_, kernel_ * kernel_, kernels_->lanes,
         weights_.data());
    if (tile_outputs() > 0) {
        pack_tiles(weights);
    }
}

bool Convolution::tiles_pay(std::size_t rows, std::size_t columns) const {
    const std::size_t outputs = tile_outputs();
    if (outputs == 0 || rows < outputs || columns < outputs) {
        return false;
    }
    const std::size_t tiles = (rows + outputs - 1) / outputs * ((columns + outputs - 1) / outputs);
    return 2 * tiles * kTile * kTile <= rows * columns * kernel_ * kernel_;
}

std::size_t Convolution::tile_outputs() const {
    return channels_in_ >= kFewestChannelsOfTiles && (kernel_ == 3 || kernel_ == 5)
               ? kTile + 1 - kernel_
               : 0;
}

void Convolution::pack_tiles(const ConvolutionWeights& weights) {
    const std::size_t matrix = padded(channels_out_, kernels_->lanes) * channels_in_;
    tile_weights_ = zeros(kTile * kTile * matrix);
    zeros_ = zeros(padded(channels_out_, kernels_->lanes));
    const std::size_t pairs = channels_out_ * channels_in_;
    std::vector<float> transformed(kTile * kTile * pairs);
    for (std::size_t pair = 0; pair < pairs; ++pair) {
        const float* taps = weights.weights.data() + pair * kernel_ * kernel_;
        for (std::size_t y = 0; y < kTile; ++y) {
            for (std::size_t x = 0; x < kTile; ++x) {
                double sum = 0;
                for (std::size_t i = 0; i < kernel_; ++i) {
                    for (std::size_t j = 0; j < kernel_; ++j) {
                        sum += tap_coefficient(y, i, kernel_) * tap_coefficient(x, j, kernel_) *
                               static_cast<double>(taps[i * kernel_ + j]);
                    }
                }
                transformed[(y * kTile + x) * pairs + pair] = static_cast<float>(sum);
            }
        }
    }
    for (std::size_t i = 0; i < kTile * kTile; ++i) {
        pack(transformed.data() + i * pairs, channels_out_, channels_in_, 1, kernels_->lanes,
             tile_weights_.data() + i * matrix);
    }
}

std::size_t Convolution::scratch_size() const {
    return tile_outputs() == 0
               ? 0
               : kTile * kTile * (winograd_plane(channels_in_) + winograd_plane(channels_out_));
}

void Convolution::apply(MapView<const float> in, std::size_t rows, std::size_t columns,
                        MapView<float> out, float* scratch) const {
    ConvolutionTask task{in.data - border() * (in.row + in.pixel),
                         in.row,
                         in.pixel,
                         out.data,
                         out.row,
                         out.pixel,
                         rows,
                         columns,
                         weights_.data(),
                         bias_.data(),
                         kernel_,
                         channels_in_,
                         channels_out_,
                         activation_ == Activation::relu};
    if (!tiles_pay(rows, columns)) {
        kernels_->convolve(task);
        return;
    }
    task.weights = tile_weights_.data();
    kernels_->convolve_by_winograd(
        {task, padded(channels_out_, kernels_->lanes) * channels_in_, zeros_.data(), scratch});
}

}  // namespace lvcore
