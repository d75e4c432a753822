#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace lvcore {

/// Longest side of an image to search.
inline constexpr std::size_t kMaxImageSide = 65535;

/// Smallest factor between scales, which bounds their number.
inline constexpr double kMinScaleFactor = 1.005;

/// A window's width and height in pixels.
struct WindowSize {
    std::size_t width;
    std::size_t height;
};

/// The scales and positions of an image to search.
struct SearchOptions {
    /// Ratio of each scale to the one before; the first is 1.
    double scale_factor = 1.1;
    /// Smallest and largest windows; by default the largest is the size of the image.
    WindowSize min_size = {0, 0};
    std::optional<WindowSize> max_size = {};
    /// Pixels of the resized image from one window to the next. 0 searches like OpenCV: a step of 2
    /// below scale 2 and 1 from there on; a window that fails the first stage skips its right
    /// neighbour; the last row may be skipped.
    std::size_t step = 0;

    /// The step at one scale.
    [[nodiscard]] std::size_t step_at(float scale) const {
        return step != 0 ? step : scale >= 2.0F ? 1 : 2;
    }
};

/// Throws std::invalid_argument if the factor between scales or the step is out of range.
void check_search(const SearchOptions& options);

/// The scales at which to search an image of rows x columns, those of OpenCV: powers of the factor
/// whose window lies between the smallest and largest sizes. If there are none, the one nearest to
/// the smallest size.
std::vector<float> search_scales(std::size_t rows, std::size_t columns, const WindowSize& window,
                                 const SearchOptions& options);

}  // namespace lvcore
