#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "lvcore/cascade/cascade.hpp"
#include "lvcore/cascade/pyramid.hpp"
#include "lvcore/cascade/search.hpp"

namespace lvcore {

/// A square of an image, in pixel-edge coordinates: pixel i covers [i, i + 1).
struct Square {
    double top;
    double left;
    double side;
};

/// An image to draw windows from, and its positive squares.
struct MiningImage {
    ByteImage image;
    std::vector<Square> squares;
};

/// The windows that may be drawn.
struct MiningOptions {
    /// Levels and positions are those of `detect` with these options.
    SearchOptions search = {.step = 1};
    /// Windows whose intersection over union with a positive square is above this are not drawn.
    double iou_limit = 0.3;
    std::uint64_t seed = 0;
    std::size_t threads = 0;
};

/// Draws windows of images that pass a growing cascade.
///
/// The seed gives every window of every level of every image a place in one random order, and the
/// first windows in that order that pass the cascade are drawn. So each draw is a uniform sample of
/// the false alarms, and depends neither on the number of threads nor on where training was
/// resumed. Since cascades only grow, rejected windows are never examined again.
class Miner {
  public:
    /// Windows have height x width pixels. The pixels of the images must outlive this.
    ///
    /// @throws std::invalid_argument if there are no images, one is smaller than a window or has a
    /// side above `kMaxImageSide`, a square is not finite or its side not above 0, an option is out
    /// of range, or all windows are positive.
    Miner(std::vector<MiningImage> images, std::size_t height, std::size_t width,
          const MiningOptions& options);

    /// Draws up to `count` windows that pass `cascade`, which must start with the stages of the
    /// cascade before; without stages it passes all. Draws fewer only after examining every window.
    /// `looked` is called every few hundred levels with the number found, and may throw.
    void draw(const Cascade& cascade, std::size_t count,
              const std::function<void(std::size_t found)>& looked);

    /// The drawn windows in order, height x width pixels each.
    [[nodiscard]] std::vector<std::uint8_t> windows() const;

    /// Number of windows drawn.
    [[nodiscard]] std::size_t drawn() const { return drawn_; }

    /// Fraction of all windows that pass the cascade, estimated by the last draw.
    [[nodiscard]] double acceptance() const { return acceptance_; }

    /// Number of windows that may be drawn from all images.
    [[nodiscard]] std::uint64_t total() const { return total_; }

  private:
    /// A level of an image: its size, the step between windows, and the number of its first window
    /// among all windows.
    struct Level {
        std::size_t image;
        double scale;
        std::size_t rows;
        std::size_t columns;
        std::size_t step;
        std::uint64_t first;
        std::uint64_t windows;
    };
    struct Found {
        std::uint64_t order;
        std::vector<std::uint8_t> pixels;
    };

    [[nodiscard]] bool is_positive(const Level& level, std::size_t row, std::size_t column) const;
    void list_levels();
    void count_windows();
    void reject(const Cascade& cascade);
    void look(const Cascade& cascade, const Level& level, std::uint64_t last,
              std::vector<Found>& found) const;

    std::vector<MiningImage> images_;
    std::size_t height_;
    std::size_t width_;
    MiningOptions options_;
    std::vector<Level> levels_;
    std::uint64_t total_ = 0;
    /// All windows before this place were examined; those that pass are in `found_`.
    std::uint64_t next_ = 0;
    bool exhausted_ = false;
    std::vector<Found> found_;
    std::size_t drawn_ = 0;
    double acceptance_ = 1;
};

}  // namespace lvcore
