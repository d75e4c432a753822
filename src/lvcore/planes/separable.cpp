#include "lvcore/planes/separable.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "lvcore/base/simd.hpp"
#include "lvcore/base/transpose.hpp"

namespace lvcore {

namespace {

/// So many outputs before their turn, rows are fetched.
constexpr std::size_t kAhead = 10;

/// Outputs along the rows that are filtered along the columns together.
constexpr std::size_t kLines = 4;

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

/// The same of floats, one by one from the first tap on: blocks stay in registers for all taps.
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

// A template cannot be cloned, so each kind of pixel calls it by a function of its own.
LVCORE_CLONES
void sum_rows(const float* rows, std::size_t stride, std::span<const float> weights,
              std::size_t width, float* out) {
    constexpr std::size_t kBlock = 16;
    if (width < kBlock || weights.size() < 3) {
        sum_of_rows(rows, stride, weights, width, out);
        return;
    }
    for (std::size_t x = 0; x + kBlock < width; x += kBlock) {
        sum_block(rows + x, stride, weights, out + x);
    }
    const std::size_t last = width - kBlock;  // this block may lie over the one before
    sum_block(rows + last, stride, weights, out + last);
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

/// The column taps two by two, as `SeparableFilter` keeps them.
struct Pairs {
    const std::int32_t* offsets;
    const float* weights;
    std::size_t pairs;
    std::size_t outputs;
};

/// For each of `count` rows, `stride` apart: lines[k][j] = sum over pairs p of
/// weights[p * 2 * outputs + 2 j] * row[offsets[j] + 2 p], and the next pixel by the next weight.
/// Rows taken together share what is read of the taps.
template <std::size_t count>
LVCORE_INLINE void sum_pairs_of(const float* LVCORE_RESTRICT rows, std::size_t stride,
                                const Pairs& taps, float* const* lines) {
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
    for (; j < outputs; ++j) {  // the same sums one by one
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

LVCORE_CLONES
void sum_pairs(const float* rows, std::size_t stride, const Pairs& taps, float* const* lines,
               std::size_t count) {
    if (count == kLines) {
        sum_pairs_of<kLines>(rows, stride, taps, lines);
        return;
    }
    for (std::size_t k = 0; k < count; ++k) {
        sum_pairs_of<1>(rows + k * stride, stride, taps, lines + k);
    }
}

/// line[j] = weights[2 j] * row[offsets[j]]: pixels without a weight are not touched, so that a NaN
/// stays where it is.
void pick(const float* row, const Pairs& taps, float* line) {
    for (std::size_t j = 0; j < taps.outputs; ++j) {
        line[j] = taps.weights[2 * j] * row[taps.offsets[j]];
    }
}

/// Asks for pixels that will be read some outputs later: the planes of a cine stack seldom are in
/// the cache, and the ends of its short rows keep the processor from seeing what comes next. They
/// go to the second-level cache, as more may be under way to it than to the first. Inlined, as
/// compilers leave out calls that write nothing.
template <class Pixel>
LVCORE_INLINE void prefetch_rows(const Pixel* rows, std::size_t stride, std::size_t count,
                                 std::size_t width) {
    constexpr std::size_t kLine = 64 / sizeof(Pixel);
    constexpr int kSecondLevel = 2;
    for (std::size_t r = 0; r < count; ++r) {
        const Pixel* row = rows + r * stride;
        for (std::size_t x = 0; x < width; x += kLine) {
            __builtin_prefetch(row + x, 0, kSecondLevel);
        }
        __builtin_prefetch(row + width - 1, 0, kSecondLevel);
    }
}

/// Asks for a line that will be written together with later ones, which would all wait at once.
LVCORE_INLINE void prefetch_line(float* line, std::size_t count) {
    constexpr std::size_t kLine = 64 / sizeof(float);
    for (std::size_t x = 0; x < count; x += kLine) {
        __builtin_prefetch(line + x, 1);
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
    row_size_ = std::max(column_taps_.end() - column_taps_.begin(), 2 * pairs_);
    rows_.assign(kLines * row_size_, 0.0F);
    offsets_.resize(count);
    weights_.assign(2 * pairs_ * count, 0.0F);
    for (std::size_t j = 0; j < count; ++j) {
        const AxisTaps::Run run = column_taps_[begin_ + j];
        const std::size_t first = run.first - column_taps_.begin();
        const std::size_t offset = single_ ? first : std::min(first, row_size_ - 2 * pairs_);
        offsets_[j] = static_cast<std::int32_t>(offset);
        for (std::size_t t = 0; t < run.weights.size(); ++t) {
            const std::size_t at = first - offset + t;
            weights_[2 * (at / 2 * count + j) + at % 2] = run.weights[t];
        }
    }
}

template <class Pixel>
LVCORE_INLINE void SeparableFilter::fetch_ahead(const Pixel* plane, const Pixel* next,
                                                std::size_t output) const {
    const std::size_t outputs = row_taps_.size();
    std::size_t later = output + kAhead;
    if (later >= outputs) {
        plane = next;
        later -= outputs;
    }
    if (plane == nullptr || later >= outputs) {
        return;
    }
    // From one output to the next most rows stay: only those past the last are new.
    const AxisTaps::Run run = row_taps_[later];
    const AxisTaps::Run before = row_taps_[later == 0 ? 0 : later - 1];
    const std::size_t end = run.first + run.weights.size();
    const std::size_t begin =
        later == 0 ? run.first : std::max(run.first, before.first + before.weights.size());
    if (begin < end) {
        prefetch_rows(plane + begin * stride_ + column_taps_.begin(), stride_, end - begin,
                      column_taps_.end() - column_taps_.begin());
    }
}

template <class Pixel>
void SeparableFilter::filter(const Pixel* plane, float* out, std::size_t out_stride,
                             const Pixel* next) {
    const std::size_t width = column_taps_.end() - column_taps_.begin();
    const std::size_t columns = column_taps_.size();
    const Pairs taps{offsets_.data(), weights_.data(), pairs_, end_ - begin_};
    std::array<float*, kLines> lines;
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < row_taps_.size(); ++i) {
        fetch_ahead(plane, next, i);
        float* line = out + i * out_stride;
        const AxisTaps::Run run = row_taps_[i];
        if (run.weights.empty() || begin_ == end_) {
            std::fill(line, line + columns, 0.0F);
            continue;
        }
        std::fill(line, line + begin_, 0.0F);
        std::fill(line + end_, line + columns, 0.0F);
        prefetch_line(line + begin_, taps.outputs);
        float* row = rows_.data() + waiting * row_size_;
        sum_rows(plane + run.first * stride_ + column_taps_.begin(), stride_, run.weights, width,
                 row);
        if (single_) {
            pick(row, taps, line + begin_);
            continue;
        }
        lines[waiting++] = line + begin_;
        if (waiting == kLines) {
            sum_pairs(rows_.data(), row_size_, taps, lines.data(), waiting);
            waiting = 0;
        }
    }
    sum_pairs(rows_.data(), row_size_, taps, lines.data(), waiting);
}

template <class Pixel>
void SeparableFilter::apply(const Pixel* plane, bool transposed, float* out, std::size_t out_stride,
                            const Pixel* next) {
    if (!transposed) {
        filter(plane, out, out_stride, next);
        return;
    }
    const std::size_t rows = row_taps_.size();
    const std::size_t columns = column_taps_.size();
    straight_.resize(rows * columns);
    filter(plane, straight_.data(), columns, next);
    transpose(straight_.data(), columns, rows, columns, out, out_stride);
}

template void SeparableFilter::apply(const float*, bool, float*, std::size_t, const float*);
template void SeparableFilter::apply(const std::uint8_t*, bool, float*, std::size_t,
                                     const std::uint8_t*);
template void SeparableFilter::apply(const std::uint16_t*, bool, float*, std::size_t,
                                     const std::uint16_t*);
template void SeparableFilter::apply(const std::int16_t*, bool, float*, std::size_t,
                                     const std::int16_t*);

}  // namespace lvcore
