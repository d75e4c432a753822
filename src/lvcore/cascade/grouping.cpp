#include "lvcore/cascade/grouping.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace lvcore {

namespace {

bool are_neighbours(const Detection& a, const Detection& b) {
    const double most =
        kGroupTolerance * (std::min(a.width, b.width) + std::min(a.height, b.height)) * 0.5;
    return std::abs(a.x - b.x) <= most && std::abs(a.y - b.y) <= most &&
           std::abs(a.x + a.width - b.x - b.width) <= most &&
           std::abs(a.y + a.height - b.y - b.height) <= most;
}

/// Disjoint sets of windows.
class Sets {
  public:
    explicit Sets(std::size_t count) : parents_(count) {
        std::iota(parents_.begin(), parents_.end(), std::size_t{0});
    }

    std::size_t root(std::size_t i) {
        while (parents_[i] != i) {
            parents_[i] = parents_[parents_[i]];
            i = parents_[i];
        }
        return i;
    }

    /// Keeps the smaller root, so that the root of a set is its first window.
    void join(std::size_t a, std::size_t b) {
        const auto [first, second] = std::minmax({root(a), root(b)});
        parents_[second] = first;
    }

  private:
    std::vector<std::size_t> parents_;
};

/// For every window, the first one of its group.
std::vector<std::size_t> partition(const std::vector<Detection>& windows) {
    std::vector<std::size_t> by_x(windows.size());
    std::iota(by_x.begin(), by_x.end(), std::size_t{0});
    std::stable_sort(by_x.begin(), by_x.end(),
                     [&](std::size_t a, std::size_t b) { return windows[a].x < windows[b].x; });
    Sets sets(windows.size());
    for (std::size_t i = 0; i < by_x.size(); ++i) {
        const Detection& a = windows[by_x[i]];
        const double reach = kGroupTolerance * (a.width + a.height) * 0.5;
        for (std::size_t j = i + 1; j < by_x.size() && windows[by_x[j]].x - a.x <= reach; ++j) {
            if (are_neighbours(a, windows[by_x[j]])) {
                sets.join(by_x[i], by_x[j]);
            }
        }
    }
    std::vector<std::size_t> firsts(windows.size());
    for (std::size_t i = 0; i < firsts.size(); ++i) {
        firsts[i] = sets.root(i);
    }
    return firsts;
}

/// Sums over the windows of a group.
struct Group {
    std::int64_t x = 0;
    std::int64_t y = 0;
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::uint32_t count = 0;
    std::uint32_t stages = 0;
    double score = 0;

    void add(const Detection& window) {
        x += window.x;
        y += window.y;
        width += window.width;
        height += window.height;
        if (count == 0 || std::pair(window.stages, window.score) > std::pair(stages, score)) {
            stages = window.stages;
            score = window.score;
        }
        count += window.count;
    }

    [[nodiscard]] Detection mean() const {
        // In single precision, halves to even, like OpenCV.
        const float share = 1.0F / static_cast<float>(count);
        const auto rounded = [share](std::int64_t sum) {
            return static_cast<std::int32_t>(std::lrint(static_cast<float>(sum) * share));
        };
        return {rounded(x), rounded(y), rounded(width), rounded(height), stages, count, score};
    }
};

/// Whether `a` lies inside `b` and gives way to it.
bool gives_way(const Detection& a, const Detection& b) {
    const auto dx = static_cast<std::int32_t>(std::lrint(b.width * kGroupTolerance));
    const auto dy = static_cast<std::int32_t>(std::lrint(b.height * kGroupTolerance));
    return a.x >= b.x - dx && a.y >= b.y - dy && a.x + a.width <= b.x + b.width + dx &&
           a.y + a.height <= b.y + b.height + dy &&
           (b.count > std::max<std::uint32_t>(3, a.count) || a.count < 3);
}

}  // namespace

std::vector<Detection> group_detections(const std::vector<Detection>& windows,
                                        std::size_t min_neighbors) {
    if (min_neighbors == 0) {
        return windows;
    }
    const std::vector<std::size_t> firsts = partition(windows);
    std::vector<Group> groups(windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
        groups[firsts[i]].add(windows[i]);
    }
    std::vector<Detection> means;
    for (const Group& group : groups) {
        if (group.count > min_neighbors) {
            means.push_back(group.mean());
        }
    }
    std::vector<Detection> kept;
    for (std::size_t i = 0; i < means.size(); ++i) {
        bool stays = true;
        for (std::size_t j = 0; j < means.size() && stays; ++j) {
            stays = j == i || !gives_way(means[i], means[j]);
        }
        if (stays) {
            kept.push_back(means[i]);
        }
    }
    return kept;
}

void clip_detections(std::vector<Detection>& windows, std::size_t rows, std::size_t columns) {
    const auto bottom = static_cast<std::int32_t>(rows);
    const auto right = static_cast<std::int32_t>(columns);
    for (Detection& window : windows) {
        const std::int32_t x = std::max(window.x, 0);
        const std::int32_t y = std::max(window.y, 0);
        window.width = std::min(window.x + window.width, right) - x;
        window.height = std::min(window.y + window.height, bottom) - y;
        window.x = x;
        window.y = y;
    }
    std::erase_if(windows, [](const Detection& w) { return w.width <= 0 || w.height <= 0; });
}

}  // namespace lvcore
