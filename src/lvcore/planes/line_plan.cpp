#include "lvcore/planes/line_plan.hpp"

#include <algorithm>
#include <cmath>

#define LVCORE_KERNELS "lvcore/planes/line_plan_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

Range points_within(const Bounds& bounds, const Line& line, Range among) {
    double low = static_cast<double>(among.begin);
    double high = static_cast<double>(among.end);
    const auto narrow = [&](double start, double step, double last) {
        if (step == 0.0 || std::isinf(bounds.reach)) {
            return;
        }
        const double a = (-bounds.reach - start) / step;
        const double b = (last + bounds.reach - start) / step;
        // One wider at each end, for rounding errors.
        low = std::max(low, std::ceil(std::min(a, b)) - 1.0);
        high = std::min(high, std::floor(std::max(a, b)) + 2.0);
    };
    narrow(line.row, line.row_step, bounds.last_row);
    narrow(line.column, line.column_step, bounds.last_column);
    if (!(low < high)) {
        return {among.begin, among.begin};
    }
    Range range{static_cast<std::size_t>(low), static_cast<std::size_t>(high)};
    // Both coordinates are monotonic, so checking the ends is enough.
    const auto outside = [&](std::size_t point) {
        const int j = static_cast<int>(point);
        return !bounds.hold(line.row_at(j), line.column_at(j));
    };
    while (range.begin < range.end && outside(range.begin)) {
        ++range.begin;
    }
    while (range.begin < range.end && outside(range.end - 1)) {
        --range.end;
    }
    return range;
}

void plan_samples(const Bounds& bounds, const Line& line, const float* weights,
                  const LinePlan& plan, float* down, float* right) {
    LVCORE_BEST(plan_samples)(bounds, line, weights, plan, down, right);
}

}  // namespace lvcore
