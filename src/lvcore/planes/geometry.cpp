#include "lvcore/planes/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>
#include <string>

namespace lvcore {

namespace {

/// Smallest sine of the angle between rows and columns.
constexpr double kSmallestSine = 1e-3;
/// Smallest distance between pixels, in mm.
constexpr double kSmallestStepMm = 1e-6;
/// Largest step and distance of the origin, in mm: their products stay finite.
constexpr double kLargestMm = 1e9;

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector3 cross(const Vector3& a, const Vector3& b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double norm(const Vector3& a) { return std::hypot(a[0], a[1], a[2]); }

}  // namespace

Plane Plane::from_affine(const std::array<double, 16>& affine, const char* name) {
    const auto fail = [name](const std::string& what) {
        throw GeometryError(std::string(name) + ": " + what);
    };
    if (!std::all_of(affine.begin(), affine.end(), [](double v) { return std::isfinite(v); })) {
        fail("expected finite elements, got NaN or infinity");
    }
    if (affine[12] != 0.0 || affine[13] != 0.0 || affine[14] != 0.0 || affine[15] != 1.0) {
        fail("expected a last row of 0 0 0 1");
    }
    const Plane plane{{affine[3], affine[7], affine[11]},
                      {affine[0], affine[4], affine[8]},
                      {affine[1], affine[5], affine[9]}};
    const double row_mm = norm(plane.row_step);
    const double column_mm = norm(plane.column_step);
    if (std::min(row_mm, column_mm) < kSmallestStepMm || std::max(row_mm, column_mm) > kLargestMm) {
        std::ostringstream text;
        text << "expected steps of at least " << kSmallestStepMm << " and at most " << kLargestMm
             << " mm between rows and columns, got " << row_mm << " and " << column_mm;
        fail(text.str());
    }
    if (norm(plane.origin) > kLargestMm) {
        std::ostringstream text;
        text << "expected an origin within " << kLargestMm << " mm, got one " << norm(plane.origin)
             << " mm away";
        fail(text.str());
    }
    const double area_mm2 = norm(cross(plane.row_step, plane.column_step));
    if (area_mm2 < kSmallestSine * row_mm * column_mm) {
        fail("expected rows and columns in different directions, got parallel ones");
    }
    return plane;
}

Vector3 Plane::normal() const {
    Vector3 n = cross(row_step, column_step);
    const double length = norm(n);
    for (double& v : n) {
        v /= length;
    }
    return n;
}

PlaneMap plane_map(const Plane& source, const Plane& target) {
    const Vector3 normal = source.normal();
    // At small angles the sine is accurate, the cosine is not.
    const double sine = norm(cross(normal, target.normal()));
    const double degrees = std::asin(std::min(1.0, sine)) * 180.0 / std::numbers::pi;
    if (degrees > kParallelToleranceDegrees) {
        std::ostringstream text;
        text << "target_affine: expected a plane parallel to source_affine within "
             << kParallelToleranceDegrees << " degrees, got " << degrees << " degrees";
        throw GeometryError(text.str());
    }
    // The dual vectors of the steps are orthogonal to the normal, which projects the points.
    const Vector3 area = cross(source.row_step, source.column_step);
    const double area2 = dot(area, area);
    const Vector3 along_row = cross(source.column_step, area);
    const Vector3 along_column = cross(area, source.row_step);
    const Vector3 offset = {target.origin[0] - source.origin[0],
                            target.origin[1] - source.origin[1],
                            target.origin[2] - source.origin[2]};
    const auto coordinates = [area2](const Vector3& axis, const Vector3& v) {
        return dot(axis, v) / area2;
    };
    return {coordinates(along_row, target.row_step),
            coordinates(along_row, target.column_step),
            coordinates(along_row, offset),
            coordinates(along_column, target.row_step),
            coordinates(along_column, target.column_step),
            coordinates(along_column, offset)};
}

}  // namespace lvcore
