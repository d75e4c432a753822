#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lvcore/cascade/cascade.hpp"
#include "lvcore/cascade/grouping.hpp"
#include "lvcore/cascade/pyramid.hpp"
#include "lvcore/cascade/search.hpp"

namespace lvcore {

/// What `detect` searches and reports.
struct DetectionOptions {
    SearchOptions search = {};
    /// Reports windows that passed at least this many stages; by default, all stages.
    std::optional<std::size_t> min_stages = {};
    /// Unless 0, reports groups of more than this many windows instead of windows.
    std::size_t min_neighbors = 0;
};

/// Searches an image at all scales and positions: the cascade's window slides over the image
/// resized to each scale.
///
/// @returns windows, or groups of them, clipped at the edges of the image: from small to large,
/// from top to bottom and from left to right; the same for every number of threads and on every
/// machine. Empty if the image is smaller than the cascade's window.
/// @throws std::invalid_argument if the image is empty or a side is above `kMaxImageSide`, or an
/// option is out of range.
/// @throws CascadeFormatError if the cascade is not sound.
std::vector<Detection> detect(const ByteImage& image, const Cascade& cascade,
                              const DetectionOptions& options, std::size_t threads);

}  // namespace lvcore
