#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lvcore/cascade.hpp"
#include "lvcore/grouping.hpp"
#include "lvcore/pyramid.hpp"

namespace lvcore {

/// Longest side of an image that is searched.
inline constexpr std::size_t kMaxImageSide = 65535;

/// Smallest factor between scales: below it their number would grow without bounds.
inline constexpr double kMinScaleFactor = 1.005;

/// A window's width and height in pixels.
struct WindowSize {
    std::size_t width;
    std::size_t height;
};

/// What `detect` searches, and what it tells.
struct DetectionOptions {
    /// Each scale is so many times the one before; the first is 1.
    double scale_factor = 1.1;
    /// Smallest and largest windows; the largest is the image's size where none is given.
    WindowSize min_size = {0, 0};
    std::optional<WindowSize> max_size = {};
    /// Windows are tried every so many pixels of the shrunken image. With 0 the search is
    /// OpenCV's: every 2 below scale 2 and every one from there on; where a window fails the first
    /// stage its right neighbour is left out; the last row may be.
    std::size_t step = 0;
    /// Windows that passed so many stages are told; all stages where none is given.
    std::optional<std::size_t> min_stages = {};
    /// Groups of more windows than this are told instead of windows, unless it is 0.
    std::size_t min_neighbors = 0;
};

/// The scales that are searched, those of OpenCV: powers of the factor whose window lies between
/// the smallest and largest sizes. Where there are none, the one nearest to the smallest size.
std::vector<float> detection_scales(std::size_t rows, std::size_t columns, const Cascade& cascade,
                                    const DetectionOptions& options);

/// Searches an image at all scales and places: it is shrunk step by step, and the cascade's window
/// slid over each.
///
/// @returns windows, or groups of them, cut off at the edges of the image: from small to large,
/// from top to bottom and from left to right; the same for every number of threads and on every
/// machine. None where the image is smaller than the cascade's window.
/// @throws std::invalid_argument if the image is empty or a side above `kMaxImageSide`, or an
/// option is out of range.
/// @throws CascadeFormatError if the cascade is not sound.
std::vector<Detection> detect(const ByteImage& image, const Cascade& cascade,
                              const DetectionOptions& options, std::size_t threads);

}  // namespace lvcore
