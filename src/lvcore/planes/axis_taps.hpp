#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Largest step of a filter, in input pixels per output pixel.
inline constexpr double kMaxStep = 4096.0;

/// Outputs along one axis of an input: the centre of output i, from `first_output` on, is at input
/// pixel-centre index `origin + i * step`.
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
    /// One output pixel: `weights.size()` input pixels from `first` on; if empty, the output is 0.
    struct Run {
        std::size_t first;
        std::span<const float> weights;
    };

    /// Fills the taps for each output.
    ///
    /// The filter is a triangle of sum 1 that reaches max(|step|, 1) input pixels to either side:
    /// linear interpolation up to a step of 1, an antialiasing average above, balanced about the
    /// centre so that nothing is shifted. `Edge::nearest` gives the weight of pixels outside to the
    /// edge pixel. `Edge::zero` distributes it over the pixels inside, so that edges are not
    /// darkened; centres off the image, more than half a pixel beyond the centre of the first or
    /// last pixel, get no taps. Centres within 1e-9 of a pixel's are moved onto it, so that
    /// rounding errors of a map do not blur.
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
    /// Ends a run of pixels from `first` on, with the weights from `offset` on.
    void close(std::size_t first, std::size_t offset);

    std::vector<Span> spans_;
    std::vector<float> weights_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace lvcore
