#include <algorithm>
#include <cstdint>

#include "lvcore/base/simd.hpp"
#include "lvcore/planes/line_plan.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

// Bounds and line by value: nothing written can change them, so the loops vectorise.
void plan_samples(Bounds bounds, Line line, const float* LVCORE_RESTRICT weights,
                  const LinePlan& plan, float* LVCORE_RESTRICT down, float* LVCORE_RESTRICT right) {
    const int columns = static_cast<int>(bounds.last_column) + 1;
    // All four neighbours are pixels, even in the last row and column.
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
}  // namespace lvcore::LVCORE_INSTRUCTIONS
