#include "lvcore/planes/separable.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "lvcore/base/simd.hpp"
#include "lvcore/base/transpose.hpp"
#include "lvcore/planes/tap_pairs.hpp"

#define LVCORE_KERNELS "lvcore/planes/separable_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

namespace {

/// Rows are prefetched this many outputs ahead.
constexpr std::size_t kAhead = 10;

/// line[j] = weights[2 j] * row[offsets[j]]: pixels without a weight are not read, so that NaN does
/// not spread.
void pick(const float* row, const TapPairs& taps, float* line) {
    for (std::size_t j = 0; j < taps.outputs; ++j) {
        line[j] = taps.weights[2 * j] * row[taps.offsets[j]];
    }
}

/// Prefetches pixels that will be read some outputs later: the planes of a cine stack are seldom in
/// the cache, and its rows are too short for the hardware prefetcher. Into the L2 cache, which
/// takes more outstanding loads than L1. Inlined, since compilers drop calls that write nothing.
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

/// Prefetches a line that will be written together with later ones, which would all miss at once.
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
    // Room for the last pair: past the pixels of the input it stays 0.
    row_size_ = std::max(column_taps_.end() - column_taps_.begin(), 2 * pairs_);
    rows_.assign(kLinesTogether * row_size_, 0.0F);
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
    // The outputs share most of their rows: only those past the last are new.
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
    const TapPairs taps{offsets_.data(), weights_.data(), pairs_, end_ - begin_};
    const auto& sum_rows = LVCORE_BEST(sum_rows<Pixel>);
    const auto& sum_pairs = LVCORE_BEST(sum_pairs);
    std::array<float*, kLinesTogether> lines;
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
        if (waiting == kLinesTogether) {
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
