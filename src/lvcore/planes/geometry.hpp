#pragma once

#include <array>
#include <stdexcept>

namespace lvcore {

/// A vector or point in patient space, LPS, in mm.
using Vector3 = std::array<double, 3>;

/// An affine map of pixel indices: (r, c) to row row_r * r + row_c * c + row_0, and columns alike.
struct PlaneMap {
    double row_r, row_c, row_0;
    double column_r, column_c, column_0;

    [[nodiscard]] double row(double r, double c) const { return row_0 + row_r * r + row_c * c; }
    [[nodiscard]] double column(double r, double c) const {
        return column_0 + column_r * r + column_c * c;
    }
    bool operator==(const PlaneMap&) const = default;
};

/// Planes in the wrong position for an operation, or an affine that does not span a plane.
class GeometryError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Two planes count as parallel if the angle between their normals is at most this.
inline constexpr double kParallelToleranceDegrees = 2.0;

/// An image plane in patient space: the centre of pixel (r, c) is at origin + r row_step + c
/// column_step.
struct Plane {
    Vector3 origin;
    Vector3 row_step;
    Vector3 column_step;

    /// Reads a 4x4 affine, row by row, that maps (row, column, k, 1) to LPS mm. Its third column,
    /// along the normal, is ignored.
    ///
    /// @throws GeometryError naming `name` if an element is not finite, the last row is not 0 0 0
    /// 1, or the steps between rows and columns are (nearly) zero or parallel.
    static Plane from_affine(const std::array<double, 16>& affine, const char* name);

    /// Unit normal, row_step x column_step.
    [[nodiscard]] Vector3 normal() const;
};

/// Maps pixel indices of `target` to pixel indices of `source`; points off the source plane are
/// projected onto it along its normal.
///
/// @throws GeometryError if the planes are not parallel within `kParallelToleranceDegrees`.
PlaneMap plane_map(const Plane& source, const Plane& target);

}  // namespace lvcore
