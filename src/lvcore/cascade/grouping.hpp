#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lvcore {

/// A detected window or group, in pixels of the image.
struct Detection {
    std::int32_t x;
    std::int32_t y;
    std::int32_t width;
    std::int32_t height;
    /// Stages passed; for a group, the most of any member.
    std::uint32_t stages;
    /// Number of windows in a group; 1 for a single window.
    std::uint32_t count;
    /// Sum of the last stage evaluated; for a group, the largest of the members with most stages.
    double score;
};

/// How far apart the windows of one group may be, as a fraction of their sides.
inline constexpr double kGroupTolerance = 0.2;

/// Groups windows like OpenCV's groupRectangles. Windows are neighbours if none of their edges
/// differ by more than `kGroupTolerance` of the mean of their smaller sides; chains of neighbours
/// form a group, whose window is the mean of theirs. Groups of `min_neighbors` windows or fewer are
/// dropped, and so are groups inside one of more windows. If `min_neighbors` is 0, returns the
/// windows unchanged. Groups are in the order of their first windows.
std::vector<Detection> group_detections(const std::vector<Detection>& windows,
                                        std::size_t min_neighbors);

/// Clips windows at the edges of an image and removes those outside it.
void clip_detections(std::vector<Detection>& windows, std::size_t rows, std::size_t columns);

}  // namespace lvcore
