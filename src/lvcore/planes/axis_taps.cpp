#include "lvcore/planes/axis_taps.hpp"

#include <algorithm>
#include <cmath>

namespace lvcore {

void AxisTaps::assign(const AxisMap& map, Edge edge) {
    spans_.clear();
    weights_.clear();
    begin_ = map.inputs;
    end_ = 0;
    const double step = std::abs(map.step);
    const double reach = step > 1.0 + kSamePoint ? step : 1.0;
    const double last = static_cast<double>(map.inputs) - 1.0;
    for (std::size_t i = map.first_output; i < map.first_output + map.outputs; ++i) {
        double centre = map.origin + map.step * static_cast<double>(i);
        const double rounded = std::round(centre);
        if (std::abs(centre - rounded) < kSamePoint) {
            centre = rounded;
        }
        if (edge == Edge::zero && (centre < -kReach || centre > last + kReach)) {
            spans_.push_back({0, weights_.size(), 0});
            continue;
        }
        // Farther out the result is constant; the clamp keeps indices small.
        add(std::clamp(centre, -reach - 1.0, last + reach + 1.0), reach, last, edge);
    }
    begin_ = std::min(begin_, end_);
}

namespace {

/// The filter around one centre: a triangle of reach max(|step|, 1) sampled at whole pixels. If the
/// reach exceeds a pixel, the samples do not balance about the centre, which would shift the image
/// by up to a twelfth of a pixel; a slope across the triangle balances them.
class Triangle {
  public:
    Triangle(double centre, double reach)
        : low(std::floor(centre - reach) + 1.0),
          high(std::ceil(centre + reach) - 1.0),
          centre_(centre),
          steepness_(1.0 / reach) {
        if (reach == 1.0) {
            return;
        }
        double zeroth = 0.0;
        double first = 0.0;
        double second = 0.0;
        for (double pixel = low; pixel <= high; ++pixel) {
            const double w = height(pixel);
            zeroth += w;
            first += w * (pixel - centre);
            second += w * (pixel - centre) * (pixel - centre);
        }
        slope_ = -first / second;
        sum_ = zeroth + slope_ * first;
    }

    [[nodiscard]] double operator()(double pixel) const {
        return height(pixel) * (1.0 + slope_ * (pixel - centre_));
    }

    /// The sum of the weights.
    [[nodiscard]] double sum() const { return sum_; }

    /// The first and last pixels with a weight.
    const double low;
    const double high;

  private:
    [[nodiscard]] double height(double pixel) const {
        return std::max(0.0, 1.0 - std::abs(pixel - centre_) * steepness_);
    }

    double centre_;
    double steepness_;
    double slope_ = 0.0;
    double sum_ = 1.0;
};

}  // namespace

void AxisTaps::add(double centre, double reach, double last, Edge edge) {
    const Triangle weight(centre, reach);
    const double low = weight.low;
    const double high = weight.high;
    const std::size_t offset = weights_.size();
    if (low >= 0.0 && high <= last) {
        const double scale = 1.0 / weight.sum();
        weights_.resize(offset + static_cast<std::size_t>(high - low) + 1);
        double pixel = low;
        for (float& w : std::span(weights_).subspan(offset)) {
            w = static_cast<float>(weight(pixel++) * scale);
        }
        close(static_cast<std::size_t>(low), offset);
        return;
    }
    double inside = 0.0;
    double before = 0.0;
    double after = 0.0;
    for (double pixel = low; pixel <= high; ++pixel) {
        const double w = weight(pixel);
        (pixel < 0.0 ? before : pixel > last ? after : inside) += w;
    }
    double first = std::max(low, 0.0);
    double final = std::min(high, last);
    if (edge == Edge::nearest) {
        inside += before + after;
        first = std::min(first, last);
        final = std::max(final, 0.0);
    } else {
        before = 0.0;
        after = 0.0;
    }
    for (double pixel = first; pixel <= final; ++pixel) {
        double w = pixel < low || pixel > high ? 0.0 : weight(pixel);
        w += pixel == 0.0 ? before : 0.0;
        w += pixel == last ? after : 0.0;
        weights_.push_back(static_cast<float>(w / inside));
    }
    close(static_cast<std::size_t>(first), offset);
}

void AxisTaps::close(std::size_t first, std::size_t offset) {
    const std::size_t count = weights_.size() - offset;
    spans_.push_back({first, offset, count});
    begin_ = std::min(begin_, first);
    end_ = std::max(end_, first + count);
}

}  // namespace lvcore
