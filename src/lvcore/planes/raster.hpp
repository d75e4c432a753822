#pragma once

#include <cstddef>
#include <span>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Largest coordinate of a contour point, in pixels.
inline constexpr double kMaxContourCoordinate = 1e7;

/// The fraction of each pixel that a polygon covers, 0 to 1, row by row.
///
/// `points` holds (row, column) pairs in pixel-edge coordinates: pixel i covers [i, i + 1). The
/// last point is joined to the first. Parts outside the image are cut off. For a polygon that does
/// not cross itself the areas are exact, in either orientation. Otherwise each part counts as often
/// as the contour winds around it, parts with opposite windings cancel within a pixel, and the
/// magnitude of the sum is limited to 1.
///
/// @throws std::invalid_argument if there are fewer than three points, or a coordinate is not
/// finite or exceeds `kMaxContourCoordinate`.
FloatBuffer contour_coverage(std::span<const double> points, std::size_t rows, std::size_t columns);

}  // namespace lvcore
