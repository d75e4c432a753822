#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "lvcore/base/pixels.hpp"
#include "lvcore/base/range.hpp"
#include "lvcore/planes/geometry.hpp"

namespace lvcore {

/// Points through an input: point j lies at (row + j * row_step, column + j * column_step).
struct Line {
    double row, row_step;
    double column, column_step;

    Line(const PlaneMap& map, double r, double c)
        : row(map.row(r, c)),
          row_step(map.row_c),
          column(map.column(r, c)),
          column_step(map.column_c) {}

    // `int`, which processors convert to floating point four at a time.
    [[nodiscard]] double row_at(int j) const { return row + row_step * j; }
    [[nodiscard]] double column_at(int j) const { return column + column_step * j; }
};

/// The last row and column of the input, and how far beyond them samples count.
struct Bounds {
    double last_row;
    double last_column;
    double reach;

    Bounds(std::size_t rows, std::size_t columns, Edge edge)
        : last_row(static_cast<double>(rows) - 1.0),
          last_column(static_cast<double>(columns) - 1.0),
          reach(edge == Edge::zero ? kReach : std::numeric_limits<double>::infinity()) {}

    [[nodiscard]] bool hold(double row, double column) const {
        return (row >= -reach) & (row <= last_row + reach) & (column >= -reach) &
               (column <= last_column + reach);
    }
};

/// The points of the range `among` that lie within the bounds.
[[nodiscard]] Range points_within(const Bounds& bounds, const Line& line, Range among);

/// How the points of a line are sampled, the same for every image. The sample of the i-th point of
/// `range` is u[0] * p[0] + u[1] * p[1] + l[0] * q[0] + l[1] * q[1], where p is at offsets[i] in
/// the image, q one row below, u = upper + 2 i and l = lower + 2 i.
struct LinePlan {
    Range range;
    std::int32_t* offsets;
    float* upper;
    float* lower;
};

/// Fills a plan with linear interpolation at the points of `line`, clamped to the image, the i-th
/// weighted by `weights[i]`. `down` and `right` are scratch memory of the same size.
void plan_samples(const Bounds& bounds, const Line& line, const float* weights,
                  const LinePlan& plan, float* down, float* right);

}  // namespace lvcore
