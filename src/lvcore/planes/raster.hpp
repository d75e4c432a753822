#pragma once

#include <cstddef>
#include <span>

#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Largest coordinate of a contour point, in pixels.
inline constexpr double kMaxContourCoordinate = 1e7;

/// The share of each pixel that a polygon covers, 0 to 1, row by row.
///
/// `points` holds (row, column) pairs in pixel-edge coordinates: pixel i covers [i, i + 1). The
/// last point joins the first. What lies outside the image is cut off. For a polygon that does not
/// cross itself the areas are exact, in either orientation. Otherwise each part counts as often as
/// the contour winds round it, parts wound in opposite directions cancel within a pixel, and the
/// size of the sum is cut at 1.
///
/// @throws std::invalid_argument if there are fewer than three points, or a coordinate is not
/// finite or exceeds `kMaxContourCoordinate`.
FloatBuffer contour_coverage(std::span<const double> points, std::size_t rows, std::size_t columns);

}  // namespace lvcore
