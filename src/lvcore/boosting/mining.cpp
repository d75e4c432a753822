#include "lvcore/boosting/mining.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "lvcore/base/parallel.hpp"
#include "lvcore/base/random_order.hpp"

namespace lvcore {

namespace {

constexpr std::size_t kLevelsPerPass = 256;
constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
constexpr double kPlaces = 18446744073709551616.0;  // 2^64

/// The fraction of all places up to this one.
double place_share(std::uint64_t place) { return (static_cast<double>(place) + 1) / kPlaces; }

/// Resizes an image as detection does.
std::vector<std::uint8_t> shrink(const ByteImage& image, std::size_t rows, std::size_t columns) {
    std::vector<std::uint8_t> pixels(rows * columns);
    std::vector<std::uint16_t> scratch(image.columns + 1);
    resize_band(image, linear_taps(image.rows, rows), linear_taps(image.columns, columns), 0, rows,
                scratch, pixels.data());
    return pixels;
}

/// Intersection over union of a rectangle and a square.
double overlap(double top, double left, double height, double width, const Square& square) {
    const double rows =
        std::min(top + height, square.top + square.side) - std::max(top, square.top);
    const double columns =
        std::min(left + width, square.left + square.side) - std::max(left, square.left);
    if (rows <= 0 || columns <= 0) {
        return 0;
    }
    return rows * columns / (height * width + square.side * square.side - rows * columns);
}

void check(const std::vector<MiningImage>& images, std::size_t height, std::size_t width,
           const MiningOptions& options) {
    if (images.empty()) {
        throw std::invalid_argument("images: expected at least one, got none");
    }
    for (std::size_t i = 0; i < images.size(); ++i) {
        const ByteImage& image = images[i].image;
        if (image.rows < height || image.columns < width || image.rows > kMaxImageSide ||
            image.columns > kMaxImageSide) {
            throw std::invalid_argument(
                "images: expected at least " + std::to_string(height) + " x " +
                std::to_string(width) + " pixels and no side above " +
                std::to_string(kMaxImageSide) + ", got image " + std::to_string(i) + " of " +
                std::to_string(image.rows) + " x " + std::to_string(image.columns));
        }
        for (const Square& square : images[i].squares) {
            if (!std::isfinite(square.top) || !std::isfinite(square.left) ||
                !std::isfinite(square.side) || square.side <= 0) {
                throw std::invalid_argument(
                    "squares: expected finite numbers and sides above 0, got (" +
                    std::to_string(square.top) + ", " + std::to_string(square.left) + ", " +
                    std::to_string(square.side) + ") in image " + std::to_string(i));
            }
        }
    }
    check_search(options.search);
    if (!(options.iou_limit >= 0 && options.iou_limit <= 1)) {
        throw std::invalid_argument("iou_limit: expected 0 to 1, got " +
                                    std::to_string(options.iou_limit));
    }
}

}  // namespace

Miner::Miner(std::vector<MiningImage> images, std::size_t height, std::size_t width,
             const MiningOptions& options)
    : images_(std::move(images)), height_(height), width_(width), options_(options) {
    check(images_, height_, width_, options_);
    list_levels();
    count_windows();
    if (total_ == 0) {
        throw std::invalid_argument(
            "images: expected at least one window that is not positive, got none");
    }
}

void Miner::list_levels() {
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < images_.size(); ++i) {
        const ByteImage& image = images_[i].image;
        for (const float scale :
             search_scales(image.rows, image.columns, {width_, height_}, options_.search)) {
            const auto shrunk = [&](std::size_t size) {
                return static_cast<std::size_t>(std::lrint(static_cast<float>(size) / scale));
            };
            const std::size_t rows = shrunk(image.rows);
            const std::size_t columns = shrunk(image.columns);
            if (rows < height_ || columns < width_) {
                continue;
            }
            const std::size_t step = options_.search.step_at(scale);
            const std::uint64_t windows =
                ((rows - height_) / step + 1) * ((columns - width_) / step + 1);
            levels_.push_back({i, static_cast<double>(scale), rows, columns, step, first, windows});
            first += windows;
        }
    }
}

void Miner::count_windows() {
    std::atomic<std::uint64_t> total{0};
    parallel_for(levels_.size(), 8, options_.threads, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const Level& level = levels_[i];
            std::uint64_t count = level.windows;
            if (!images_[level.image].squares.empty()) {
                for (std::size_t r = 0; r + height_ <= level.rows; r += level.step) {
                    for (std::size_t c = 0; c + width_ <= level.columns; c += level.step) {
                        count -= is_positive(level, r, c) ? 1 : 0;
                    }
                }
            }
            total += count;
        }
    });
    total_ = total;
}

bool Miner::is_positive(const Level& level, std::size_t row, std::size_t column) const {
    const std::vector<Square>& squares = images_[level.image].squares;
    return std::any_of(squares.begin(), squares.end(), [&](const Square& square) {
        return overlap(static_cast<double>(row) * level.scale,
                       static_cast<double>(column) * level.scale,
                       static_cast<double>(height_) * level.scale,
                       static_cast<double>(width_) * level.scale, square) > options_.iou_limit;
    });
}

/// Appends the windows of a level with places from `next_` to `last` that pass.
void Miner::look(const Cascade& cascade, const Level& level, std::uint64_t last,
                 std::vector<Found>& found) const {
    struct Window {
        std::uint64_t order;
        std::size_t row;
        std::size_t column;
    };
    std::vector<Window> windows;
    std::uint64_t number = level.first;
    for (std::size_t r = 0; r + height_ <= level.rows; r += level.step) {
        for (std::size_t c = 0; c + width_ <= level.columns; c += level.step) {
            const std::uint64_t place = random_place(number++, options_.seed);
            if (place >= next_ && place <= last) {
                windows.push_back({place, r, c});
            }
        }
    }
    if (windows.empty()) {
        return;
    }
    const std::vector<std::uint8_t> pixels =
        shrink(images_[level.image].image, level.rows, level.columns);
    const IntegralImage integral = integrate(pixels, level.rows, level.columns);
    const std::vector<LbpCorners> corners = cascade_corners(cascade, integral.stride);
    for (const Window& window : windows) {
        const std::uint32_t* at =
            integral.sums.data() + window.row * integral.stride + window.column;
        if (evaluate(cascade, corners, at).stages_passed < cascade.stages.size() ||
            is_positive(level, window.row, window.column)) {
            continue;
        }
        Found& hit = found.emplace_back(Found{window.order, {}});
        hit.pixels.reserve(height_ * width_);
        for (std::size_t r = 0; r < height_; ++r) {
            const std::uint8_t* row =
                pixels.data() + (window.row + r) * level.columns + window.column;
            hit.pixels.insert(hit.pixels.end(), row, row + width_);
        }
    }
}

void Miner::reject(const Cascade& cascade) {
    const std::vector<LbpCorners> corners = cascade_corners(cascade, width_ + 1);
    std::erase_if(found_, [&](const Found& found) {
        const IntegralImage integral = integrate(found.pixels, height_, width_);
        return evaluate(cascade, corners, integral.sums.data()).stages_passed <
               cascade.stages.size();
    });
}

void Miner::draw(const Cascade& cascade, std::size_t count,
                 const std::function<void(std::size_t)>& looked) {
    reject(cascade);
    while (found_.size() < count && !exhausted_) {
        // Far enough at the rate found so far, with a margin; at most 8 times as far as before, so
        // that a low first rate does not search everything.
        const double seen = static_cast<double>(next_) / kPlaces * static_cast<double>(total_);
        const double share = seen > 0 ? (static_cast<double>(found_.size()) + 1) / seen : 1.0;
        const double wanted = static_cast<double>(count - found_.size()) * 1.1 + 100;
        const double further =
            std::min(wanted / share, std::max(8 * seen, wanted)) / static_cast<double>(total_);
        const double end = static_cast<double>(next_) + further * kPlaces;
        const std::uint64_t last = end < kPlaces * 0.999 ? static_cast<std::uint64_t>(end) : kLast;

        for (std::size_t begin = 0; begin < levels_.size(); begin += kLevelsPerPass) {
            const std::size_t levels = std::min(kLevelsPerPass, levels_.size() - begin);
            std::vector<std::vector<Found>> parts(levels);
            parallel_for(levels, 1, options_.threads, [&](std::size_t from, std::size_t to) {
                for (std::size_t i = from; i < to; ++i) {
                    look(cascade, levels_[begin + i], last, parts[i]);
                }
            });
            for (std::vector<Found>& part : parts) {
                std::move(part.begin(), part.end(), std::back_inserter(found_));
            }
            looked(found_.size());
        }
        exhausted_ = last == kLast;
        next_ = exhausted_ ? kLast : last + 1;
        std::sort(found_.begin(), found_.end(),
                  [](const Found& a, const Found& b) { return a.order < b.order; });
    }
    drawn_ = std::min(count, found_.size());
    // Places are spread evenly, so the last one drawn gives the number of windows examined.
    const double looked_at = drawn_ == count && count > 0 ? place_share(found_[count - 1].order) *
                                                                static_cast<double>(total_)
                                                          : static_cast<double>(total_);
    acceptance_ = std::min(1.0, static_cast<double>(drawn_) / looked_at);
}

std::vector<std::uint8_t> Miner::windows() const {
    std::vector<std::uint8_t> pixels;
    pixels.reserve(drawn_ * height_ * width_);
    for (std::size_t i = 0; i < drawn_; ++i) {
        pixels.insert(pixels.end(), found_[i].pixels.begin(), found_[i].pixels.end());
    }
    return pixels;
}

}  // namespace lvcore
