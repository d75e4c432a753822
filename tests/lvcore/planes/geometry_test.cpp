#include "lvcore/planes/geometry.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "check.hpp"

namespace {

using lvcore::GeometryError;
using lvcore::Plane;

/// Rows 2 mm apart along y, columns 1 mm apart along x, origin at (10, 20, 30).
std::array<double, 16> axial() { return {0, 1, 0, 10, 2, 0, 0, 20, 0, 0, -1, 30, 0, 0, 0, 1}; }

TEST(a_point_is_projected_along_the_normal) {
    const Plane source = Plane::from_affine(axial(), "source");
    auto moved = axial();
    moved[3] = 13;   // 3 columns of 1 mm
    moved[7] = 28;   // 4 rows of 2 mm
    moved[11] = 75;  // off the plane
    const lvcore::PlaneMap map = lvcore::plane_map(source, Plane::from_affine(moved, "target"));
    // Output (2, 5) is at source (6, 8).
    CHECK_NEAR(map.row(2, 5), 6, 1e-12);
    CHECK_NEAR(map.column(2, 5), 8, 1e-12);
    CHECK_NEAR(map.row_r, 1, 1e-12);
    CHECK_NEAR(map.column_c, 1, 1e-12);
}

TEST(planes_are_parallel_up_to_two_degrees) {
    const Plane source = Plane::from_affine(axial(), "source");
    const auto tilted = [](double degrees) {
        const double angle = degrees * std::numbers::pi / 180.0;
        auto affine = axial();
        affine[4] = 2 * std::cos(angle);
        affine[8] = 2 * std::sin(angle);
        return Plane::from_affine(affine, "target");
    };
    // A tilted row step shrinks to its projection.
    CHECK_NEAR(lvcore::plane_map(source, tilted(1.9)).row_r,
               std::cos(1.9 * std::numbers::pi / 180.0), 1e-12);
    CHECK_THROWS(GeometryError, "2.1 degrees", lvcore::plane_map(source, tilted(2.1)));
    CHECK_THROWS(GeometryError, "90 degrees", lvcore::plane_map(source, tilted(90)));
}

TEST(degenerate_affines_are_rejected_by_name) {
    const auto with = [](std::size_t element, double value) {
        auto affine = axial();
        affine[element] = value;
        return affine;
    };
    CHECK_THROWS(GeometryError, "source: expected finite",
                 Plane::from_affine(with(3, std::numeric_limits<double>::quiet_NaN()), "source"));
    CHECK_THROWS(GeometryError, "last row", Plane::from_affine(with(15, 2), "source"));
    CHECK_THROWS(GeometryError, "steps of at least", Plane::from_affine(with(4, 0), "source"));
    CHECK_THROWS(GeometryError, "steps of at least", Plane::from_affine(with(4, 1e308), "source"));
    auto parallel = axial();
    parallel[0] = 1;
    parallel[4] = 0;
    CHECK_THROWS(GeometryError, "different directions", Plane::from_affine(parallel, "source"));
}

}  // namespace
