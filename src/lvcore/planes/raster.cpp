#include "lvcore/planes/raster.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lvcore {

namespace {

/// Sums below this are rounding, not area.
constexpr double kRoundingArea = 1e-9;

struct Point {
    double row;
    double column;
};

/// Signed area to the right of a polygon's edges. Cell (r, c) holds the change from pixel c - 1 to
/// pixel c, so a running sum along each row gives the winding-weighted area of every pixel.
class AreaAccumulator {
  public:
    AreaAccumulator(std::size_t rows, std::size_t columns)
        : rows_(rows), columns_(columns), cells_(rows * (columns + 1), 0.0) {}

    void add_edge(Point a, Point b) {
        if (a.row == b.row) {
            return;
        }
        const double sign = a.row < b.row ? 1.0 : -1.0;
        if (a.row > b.row) {
            std::swap(a, b);
        }
        const double height = static_cast<double>(rows_);
        const double first = std::clamp(a.row, 0.0, height);
        const double last = std::clamp(b.row, 0.0, height);
        const auto column_at = [&](double row) {
            return a.column + (b.column - a.column) * ((row - a.row) / (b.row - a.row));
        };
        for (double top = first; top < last;) {
            const double row = std::floor(top);
            const double bottom = std::min(row + 1.0, last);
            add_in_row(static_cast<std::size_t>(row), sign * (bottom - top), column_at(top),
                       column_at(bottom));
            top = bottom;
        }
    }

    [[nodiscard]] FloatBuffer coverage() const {
        FloatBuffer result(rows_ * columns_);
        for (std::size_t r = 0; r < rows_; ++r) {
            double sum = 0.0;
            for (std::size_t c = 0; c < columns_; ++c) {
                sum += cells_[r * (columns_ + 1) + c];
                const double area = std::abs(sum);
                result.data()[r * columns_ + c] =
                    area < kRoundingArea ? 0.0F : static_cast<float>(std::min(area, 1.0));
            }
        }
        return result;
    }

  private:
    /// Adds a piece of an edge within one pixel row, between two columns, with a signed height.
    void add_in_row(std::size_t row, double height, double column_a, double column_b) {
        double* cells = cells_.data() + row * (columns_ + 1);
        const double left = std::min(column_a, column_b);
        const double right = std::max(column_a, column_b);
        const double width = static_cast<double>(columns_);
        if (left >= width) {
            return;
        }
        if (right <= 0.0) {
            cells[0] += height;
            return;
        }
        const double length = right - left;
        const auto share = [&](double from, double to) {
            return length > 0.0 ? height * ((to - from) / length) : height;
        };
        // An edge left of the image covers the whole row, one right of it nothing.
        if (left < 0.0) {
            cells[0] += share(left, 0.0);
        }
        double from = std::max(left, 0.0);
        const double to = std::min(right, width);
        do {
            const double pixel = std::min(std::floor(from), width - 1.0);
            const double end = std::min(pixel + 1.0, to);
            const double part = share(from, end);
            const double middle = 0.5 * (from + end) - pixel;
            const auto c = static_cast<std::size_t>(pixel);
            cells[c] += part * (1.0 - middle);
            cells[c + 1] += part * middle;
            from = end;
        } while (from < to);
    }

    std::size_t rows_;
    std::size_t columns_;
    std::vector<double> cells_;
};

}  // namespace

FloatBuffer contour_coverage(std::span<const double> points, std::size_t rows,
                             std::size_t columns) {
    const std::size_t count = points.size() / 2;
    if (points.size() % 2 != 0 || count < 3) {
        throw std::invalid_argument("points: expected at least 3 (row, column) points, got " +
                                    std::to_string(count));
    }
    for (const double value : points) {
        if (!(std::abs(value) <= kMaxContourCoordinate)) {
            throw std::invalid_argument(
                "points: expected finite coordinates of at most 1e7 pixels, got " +
                std::to_string(value));
        }
    }
    if (columns != 0 && rows > kMaxPixels / columns) {
        throw std::invalid_argument("shape: expected at most 2^30 pixels, got " +
                                    std::to_string(rows) + " x " + std::to_string(columns));
    }
    if (rows == 0 || columns == 0) {
        return FloatBuffer(0);
    }
    AreaAccumulator areas(rows, columns);
    const auto point = [&](std::size_t i) { return Point{points[2 * i], points[2 * i + 1]}; };
    for (std::size_t i = 0; i < count; ++i) {
        areas.add_edge(point(i), point(i + 1 == count ? 0 : i + 1));
    }
    return areas.coverage();
}

}  // namespace lvcore
