#include <cstddef>

#include "lvcore/networks/convolution_kernels.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// Six values of a row or column of a tile, transformed: B^T x of Lavin and Gray (2016).
template <class Value>
LVCORE_INLINE void transform_input(const Value* x, std::size_t step, Value* to) {
    const Value x1 = x[step];
    const Value x2 = x[2 * step];
    const Value x3 = x[3 * step];
    const Value x4 = x[4 * step];
    const Value even = x4 - 4.0F * x2;
    const Value odd = x3 - 4.0F * x1;
    const Value near_even = x4 - x2;
    const Value near_odd = 2.0F * (x3 - x1);
    to[0] = 4.0F * (x[0] - x2) + (x4 - x2);
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = near_even + near_odd;
    to[4] = near_even - near_odd;
    to[5] = 4.0F * (x1 - x3) + (x[5 * step] - x3);
}

/// Six products back to 4 outputs of a kernel of 3, or 2 of one of 5: A^T x.
template <std::size_t outputs, class Value>
LVCORE_INLINE void transform_output(const Value* x, std::size_t step, Value* to) {
    const Value sum = x[step] + x[2 * step];
    const Value difference = x[step] - x[2 * step];
    const Value far_sum = x[3 * step] + x[4 * step];
    const Value far_difference = x[3 * step] - x[4 * step];
    to[0] = x[0] + (sum + far_sum);
    to[1] = difference + 2.0F * far_difference;
    if constexpr (outputs == 4) {
        to[2] = sum + 4.0F * far_sum;
        to[3] = difference + 8.0F * far_difference + x[5 * step];
    } else {
        to[1] += x[5 * step];
    }
}

/// Transforms `lanes` channels of a tile; value i goes to `to[i * plane]`.
template <std::size_t lanes>
LVCORE_INLINE void tile_in(const float* in, std::size_t row, std::size_t pixel, float* to,
                           std::size_t plane) {
    Vector<lanes> columns[kTile][kTile];  // [column][transformed row]
    for (std::size_t x = 0; x < kTile; ++x) {
        Vector<lanes> column[kTile];
#pragma GCC unroll 6
        for (std::size_t y = 0; y < kTile; ++y) {
            column[y] = load<lanes>(in + y * row + x * pixel);
        }
        transform_input(column, 1, columns[x]);
    }
    for (std::size_t y = 0; y < kTile; ++y) {
        Vector<lanes> values[kTile];
        transform_input(&columns[0][y], kTile, values);
#pragma GCC unroll 6
        for (std::size_t x = 0; x < kTile; ++x) {
            store<lanes>(to + (y * kTile + x) * plane, values[x]);
        }
    }
}

/// Transforms `lanes` channels of the products of a tile back, adds the bias and activates.
template <std::size_t lanes, std::size_t outputs>
LVCORE_INLINE void tile_out(const float* from, std::size_t plane, const float* bias, bool relu,
                            float* out, std::size_t row, std::size_t pixel) {
    Vector<lanes> rows[kTile][outputs];
    for (std::size_t y = 0; y < kTile; ++y) {
        Vector<lanes> values[kTile];
#pragma GCC unroll 6
        for (std::size_t x = 0; x < kTile; ++x) {
            values[x] = load<lanes>(from + (y * kTile + x) * plane);
        }
        transform_output<outputs>(values, 1, rows[y]);
    }
    const Vector<lanes> shift = load<lanes>(bias);
    for (std::size_t x = 0; x < outputs; ++x) {
        Vector<lanes> values[outputs];
        transform_output<outputs>(&rows[0][x], outputs, values);
#pragma GCC unroll 4
        for (std::size_t y = 0; y < outputs; ++y) {
            Vector<lanes> value = values[y] + shift;
            if (relu) {
                value = value < 0 ? Vector<lanes>{} : value;  // keeps NaN
            }
            store<lanes>(out + y * row + x * pixel, value);
        }
    }
}

/// Calls `body` with the first channel of every run of `lanes` channels. The last run may overlap
/// the one before; if there are fewer channels, lanes are halved.
template <std::size_t lanes, class Body>
LVCORE_INLINE void over_channels(std::size_t channels, const Body& body) {
    if (channels < lanes) {
        if constexpr (lanes > 1) {
            over_channels<lanes / 2>(channels, body);
        }
        return;
    }
    std::size_t c = 0;
    for (; c + lanes <= channels; c += lanes) {
        body.template operator()<lanes>(c);
    }
    if (c < channels) {
        body.template operator()<lanes>(channels - lanes);
    }
}

template <std::size_t lanes, std::size_t pairs, std::size_t singles, std::size_t outputs>
void convolve_tiles(const WinogradTask& task) {
    const ConvolutionTask& whole = task.convolution;
    const std::size_t across = (whole.columns + outputs - 1) / outputs;
    const std::size_t tiles = (whole.rows + outputs - 1) / outputs * across;
    // The last tile of a row or column may overlap the one before.
    const auto row_of = [&](std::size_t tile) {
        const std::size_t row = tile / across * outputs;
        return row + outputs <= whole.rows ? row : whole.rows - outputs;
    };
    const auto column_of = [&](std::size_t tile) {
        const std::size_t column = tile % across * outputs;
        return column + outputs <= whole.columns ? column : whole.columns - outputs;
    };
    const std::size_t in_plane = winograd_plane(whole.channels_in);
    const std::size_t out_plane = winograd_plane(whole.channels_out);
    float* const given = task.scratch;
    float* const made = given + kTile * kTile * in_plane;
    for (std::size_t begin = 0; begin < tiles; begin += kTilesAtOnce) {
        const std::size_t count = tiles - begin < kTilesAtOnce ? tiles - begin : kTilesAtOnce;
        for (std::size_t t = 0; t < count; ++t) {
            const float* in =
                whole.in + row_of(begin + t) * whole.in_row + column_of(begin + t) * whole.in_pixel;
            float* to = given + t * whole.channels_in;
            over_channels<lanes>(whole.channels_in, [&]<std::size_t width>(std::size_t c) {
                tile_in<width>(in + c, whole.in_row, whole.in_pixel, to + c, in_plane);
            });
        }
        // One matrix product, as a 1 x 1 convolution, for each value of a tile.
        for (std::size_t i = 0; i < kTile * kTile; ++i) {
            convolve<lanes, pairs, singles>({given + i * in_plane, 0, whole.channels_in,
                                             made + i * out_plane, 0, whole.channels_out, 1, count,
                                             whole.weights + i * task.weights_plane, task.zeros, 1,
                                             whole.channels_in, whole.channels_out, false});
        }
        for (std::size_t t = 0; t < count; ++t) {
            float* out = whole.out + row_of(begin + t) * whole.out_row +
                         column_of(begin + t) * whole.out_pixel;
            const float* from = made + t * whole.channels_out;
            over_channels<lanes>(whole.channels_out, [&]<std::size_t width>(std::size_t c) {
                tile_out<width, outputs>(from + c, out_plane, whole.bias + c, whole.relu, out + c,
                                         whole.out_row, whole.out_pixel);
            });
        }
    }
}

template <std::size_t lanes, std::size_t pairs, std::size_t singles>
void convolve_by_winograd(const WinogradTask& task) {
    if (task.convolution.kernel == 3) {
        convolve_tiles<lanes, pairs, singles, 4>(task);
    } else {
        convolve_tiles<lanes, pairs, singles, 2>(task);
    }
}

/// The most pixels of two vectors, and of one, whose sums fit in the registers: 16 or, with
/// AVX-512, 32 of them.
constexpr std::size_t kPairs = LVCORE_LANES == 16 ? 14 : 6;
constexpr std::size_t kSingles = LVCORE_LANES == 16 ? 14 : 12;

constexpr ConvolutionKernels convolution_kernels = {
    LVCORE_LANES, convolve<LVCORE_LANES, kPairs, kSingles>,
    convolve_by_winograd<LVCORE_LANES, kPairs, kSingles>};

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
