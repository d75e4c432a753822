#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "lvcore/base/pixels.hpp"
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

    // Of `int`, which processors turn into floating-point numbers four at a time.
    [[nodiscard]] double row_at(int j) const { return row + row_step * j; }
    [[nodiscard]] double column_at(int j) const { return column + column_step * j; }
};

/// The input's last row and column, and how far beyond them samples count.
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

/// Points of a line: [begin, end).
struct Range {
    std::size_t begin;
    std::size_t end;

    [[nodiscard]] std::size_t size() const { return end - begin; }
};

/// The points of a line, among those of the range, that lie within the bounds.
[[nodiscard]] Range points_within(const Bounds& bounds, const Line& line, Range among);

/// Where the samples of a line's points come from, for every image alike. The sample of the i-th
/// point of `range` is u[0] * p[0] + u[1] * p[1] + l[0] * q[0] + l[1] * q[1], p being offsets[i]
/// into the image, q a row below, u and l being upper and lower + 2 i.
struct LinePlan {
    Range range;
    std::int32_t* offsets;
    float* upper;
    float* lower;
};

/// Fills a plan with linear interpolation at the points of `line`, clamped to the image, the i-th
/// with weight `weights[i]`. `down` and `right` are scratch of as many floats.
void plan_samples(const Bounds& bounds, const Line& line, const float* weights,
                  const LinePlan& plan, float* down, float* right);

}  // namespace lvcore
