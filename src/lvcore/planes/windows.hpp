#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lvcore/base/half.hpp"
#include "lvcore/base/pixels.hpp"

namespace lvcore {

/// Which windows to propose around a square.
struct WindowGrid {
    /// Sides, in the square's sides.
    std::span<const double> factors;
    /// Places along each axis, evenly from `-reach` to `reach`; 1 is the square's own.
    std::size_t moves;
    /// Farthest move of the centre along an axis, in the square's sides.
    double reach;
    /// No side is below this, unless the square's is: then none is below that.
    double smallest_side;
};

/// Most factors, and most moves along an axis, of a `WindowGrid`.
inline constexpr std::size_t kMaxGrid = 1000;

/// Rows and columns of an image.
struct Extent {
    std::size_t rows;
    std::size_t columns;
};

/// Square windows around one: every factor at every move of the centre.
///
/// @param square top edge, left edge and side, in pixel-edge coordinates: pixel i covers [i, i +
/// 1).
/// @param inside leaves out the windows that reach beyond an image, by more than `kSamePoint`.
/// @returns top, left and side of each window in turn: factors x moves x moves of them where none
/// is left out, by factor, then from top to bottom, then from left to right.
/// @throws std::invalid_argument if a number is not finite, a side or factor is not above 0, or
/// factors or moves are more than `kMaxGrid` or moves none.
std::vector<double> propose_windows(std::span<const double, 3> square, const WindowGrid& grid,
                                    const std::optional<Extent>& inside);

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

/// The same into memory of the caller's, apart from all that is read; floats are rounded to halves
/// after they are normalised.
///
/// @throws std::invalid_argument also where `out` has another size.
template <class Value>
void extract_windows_into(std::span<Value> out, const CineView& images,
                          const WindowRequest& request, std::size_t threads);

extern template void extract_windows_into(std::span<float>, const CineView&, const WindowRequest&,
                                          std::size_t);
extern template void extract_windows_into(std::span<Half>, const CineView&, const WindowRequest&,
                                          std::size_t);

}  // namespace lvcore
