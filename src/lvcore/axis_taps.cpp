#include "lvcore/axis_taps.hpp"

#include <algorithm>
#include <cmath>

namespace lvcore {

void AxisTaps::assign(const AxisMap& map, Edge edge) {
    spans_.clear();
    weights_.clear();
    begin_ = map.inputs;
    end_ = 0;
    const double reach = std::max(std::abs(map.step), 1.0);
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
        // Farther out nothing changes any more, and indices stay small.
        add(std::clamp(centre, -reach - 1.0, last + reach + 1.0), reach, last, edge);
    }
    begin_ = std::min(begin_, end_);
}

void AxisTaps::add(double centre, double reach, double last, Edge edge) {
    const double low = std::floor(centre - reach) + 1.0;
    const double high = std::ceil(centre + reach) - 1.0;
    const auto weight = [&](double pixel) {
        return std::max(0.0, 1.0 - std::abs(pixel - centre) / reach);
    };
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
    const std::size_t offset = weights_.size();
    for (double pixel = first; pixel <= final; ++pixel) {
        double w = pixel < low || pixel > high ? 0.0 : weight(pixel);
        w += pixel == 0.0 ? before : 0.0;
        w += pixel == last ? after : 0.0;
        weights_.push_back(static_cast<float>(w / inside));
    }
    const std::size_t count = weights_.size() - offset;
    const auto start = static_cast<std::size_t>(first);
    spans_.push_back({start, offset, count});
    begin_ = std::min(begin_, start);
    end_ = std::max(end_, start + count);
}

}  // namespace lvcore
