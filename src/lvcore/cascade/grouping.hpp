#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lvcore {

/// A window that a cascade came to, in pixels of the image.
struct Detection {
    std::int32_t x;
    std::int32_t y;
    std::int32_t width;
    std::int32_t height;
    /// Stages passed; of a group, by the member that got furthest.
    std::uint32_t stages;
    /// Windows that a group is made of; 1 for a raw window.
    std::uint32_t count;
    /// Sum of the last stage it came to; of a group, the largest of those that got furthest.
    double score;
};

/// How far apart, as a share of their sides, windows of one group may lie.
inline constexpr double kGroupTolerance = 0.2;

/// Groups windows as OpenCV's groupRectangles does. Windows are neighbours where none of their
/// edges differ by more than `kGroupTolerance` of their mean smaller sides; chains of neighbours
/// make a group, and its window is the mean of theirs. Groups of `min_neighbors` windows or fewer
/// are dropped, and so are those that lie inside a group of more windows. With `min_neighbors` 0
/// the windows come back as they are. Groups are in the order of their first windows.
std::vector<Detection> group_detections(const std::vector<Detection>& windows,
                                        std::size_t min_neighbors);

/// Cuts windows off at the edges of an image; those with nothing inside are left out.
void clip_detections(std::vector<Detection>& windows, std::size_t rows, std::size_t columns);

}  // namespace lvcore
