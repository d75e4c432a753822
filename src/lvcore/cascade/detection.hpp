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

/// What `detect` searches, and what it tells.
struct DetectionOptions {
    SearchOptions search = {};
    /// Windows that passed so many stages are told; all stages where none is given.
    std::optional<std::size_t> min_stages = {};
    /// Groups of more windows than this are told instead of windows, unless it is 0.
    std::size_t min_neighbors = 0;
};

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
