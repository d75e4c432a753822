#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "lvcore/base/simd.hpp"
#include "lvcore/planes/tap_pairs.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// out[x] = sum over t of weights[t] * rows[t * stride + x], for at least one weight. Up to three
/// taps take one pass, so that the common cases never reload the output.
template <class Pixel>
LVCORE_INLINE void sum_of_rows(const Pixel* LVCORE_RESTRICT rows, std::size_t stride,
                               std::span<const float> weights, std::size_t width,
                               float* LVCORE_RESTRICT out) {
    const auto at = [&](std::size_t t, std::size_t x) {
        return weights[t] * static_cast<float>(rows[t * stride + x]);
    };
    const std::size_t count = weights.size();
    if (count == 1) {
        for (std::size_t x = 0; x < width; ++x) {
            out[x] = at(0, x);
        }
        return;
    }
    if (count == 2) {
        for (std::size_t x = 0; x < width; ++x) {
            out[x] = at(0, x) + at(1, x);
        }
        return;
    }
    for (std::size_t x = 0; x < width; ++x) {
        out[x] = (at(0, x) + at(1, x)) + at(2, x);
    }
    std::size_t t = 3;
    for (; t + 1 < count; t += 2) {
        for (std::size_t x = 0; x < width; ++x) {
            out[x] += at(t, x) + at(t + 1, x);
        }
    }
    if (t < count) {
        for (std::size_t x = 0; x < width; ++x) {
            out[x] += at(t, x);
        }
    }
}

/// The same for 16 floats, added in the order of the taps: the block stays in registers throughout.
LVCORE_INLINE void sum_block(const float* rows, std::size_t stride, std::span<const float> weights,
                             float* out) {
    Octet left;
    Octet right;
    load_octet(rows, left);
    load_octet(rows + 8, right);
    left *= weights[0];
    right *= weights[0];
    for (std::size_t t = 1; t < weights.size(); ++t) {
        Octet l;
        Octet r;
        load_octet(rows + t * stride, l);
        load_octet(rows + t * stride + 8, r);
        left += weights[t] * l;
        right += weights[t] * r;
    }
    store_octet(out, left);
    store_octet(out + 8, right);
}

template <class Pixel>
void sum_rows(const Pixel* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    if constexpr (std::is_same_v<Pixel, float>) {
        constexpr std::size_t kBlock = 16;
        if (width >= kBlock && weights.size() >= 3) {
            for (std::size_t x = 0; x + kBlock < width; x += kBlock) {
                sum_block(rows + x, stride, weights, out + x);
            }
            const std::size_t last = width - kBlock;  // may overlap the block before
            sum_block(rows + last, stride, weights, out + last);
            return;
        }
    }
    sum_of_rows(rows, stride, weights, width, out);
}

/// Filters `count` rows, `stride` apart, along their columns; they share the loads of the taps.
template <std::size_t count>
LVCORE_INLINE void sum_pairs_of(const float* LVCORE_RESTRICT rows, std::size_t stride,
                                const TapPairs& taps, float* const* lines) {
    const std::int32_t* LVCORE_RESTRICT offsets = taps.offsets;
    const float* LVCORE_RESTRICT weights = taps.weights;
    const std::size_t pairs = taps.pairs;
    const std::size_t outputs = taps.outputs;
    std::size_t j = 0;
    for (; j + 4 <= outputs; j += 4) {
        const float* a = rows + offsets[j];
        const float* b = rows + offsets[j + 1];
        const float* c = rows + offsets[j + 2];
        const float* d = rows + offsets[j + 3];
        const float* w = weights + 2 * j;
        std::array<Quad, count> left;
        std::array<Quad, count> right;
        for (std::size_t k = 0; k < count; ++k) {
            const std::size_t at = k * stride;
            left[k] = load_pairs(a + at, b + at) * load_quad(w);
            right[k] = load_pairs(c + at, d + at) * load_quad(w + 4);
        }
        for (std::size_t p = 1; p < pairs; ++p) {
            w += 2 * outputs;
            for (std::size_t k = 0; k < count; ++k) {
                const std::size_t at = k * stride + 2 * p;
                left[k] += load_pairs(a + at, b + at) * load_quad(w);
                right[k] += load_pairs(c + at, d + at) * load_quad(w + 4);
            }
        }
        for (std::size_t k = 0; k < count; ++k) {
            store_quad(lines[k] + j, add_pairs(left[k], right[k]));
        }
    }
    for (; j < outputs; ++j) {  // the same sums, one at a time
        for (std::size_t k = 0; k < count; ++k) {
            const float* pixels = rows + k * stride + offsets[j];
            const float* w = weights + 2 * j;
            float even = 0.0F;
            float odd = 0.0F;
            for (std::size_t p = 0; p < pairs; ++p) {
                even += pixels[2 * p] * w[2 * p * outputs];
                odd += pixels[2 * p + 1] * w[2 * p * outputs + 1];
            }
            lines[k][j] = even + odd;
        }
    }
}

void sum_pairs(const float* rows, std::size_t stride, const TapPairs& taps, float* const* lines,
               std::size_t count) {
    if (count == kLinesTogether) {
        sum_pairs_of<kLinesTogether>(rows, stride, taps, lines);
        return;
    }
    for (std::size_t k = 0; k < count; ++k) {
        sum_pairs_of<1>(rows + k * stride, stride, taps, lines + k);
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
