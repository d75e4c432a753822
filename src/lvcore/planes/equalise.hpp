#pragma once

#include <cstddef>

#include "lvcore/base/pixels.hpp"
#include "lvcore/base/range.hpp"
#include "lvcore/planes/axis_taps.hpp"

namespace lvcore {

/// Grey levels between a slice's darkest and brightest tissue.
inline constexpr std::size_t kGreyLevels = 1024;

/// Shares of the field that are darker than the lowest level and than the highest: one bright pixel
/// does not squeeze all tissue into a few levels.
inline constexpr double kLowestShare = 0.001;
inline constexpr double kHighestShare = 0.999;

/// Which grey values set the contrast, and how the results are resampled.
struct EqualiseRequest {
    /// Consecutive images with one contrast.
    std::size_t images_together;
    /// Where the grey values are ranked; not empty.
    Range field_rows;
    Range field_columns;
    /// Outputs along the rows and the columns of an image.
    AxisMap rows;
    AxisMap columns;
};

/// Replaces grey values by their ranks and resamples the result, image by image, so that what lies
/// between is never written to memory.
///
/// A rank is the share of the field, over all images together, that is as bright or darker, at
/// `kGreyLevels` evenly spaced levels; 0 everywhere if the field has no contrast. Resampling is
/// that of `SeparableFilter` with `Edge::nearest`.
///
/// @returns floats, images x `rows.outputs` x `columns.outputs`; the same for every number of
/// threads.
/// @throws std::invalid_argument if the number of images is no multiple of `images_together`, the
/// field is empty or not within the images, an output has more than `kMaxPixels`, or a step is
/// above `kMaxStep`.
/// @throws std::domain_error if a value is NaN or infinite.
FloatBuffer equalise(const ImageBatch<float>& images, const EqualiseRequest& request,
                     std::size_t threads);

}  // namespace lvcore
