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

/// An image to draw windows from, and the squares in it that are positive.
struct MiningImage {
    ByteImage image;
    std::vector<Square> squares;
};

/// Which windows of an image may be drawn.
struct MiningOptions {
    /// Levels and places are those of `detect` with these options.
    SearchOptions search = {.step = 1};
    /// A window is not drawn if its intersection with a positive square, over their union, is
    /// above this.
    double iou_limit = 0.3;
    std::uint64_t seed = 0;
    std::size_t threads = 0;
};

/// Draws windows of images that pass a growing cascade.
///
/// Every window of every level of every image has a place in one random order, given by the seed.
/// What is drawn is the beginning of that order, less what the cascade rejects. So each drawing is
/// a uniform sample of the false alarms, and depends on neither the number of threads nor on where
/// training was resumed. As cascades only grow, windows once rejected are never looked at again.
class Miner {
  public:
    /// Windows have height x width pixels. The images' pixels must outlive this.
    ///
    /// @throws std::invalid_argument if there is no image, one is smaller than a window or has a
    /// side above `kMaxImageSide`, a square is not finite or has a side of 0 or less, an option is
    /// out of range, or no window is left.
    Miner(std::vector<MiningImage> images, std::size_t height, std::size_t width,
          const MiningOptions& options);

    /// Draws up to `count` windows that pass `cascade`, which must begin with the stages of the
    /// one before; a cascade without stages passes all. Fewer only when every window was looked
    /// at. `looked` is called every few hundred levels with the number found, and may throw.
    void draw(const Cascade& cascade, std::size_t count,
              const std::function<void(std::size_t found)>& looked);

    /// The windows drawn, in their order; each height x width pixels.
    [[nodiscard]] std::vector<std::uint8_t> windows() const;

    /// How many were drawn.
    [[nodiscard]] std::size_t drawn() const { return drawn_; }

    /// Share of all windows that pass the cascade, from the last drawing.
    [[nodiscard]] double acceptance() const { return acceptance_; }

    /// Windows that may be drawn, over all images.
    [[nodiscard]] std::uint64_t total() const { return total_; }

  private:
    /// A level of an image: its size, the step from window to window, and the number of its first
    /// window among all.
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
    /// All windows before this place in the order were looked at; those that pass are in `found_`.
    std::uint64_t next_ = 0;
    bool exhausted_ = false;
    std::vector<Found> found_;
    std::size_t drawn_ = 0;
    double acceptance_ = 1;
};

}  // namespace lvcore
