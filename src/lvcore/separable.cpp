#include "lvcore/separable.hpp"

#include <algorithm>
#include <span>

#include "lvcore/simd.hpp"
#include "lvcore/transpose.hpp"

namespace lvcore {

namespace {

/// So many outputs before their turn, rows are fetched.
constexpr std::size_t kAhead = 4;

/// out[x] = sum over t of weights[t] * rows[t * stride + x], for at least one weight. One pass over
/// the output for up to three taps, so that the common cases never reload it.
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

// A template cannot be cloned, so each kind of pixel calls it by a function of its own.
LVCORE_CLONES
void sum_rows(const float* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    sum_of_rows(rows, stride, weights, width, out);
}
LVCORE_CLONES
void sum_rows(const std::uint8_t* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    sum_of_rows(rows, stride, weights, width, out);
}
LVCORE_CLONES
void sum_rows(const std::uint16_t* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    sum_of_rows(rows, stride, weights, width, out);
}
LVCORE_CLONES
void sum_rows(const std::int16_t* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    sum_of_rows(rows, stride, weights, width, out);
}

/// out[j] = sum over pairs p of weights[p * 2 * count + 2 j] * row[offsets[j] + 2 p], and the next
/// pixel by the next weight.
LVCORE_CLONES
void sum_pairs(const float* LVCORE_RESTRICT row, const std::int32_t* LVCORE_RESTRICT offsets,
               const float* LVCORE_RESTRICT weights, std::size_t pairs, std::size_t count,
               float* LVCORE_RESTRICT out) {
    std::size_t j = 0;
    for (; j + 4 <= count; j += 4) {
        const float* a = row + offsets[j];
        const float* b = row + offsets[j + 1];
        const float* c = row + offsets[j + 2];
        const float* d = row + offsets[j + 3];
        const float* w = weights + 2 * j;
        Quad left = load_pairs(a, b) * load_quad(w);
        Quad right = load_pairs(c, d) * load_quad(w + 4);
        for (std::size_t p = 1; p < pairs; ++p) {
            w += 2 * count;
            left += load_pairs(a + 2 * p, b + 2 * p) * load_quad(w);
            right += load_pairs(c + 2 * p, d + 2 * p) * load_quad(w + 4);
        }
        store_quad(out + j, add_pairs(left, right));
    }
    for (; j < count; ++j) {  // the same sums one by one
        const float* pixels = row + offsets[j];
        const float* w = weights + 2 * j;
        float even = pixels[0] * w[0];
        float odd = pixels[1] * w[1];
        for (std::size_t p = 1; p < pairs; ++p) {
            even += pixels[2 * p] * w[2 * p * count];
            odd += pixels[2 * p + 1] * w[2 * p * count + 1];
        }
        out[j] = even + odd;
    }
}

/// out[j] = weights[2 j] * row[offsets[j]]: pixels without a weight are not touched, so that a NaN
/// stays where it is.
void pick(const float* row, const std::int32_t* offsets, const float* weights, std::size_t count,
          float* out) {
    for (std::size_t j = 0; j < count; ++j) {
        out[j] = weights[2 * j] * row[offsets[j]];
    }
}

/// Asks for pixels that will be read some outputs later: the planes of a cine stack seldom are in
/// the cache, and the ends of its short rows keep the processor from seeing what comes next.
template <class Pixel>
void prefetch_rows(const Pixel* rows, std::size_t stride, std::size_t count, std::size_t width) {
    constexpr std::size_t kLine = 64 / sizeof(Pixel);
    for (std::size_t r = 0; r < count; ++r) {
        const Pixel* row = rows + r * stride;
        for (std::size_t x = 0; x < width; x += kLine) {
            __builtin_prefetch(row + x);
        }
        __builtin_prefetch(row + width - 1);
    }
}

}  // namespace

void SeparableFilter::assign(const AxisMap& rows, const AxisMap& columns, Edge edge) {
    row_taps_.assign(rows, edge);
    column_taps_.assign(columns, edge);
    stride_ = columns.inputs;
    begin_ = 0;
    end_ = column_taps_.size();
    while (begin_ < end_ && column_taps_[begin_].weights.empty()) {
        ++begin_;
    }
    while (begin_ < end_ && column_taps_[end_ - 1].weights.empty()) {
        --end_;
    }
    std::size_t most = 1;
    for (std::size_t j = begin_; j < end_; ++j) {
        most = std::max(most, column_taps_[j].weights.size());
    }
    single_ = most == 1;
    pairs_ = (most + 1) / 2;
    const std::size_t count = end_ - begin_;
    // What lies past the input's pixels stays 0: room for the last pair.
    row_.assign(std::max(column_taps_.end() - column_taps_.begin(), 2 * pairs_), 0.0F);
    offsets_.resize(count);
    weights_.assign(2 * pairs_ * count, 0.0F);
    for (std::size_t j = 0; j < count; ++j) {
        const AxisTaps::Run run = column_taps_[begin_ + j];
        const std::size_t first = run.first - column_taps_.begin();
        const std::size_t offset = single_ ? first : std::min(first, row_.size() - 2 * pairs_);
        offsets_[j] = static_cast<std::int32_t>(offset);
        for (std::size_t t = 0; t < run.weights.size(); ++t) {
            const std::size_t at = first - offset + t;
            weights_[2 * (at / 2 * count + j) + at % 2] = run.weights[t];
        }
    }
}

template <class Pixel>
void SeparableFilter::filter(const Pixel* plane, float* out, std::size_t out_stride) {
    const std::size_t width = column_taps_.end() - column_taps_.begin();
    const std::size_t columns = column_taps_.size();
    std::size_t fetched = 0;
    for (std::size_t i = 0; i < row_taps_.size(); ++i) {
        float* line = out + i * out_stride;
        const AxisTaps::Run run = row_taps_[i];
        if (run.weights.empty() || begin_ == end_) {
            std::fill(line, line + columns, 0.0F);
            continue;
        }
        if (i + kAhead < row_taps_.size()) {
            // From one output to the next most rows stay: only those past the last are new.
            const AxisTaps::Run later = row_taps_[i + kAhead];
            const std::size_t end = later.first + later.weights.size();
            const std::size_t begin = std::max(fetched, later.first);
            if (begin < end) {
                prefetch_rows(plane + begin * stride_ + column_taps_.begin(), stride_, end - begin,
                              width);
                fetched = end;
            }
        }
        sum_rows(plane + run.first * stride_ + column_taps_.begin(), stride_, run.weights, width,
                 row_.data());
        std::fill(line, line + begin_, 0.0F);
        if (single_) {
            pick(row_.data(), offsets_.data(), weights_.data(), end_ - begin_, line + begin_);
        } else {
            sum_pairs(row_.data(), offsets_.data(), weights_.data(), pairs_, end_ - begin_,
                      line + begin_);
        }
        std::fill(line + end_, line + columns, 0.0F);
    }
}

template <class Pixel>
void SeparableFilter::apply(const Pixel* plane, bool transposed, float* out,
                            std::size_t out_stride) {
    if (!transposed) {
        filter(plane, out, out_stride);
        return;
    }
    const std::size_t rows = row_taps_.size();
    const std::size_t columns = column_taps_.size();
    straight_.resize(rows * columns);
    filter(plane, straight_.data(), columns);
    transpose(straight_.data(), columns, rows, columns, out, out_stride);
}

template void SeparableFilter::apply(const float*, bool, float*, std::size_t);
template void SeparableFilter::apply(const std::uint8_t*, bool, float*, std::size_t);
template void SeparableFilter::apply(const std::uint16_t*, bool, float*, std::size_t);
template void SeparableFilter::apply(const std::int16_t*, bool, float*, std::size_t);

}  // namespace lvcore
