#include <cstddef>

#include "lvcore/base/simd.hpp"
#include "lvcore/networks/convolution_task.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

template <std::size_t lanes>
struct Lanes {
    typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));
    typedef float Anywhere
        __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float)), may_alias));
};
template <std::size_t lanes>
using Vector = typename Lanes<lanes>::Vector;

template <std::size_t lanes>
LVCORE_INLINE Vector<lanes> load(const float* from) {
    return *reinterpret_cast<const typename Lanes<lanes>::Anywhere*>(from);
}

template <std::size_t lanes>
LVCORE_INLINE void store(float* to, Vector<lanes> vector) {
    *reinterpret_cast<typename Lanes<lanes>::Anywhere*>(to) = vector;
}

/// Stores the first `count` floats of a vector.
template <std::size_t lanes>
LVCORE_INLINE void store_first(float* to, Vector<lanes> vector, std::size_t count) {
    if (count >= lanes) {
        store<lanes>(to, vector);
        return;
    }
    float all[lanes];
    store<lanes>(all, vector);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < lanes; ++i) {
        if (i < count) {
            to[i] = all[i];
        }
    }
}

/// Outputs of `pixels` neighbours in a row and `vectors * lanes` channels, of which `channels` are
/// stored; sums over all taps and input channels stay in registers.
template <std::size_t lanes, std::size_t vectors, std::size_t pixels>
void convolve_block(const ConvolutionTask& task, const float* in, const float* weights,
                    const float* bias, std::size_t channels, float* out) {
    Vector<lanes> sums[pixels][vectors];
#pragma GCC unroll 16
    for (std::size_t p = 0; p < pixels; ++p) {
#pragma GCC unroll 2
        for (std::size_t v = 0; v < vectors; ++v) {
            sums[p][v] = load<lanes>(bias + v * lanes);
        }
    }
    const std::size_t pixel = task.in_pixel;
    for (std::size_t y = 0; y < task.kernel; ++y) {
        for (std::size_t x = 0; x < task.kernel; ++x) {
            const float* tap = in + y * task.in_row + x * pixel;
            for (std::size_t i = 0; i < task.channels_in; ++i) {
                Vector<lanes> weight[vectors];
#pragma GCC unroll 2
                for (std::size_t v = 0; v < vectors; ++v) {
                    weight[v] = load<lanes>(weights + v * lanes);
                }
                weights += vectors * lanes;
#pragma GCC unroll 16
                for (std::size_t p = 0; p < pixels; ++p) {
                    const float value = tap[p * pixel + i];
#pragma GCC unroll 2
                    for (std::size_t v = 0; v < vectors; ++v) {
                        sums[p][v] += value * weight[v];
                    }
                }
            }
        }
    }
#pragma GCC unroll 16
    for (std::size_t p = 0; p < pixels; ++p) {
        float* to = out + p * task.out_pixel;
#pragma GCC unroll 2
        for (std::size_t v = 0; v < vectors; ++v) {
            if (task.relu) {
                // Keeps NaN.
                sums[p][v] = sums[p][v] < 0 ? Vector<lanes>{} : sums[p][v];
            }
            // The first of two vectors is always full.
            if (v + 1 < vectors) {
                store<lanes>(to + v * lanes, sums[p][v]);
            } else {
                store_first<lanes>(to + v * lanes, sums[p][v], channels - v * lanes);
            }
        }
    }
}

/// `convolve_block` for a run-time number of pixels, 1 to `most`.
template <std::size_t lanes, std::size_t vectors, std::size_t most>
LVCORE_INLINE void convolve_pixels(std::size_t pixels, const ConvolutionTask& task, const float* in,
                                   const float* weights, const float* bias, std::size_t channels,
                                   float* out) {
    if constexpr (most > 0) {
        if (pixels == most) {
            convolve_block<lanes, vectors, most>(task, in, weights, bias, channels, out);
        } else {
            convolve_pixels<lanes, vectors, most - 1>(pixels, task, in, weights, bias, channels,
                                                      out);
        }
    }
}

/// A block of output channels at every pixel; each row in as few parts as registers allow, of
/// nearly equal length.
template <std::size_t lanes, std::size_t vectors, std::size_t most>
void convolve_rows(const ConvolutionTask& task, const float* weights, const float* bias,
                   std::size_t channels, float* out) {
    const std::size_t parts = (task.columns + most - 1) / most;
    for (std::size_t y = 0; y < task.rows; ++y) {
        std::size_t begin = 0;
        for (std::size_t part = 0; part < parts; ++part) {
            const std::size_t end = (part + 1) * task.columns / parts;
            convolve_pixels<lanes, vectors, most>(
                end - begin, task, task.in + y * task.in_row + begin * task.in_pixel, weights, bias,
                channels, out + y * task.out_row + begin * task.out_pixel);
            begin = end;
        }
    }
}

/// `pairs` and `singles` are the most pixels of two vectors, and of one, that fit in registers.
template <std::size_t lanes, std::size_t pairs, std::size_t singles>
void convolve(const ConvolutionTask& task) {
    const float* weights = task.weights;
    const float* bias = task.bias;
    float* out = task.out;
    std::size_t left = task.channels_out;
    while (left > 0) {
        const std::size_t width = block_width(left, lanes);
        const std::size_t kept = left < width ? left : width;
        if (width == 2 * lanes) {
            convolve_rows<lanes, 2, pairs>(task, weights, bias, kept, out);
        } else if (width == lanes) {
            convolve_rows<lanes, 1, singles>(task, weights, bias, kept, out);
        } else if (width == lanes / 2) {
            convolve_rows<(lanes > 4 ? lanes / 2 : 4), 1, singles>(task, weights, bias, kept, out);
        } else {
            convolve_rows<4, 1, singles>(task, weights, bias, kept, out);
        }
        weights += task.kernel * task.kernel * task.channels_in * width;
        bias += width;
        out += kept;
        left -= kept;
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
