#include "lvcore/planes/line_plan.hpp"

#include <algorithm>
#include <cmath>

#include "lvcore/base/simd.hpp"

namespace lvcore {

namespace {

// Bounds and line by value: nothing written can change them, and the loops run in vector registers.
// Hidden here, as not every compiler lets other files call a function compiled twice.
LVCORE_CLONES
void fill_plan(Bounds bounds, Line line, const float* LVCORE_RESTRICT weights, const LinePlan& plan,
               float* LVCORE_RESTRICT down, float* LVCORE_RESTRICT right) {
    const int columns = static_cast<int>(bounds.last_column) + 1;
    // All four neighbours are pixels, at the last row and column too.
    const int last_top = std::max(static_cast<int>(bounds.last_row) - 1, 0);
    const int last_left = std::max(static_cast<int>(bounds.last_column) - 1, 0);
    const int first = static_cast<int>(plan.range.begin);
    const int count = static_cast<int>(plan.range.end) - first;
    std::int32_t* LVCORE_RESTRICT offsets = plan.offsets;
    float* LVCORE_RESTRICT upper = plan.upper;
    float* LVCORE_RESTRICT lower = plan.lower;
    for (int i = 0; i < count; ++i) {
        const double row = std::min(std::max(line.row_at(first + i), 0.0), bounds.last_row);
        const double column =
            std::min(std::max(line.column_at(first + i), 0.0), bounds.last_column);
        const int top = std::min(static_cast<int>(row), last_top);
        const int left = std::min(static_cast<int>(column), last_left);
        offsets[i] = top * columns + left;
        down[i] = static_cast<float>(row - top);
        right[i] = static_cast<float>(column - left);
    }
    for (int i = 0; i < count; ++i) {
        const float above = weights[i] * (1.0F - down[i]);
        const float below = weights[i] * down[i];
        upper[2 * i] = above * (1.0F - right[i]);
        upper[2 * i + 1] = above * right[i];
        lower[2 * i] = below * (1.0F - right[i]);
        lower[2 * i + 1] = below * right[i];
    }
}

}  // namespace

Range points_within(const Bounds& bounds, const Line& line, Range among) {
    double low = static_cast<double>(among.begin);
    double high = static_cast<double>(among.end);
    const auto narrow = [&](double start, double step, double last) {
        if (step == 0.0 || std::isinf(bounds.reach)) {
            return;
        }
        const double a = (-bounds.reach - start) / step;
        const double b = (last + bounds.reach - start) / step;
        // Wider by one at each end: rounding may have moved them.
        low = std::max(low, std::ceil(std::min(a, b)) - 1.0);
        high = std::min(high, std::floor(std::max(a, b)) + 2.0);
    };
    narrow(line.row, line.row_step, bounds.last_row);
    narrow(line.column, line.column_step, bounds.last_column);
    if (!(low < high)) {
        return {among.begin, among.begin};
    }
    Range range{static_cast<std::size_t>(low), static_cast<std::size_t>(high)};
    // Both coordinates run one way, so checking the ends is enough.
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
    fill_plan(bounds, line, weights, plan, down, right);
}

}  // namespace lvcore
