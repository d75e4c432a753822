#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lvcore/pixels.hpp"

namespace lvcore {

/// Largest step, in input pixels an output pixel, that a filter takes.
inline constexpr double kMaxStep = 4096.0;

/// The input pixels and weights behind each output pixel along one axis.
class AxisTaps {
  public:
    /// One output pixel: `weights.size()` input pixels from `first` on; none where it lies outside.
    struct Run {
        std::size_t first;
        std::span<const float> weights;
    };

    /// Fills the taps for outputs first_output … first_output + outputs - 1, where output i has its
    /// centre at input pixel-centre index `origin + i * step`, from an axis of `inputs` pixels.
    ///
    /// The filter is a triangle that reaches max(|step|, 1) input pixels to either side, of sum 1:
    /// linear interpolation up to a step of 1, an antialiasing average above. `Edge::nearest` gives
    /// the weight of pixels outside to the edge pixel, `Edge::zero` drops it. Centres within 1e-9
    /// of a pixel's are taken to be there, so that rounding in a map does not blur.
    ///
    /// |step| is at most `kMaxStep` and `inputs` at least 1.
    void assign(double origin, double step, std::size_t first_output, std::size_t outputs,
                std::size_t inputs, Edge edge);

    [[nodiscard]] std::size_t size() const { return spans_.size(); }
    [[nodiscard]] Run operator[](std::size_t i) const {
        const Span& span = spans_[i];
        return {span.first, std::span(weights_).subspan(span.offset, span.count)};
    }
    /// Input pixels read by any output: [begin, end).
    [[nodiscard]] std::size_t begin() const { return begin_; }
    [[nodiscard]] std::size_t end() const { return end_; }

  private:
    struct Span {
        std::size_t first;
        std::size_t offset;
        std::size_t count;
    };
    std::vector<Span> spans_;
    std::vector<float> weights_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

/// Filters a plane along its rows and columns. Keeps its scratch memory from call to call.
class SeparableFilter {
  public:
    /// Writes output (i, j) = sum over input rows in `row_taps[i]` and columns in `column_taps[j]`
    /// to `out[i * out_stride + j]`, or to `out[j * out_stride + i]` if `transposed`.
    ///
    /// `corner` is the input pixel (row_taps.begin(), column_taps.begin()), rows are `stride`
    /// pixels apart, and only rows and columns within the taps' [begin, end) are read.
    void apply(const float* corner, std::size_t stride, const AxisTaps& row_taps,
               const AxisTaps& column_taps, bool transposed, float* out, std::size_t out_stride);

  private:
    std::vector<float> rows_done_;
    std::vector<float> turned_;
    std::vector<float> both_done_;
};

}  // namespace lvcore
