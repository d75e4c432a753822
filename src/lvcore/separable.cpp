#include "lvcore/separable.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lvcore/simd.hpp"

namespace lvcore {

namespace {

/// Pixel centres this close, in pixels, are the same: far above rounding, far below float's
/// resolution.
constexpr double kSnap = 1e-9;

/// Rows a distance `stride` apart.
struct Rows {
    const float* data;
    std::size_t stride;
};

/// dst[i] = sum of the source rows in taps[i], of `width` pixels each; rows count from
/// taps.begin(). One pass over the output for up to four taps, so that the common cases never
/// reload it.
LVCORE_CLONES
void combine_rows(Rows source, const AxisTaps& taps, std::size_t width, float* dst,
                  std::size_t dst_stride) {
    for (std::size_t i = 0; i < taps.size(); ++i) {
        float* LVCORE_RESTRICT out = dst + i * dst_stride;
        const AxisTaps::Run run = taps[i];
        const std::size_t count = run.weights.size();
        if (count == 0) {
            std::fill(out, out + width, 0.0F);
            continue;
        }
        const float* rows = source.data + (run.first - taps.begin()) * source.stride;
        const float* weights = run.weights.data();
        if (count == 1) {
            const float a = weights[0];
            for (std::size_t x = 0; x < width; ++x) {
                out[x] = a * rows[x];
            }
            continue;
        }
        const std::size_t head = count == 2 ? 2 : 3;
        const float* r1 = rows + source.stride;
        if (head == 2) {
            const float a = weights[0];
            const float b = weights[1];
            for (std::size_t x = 0; x < width; ++x) {
                out[x] = a * rows[x] + b * r1[x];
            }
        } else {
            const float* r2 = r1 + source.stride;
            const float a = weights[0];
            const float b = weights[1];
            const float c = weights[2];
            for (std::size_t x = 0; x < width; ++x) {
                out[x] = (a * rows[x] + b * r1[x]) + c * r2[x];
            }
        }
        std::size_t t = head;
        for (; t + 1 < count; t += 2) {
            const float* r3 = rows + t * source.stride;
            const float* r4 = r3 + source.stride;
            const float a = weights[t];
            const float b = weights[t + 1];
            for (std::size_t x = 0; x < width; ++x) {
                out[x] += a * r3[x] + b * r4[x];
            }
        }
        if (t < count) {
            const float* r3 = rows + t * source.stride;
            const float a = weights[t];
            for (std::size_t x = 0; x < width; ++x) {
                out[x] += a * r3[x];
            }
        }
    }
}

/// Writes the transpose of 4 x 4 pixels.
void transpose_block(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) {
#if __has_builtin(__builtin_shufflevector)
    using Quad __attribute__((vector_size(16))) = float;
    Quad row0, row1, row2, row3;
    std::memcpy(&row0, from, sizeof(Quad));
    std::memcpy(&row1, from + from_stride, sizeof(Quad));
    std::memcpy(&row2, from + 2 * from_stride, sizeof(Quad));
    std::memcpy(&row3, from + 3 * from_stride, sizeof(Quad));
    const Quad low01 = __builtin_shufflevector(row0, row1, 0, 4, 1, 5);
    const Quad low23 = __builtin_shufflevector(row2, row3, 0, 4, 1, 5);
    const Quad high01 = __builtin_shufflevector(row0, row1, 2, 6, 3, 7);
    const Quad high23 = __builtin_shufflevector(row2, row3, 2, 6, 3, 7);
    const Quad column0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    const Quad column1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    const Quad column2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    const Quad column3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    std::memcpy(to, &column0, sizeof(Quad));
    std::memcpy(to + to_stride, &column1, sizeof(Quad));
    std::memcpy(to + 2 * to_stride, &column2, sizeof(Quad));
    std::memcpy(to + 3 * to_stride, &column3, sizeof(Quad));
#else  // GCC before 12
    for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t c = 0; c < 4; ++c) {
            to[c * to_stride + r] = from[r * from_stride + c];
        }
    }
#endif
}

/// Writes the transpose of `rows` x `columns` pixels: in blocks of 4 x 4, the rest one by one.
void transpose(const float* LVCORE_RESTRICT source, std::size_t source_stride, std::size_t rows,
               std::size_t columns, float* LVCORE_RESTRICT dst, std::size_t dst_stride) {
    const std::size_t whole_rows = rows - rows % 4;
    const std::size_t whole_columns = columns - columns % 4;
    for (std::size_t r = 0; r < whole_rows; r += 4) {
        for (std::size_t c = 0; c < whole_columns; c += 4) {
            transpose_block(source + r * source_stride + c, source_stride, dst + c * dst_stride + r,
                            dst_stride);
        }
    }
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) {
            dst[c * dst_stride + r] = source[r * source_stride + c];
        }
    }
}

}  // namespace

void AxisTaps::assign(double origin, double step, std::size_t first_output, std::size_t outputs,
                      std::size_t inputs, Edge edge) {
    spans_.clear();
    weights_.clear();
    begin_ = inputs;
    end_ = 0;
    const double reach = std::max(std::abs(step), 1.0);
    const double inputs_end = static_cast<double>(inputs);
    const double last = inputs_end - 1.0;
    for (std::size_t i = first_output; i < first_output + outputs; ++i) {
        double centre = origin + step * static_cast<double>(i);
        const double rounded = std::round(centre);
        if (std::abs(centre - rounded) < kSnap) {
            centre = rounded;
        }
        // Farther out nothing changes any more, and indices stay small.
        centre = std::clamp(centre, -reach - 1.0, inputs_end + reach);
        const double low = std::floor(centre - reach) + 1.0;
        const double high = std::ceil(centre + reach) - 1.0;
        const auto weight = [&](double pixel) {
            return std::max(0.0, 1.0 - std::abs(pixel - centre) / reach);
        };
        double sum = 0.0;
        double before = 0.0;
        double after = 0.0;
        for (double pixel = low; pixel <= high; ++pixel) {
            const double w = weight(pixel);
            sum += w;
            before += pixel < 0.0 ? w : 0.0;
            after += pixel > last ? w : 0.0;
        }
        const bool nearest = edge == Edge::nearest;
        double first = std::max(low, 0.0);
        double final = std::min(high, last);
        if (nearest) {
            first = std::min(first, last);
            final = std::max(final, 0.0);
        }
        const std::size_t offset = weights_.size();
        for (double pixel = first; pixel <= final; ++pixel) {
            double w = pixel < low || pixel > high ? 0.0 : weight(pixel);
            if (nearest) {
                w += pixel == 0.0 ? before : 0.0;
                w += pixel == last ? after : 0.0;
            }
            weights_.push_back(static_cast<float>(w / sum));
        }
        const std::size_t count = weights_.size() - offset;
        const std::size_t start = count == 0 ? 0 : static_cast<std::size_t>(first);
        spans_.push_back({start, offset, count});
        if (count > 0) {
            begin_ = std::min(begin_, start);
            end_ = std::max(end_, start + count);
        }
    }
    begin_ = std::min(begin_, end_);
}

void SeparableFilter::apply(const float* corner, std::size_t stride, const AxisTaps& row_taps,
                            const AxisTaps& column_taps, bool transposed, float* out,
                            std::size_t out_stride) {
    const std::size_t width = column_taps.end() - column_taps.begin();
    const std::size_t rows = row_taps.size();
    const std::size_t columns = column_taps.size();
    rows_done_.resize(rows * width);
    turned_.resize(width * rows);
    combine_rows({corner, stride}, row_taps, width, rows_done_.data(), width);
    // Turned, the other axis is a sum of rows too: both passes then run along contiguous pixels.
    transpose(rows_done_.data(), width, rows, width, turned_.data(), rows);
    if (transposed) {
        combine_rows({turned_.data(), rows}, column_taps, rows, out, out_stride);
        return;
    }
    both_done_.resize(columns * rows);
    combine_rows({turned_.data(), rows}, column_taps, rows, both_done_.data(), rows);
    transpose(both_done_.data(), rows, columns, rows, out, out_stride);
}

}  // namespace lvcore
