#pragma once

#include <cstddef>
#include <optional>
#include <vector>

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

/// Which scales and places of an image are searched.
struct SearchOptions {
    /// Each scale is so many times the one before; the first is 1.
    double scale_factor = 1.1;
    /// Smallest and largest windows; the largest is the image's size where none is given.
    WindowSize min_size = {0, 0};
    std::optional<WindowSize> max_size = {};
    /// Windows are tried every so many pixels of the shrunken image. With 0 the search is
    /// OpenCV's: every 2 below scale 2 and every one from there on; where a window fails the first
    /// stage its right neighbour is left out; the last row may be.
    std::size_t step = 0;

    /// The step at one scale.
    [[nodiscard]] std::size_t step_at(float scale) const {
        return step != 0 ? step : scale >= 2.0F ? 1 : 2;
    }
};

/// Throws std::invalid_argument if the factor between scales or the step is out of range.
void check_search(const SearchOptions& options);

/// The scales at which an image of rows x columns is searched with a window, those of OpenCV:
/// powers of the factor whose window lies between the smallest and largest sizes. Where there are
/// none, the one nearest to the smallest size.
std::vector<float> search_scales(std::size_t rows, std::size_t columns, const WindowSize& window,
                                 const SearchOptions& options);

}  // namespace lvcore
