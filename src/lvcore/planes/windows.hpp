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
    /// Sides, as multiples of the square's.
    std::span<const double> factors;
    /// Positions along each axis, evenly from `-reach` to `reach`; 1 keeps the square's own.
    std::size_t moves;
    /// Farthest move of the centre along an axis, as a multiple of the square's side.
    double reach;
    /// Lower limit of the sides, or the square's side if that is smaller.
    double smallest_side;
};

/// Most factors, and most moves along an axis, of a `WindowGrid`.
inline constexpr std::size_t kMaxGrid = 1000;

/// Rows and columns of an image.
struct Extent {
    std::size_t rows;
    std::size_t columns;
};

/// Square windows around a square: every factor at every move of the centre.
///
/// @param square top edge, left edge and side, in pixel-edge coordinates: pixel i covers [i, i +
/// 1).
/// @param inside omits windows that extend beyond an image of this size by more than `kSamePoint`.
/// @returns top, left and side of each window: factors x moves x moves of them unless some are
/// omitted, ordered by factor, then from top to bottom, then from left to right.
/// @throws std::invalid_argument if a number is not finite, a side or factor is not above 0, there
/// are more than `kMaxGrid` factors or moves, or no moves.
std::vector<double> propose_windows(std::span<const double, 3> square, const WindowGrid& grid,
                                    const std::optional<Extent>& inside);

/// The images of a cine stack (slice, phase, row, column), not owned.
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
    /// Subtracts the mean over all phases of the window.
    mean,
    /// Scales each phase to mean 0 and population variance 1. The standard deviation is taken to be
    /// at least max(1e-6, 1e-5 |mean|), so that a flat patch becomes 0, not amplified rounding
    /// errors.
    mean_std,
};

/// Largest side of an extracted window, in output pixels.
inline constexpr std::size_t kMaxWindowSize = 4096;

/// The windows to extract: window n is square n of slice `slices[n]`.
struct WindowRequest {
    std::span<const std::int64_t> slices;
    /// Top edge, left edge and side of each window in pixel-edge coordinates: pixel i covers [i, i
    /// + 1).
    std::span<const double> squares;
    /// `phases_per_window` phases, the same for all windows or as many for each.
    std::span<const std::int64_t> phases;
    std::size_t phases_per_window;
    /// Rows and columns of an extracted window.
    std::size_t size;
    Normalise normalise;
    Edge edge;
};

/// Cuts windows out of a stack and resizes them to size x size, with the triangle filter of
/// `AxisTaps`: bilinear if a window grows, antialiased if it shrinks. The filter reaches past the
/// edges of a window into the image around it; `edge` applies beyond the image.
///
/// @returns floats, (window, phase, size, size); the same for every number of threads.
/// @throws std::invalid_argument if an image has no pixels, the number of squares or phases does
/// not match the slices, a square is not finite or its side is not above 0 and at most `kMaxStep` x
/// size, or size is 0 or above `kMaxWindowSize`.
/// @throws std::out_of_range if a slice or phase is not in the stack.
FloatBuffer extract_windows(const CineView& images, const WindowRequest& request,
                            std::size_t threads);

/// The same into the caller's memory, which must not overlap any input; halves are rounded after
/// normalisation.
///
/// @throws std::invalid_argument also if `out` has another size.
template <class Value>
void extract_windows_into(std::span<Value> out, const CineView& images,
                          const WindowRequest& request, std::size_t threads);

extern template void extract_windows_into(std::span<float>, const CineView&, const WindowRequest&,
                                          std::size_t);
extern template void extract_windows_into(std::span<Half>, const CineView&, const WindowRequest&,
                                          std::size_t);

}  // namespace lvcore
