#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvcore/pixels.hpp"

namespace lvcore {

/// A cine stack's images (slice, phase, row, column) that someone else owns.
struct CineView {
    const float* data;
    std::size_t slices;
    std::size_t phases;
    std::size_t rows;
    std::size_t columns;
};

/// How the pixels of a window are normalised.
enum class Normalise {
    none,
    /// The mean over all phases of the window is taken off.
    mean,
    /// Every phase on its own is brought to mean 0 and variance 1 (of the population). The standard
    /// deviation counts as at least max(1e-6, 1e-5 |mean|), so that a flat patch becomes 0 and not
    /// amplified rounding.
    mean_std,
};

/// Largest side of an extracted window, in output pixels.
inline constexpr std::size_t kMaxWindowSize = 4096;

/// What to extract: window n is square n of slice `slices[n]`.
struct WindowRequest {
    std::span<const std::int64_t> slices;
    /// Top edge, left edge and side of each window in pixel-edge coordinates: pixel i covers [i, i
    /// + 1).
    std::span<const double> squares;
    /// `phases_per_window` phases for all windows, or as many for each in turn.
    std::span<const std::int64_t> phases;
    std::size_t phases_per_window;
    /// Rows and columns of an extracted window.
    std::size_t size;
    Normalise normalise;
    Edge edge;
};

/// Cuts windows out of a stack and resizes them to size x size, with the triangle filter of
/// `AxisTaps`: bilinear where a window grows, antialiased where it shrinks. The filter reaches past
/// a window's edges into the image around it; `edge` says what comes of that beyond the image.
///
/// @returns floats, (window, phase, size, size); the same for every number of threads.
/// @throws std::invalid_argument if an image has no pixels, a number of squares or phases does not
/// match the slices, a square is not finite or has a side of 0 or less or above `kMaxStep` x size,
/// or size is 0 or above `kMaxWindowSize`.
/// @throws std::out_of_range if a slice or phase is not in the stack.
FloatBuffer extract_windows(const CineView& images, const WindowRequest& request,
                            std::size_t threads);

}  // namespace lvcore
