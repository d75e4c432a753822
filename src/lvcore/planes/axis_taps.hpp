#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Largest step, in input pixels an output pixel, that a filter takes.
inline constexpr double kMaxStep = 4096.0;

/// Outputs along one axis of an input: output i, for i from `first_output` on, has its centre at
/// input pixel-centre index `origin + i * step`.
struct AxisMap {
    double origin;
    double step;
    std::size_t first_output;
    std::size_t outputs;
    std::size_t inputs;
};

/// The input pixels and weights behind each output pixel along one axis.
class AxisTaps {
  public:
    /// One output pixel: `weights.size()` input pixels from `first` on; none where it is 0.
    struct Run {
        std::size_t first;
        std::span<const float> weights;
    };

    /// Fills the taps for each output.
    ///
    /// The filter is a triangle that reaches max(|step|, 1) input pixels to either side, of sum 1:
    /// linear interpolation up to a step of 1, an antialiasing average above, balanced about the
    /// centre so that nothing is shifted. `Edge::nearest` gives
    /// the weight of pixels outside to the edge pixel. `Edge::zero` shares it among the pixels
    /// inside, so that the edge is no darker than the rest, and gives no taps to a centre off the
    /// image, that is more than half a pixel beyond its first or last pixel's. Centres within 1e-9
    /// of a pixel's are taken to be there, so that rounding in a map does not blur.
    ///
    /// |step| is at most `kMaxStep` and `inputs` at least 1.
    void assign(const AxisMap& map, Edge edge);

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
    void add(double centre, double reach, double last, Edge edge);
    /// Ends a run: its weights are those from `offset` on, for pixels from `first` on.
    void close(std::size_t first, std::size_t offset);

    std::vector<Span> spans_;
    std::vector<float> weights_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace lvcore
