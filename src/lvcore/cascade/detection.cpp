#include "lvcore/cascade/detection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string>

#include "lvcore/base/parallel.hpp"
#include "lvcore/cascade/stepped_integral.hpp"
#include "lvcore/cascade/stumps.hpp"

namespace lvcore {

namespace {

/// Fewest rows of windows in a band: few enough to balance the threads, enough that the rows
/// resized by both of two neighbouring bands do not matter.
constexpr std::size_t kBandRows = 64;

std::size_t rounded(float value) { return static_cast<std::size_t>(std::lrint(value)); }

std::string times(std::size_t a, std::size_t b) {
    return std::to_string(a) + " x " + std::to_string(b);
}

void check(const ByteImage& image, const Cascade& cascade, const DetectionOptions& options) {
    if (image.rows == 0 || image.columns == 0 || image.rows > kMaxImageSide ||
        image.columns > kMaxImageSide) {
        throw std::invalid_argument("image: expected sides of 1 to " +
                                    std::to_string(kMaxImageSide) + " pixels, got " +
                                    times(image.rows, image.columns));
    }
    check_search(options.search);
    check_cascade(cascade);
    if (options.min_stages && *options.min_stages > cascade.stages.size()) {
        throw std::invalid_argument("min_stages: expected at most the cascade's " +
                                    std::to_string(cascade.stages.size()) + ", got " +
                                    std::to_string(*options.min_stages));
    }
}

/// A cascade prepared for one layout. Leading stages that consist of stumps are evaluated for many
/// windows at once, the stages after them one window at a time.
struct ReadyCascade {
    const Cascade* cascade;
    std::vector<LbpCorners> corners;
    std::vector<StumpStage> stump_stages;

    ReadyCascade(const Cascade& cascade_, const SteppedLayout& layout) : cascade(&cascade_) {
        for (const LbpFeature& feature : cascade_.features) {
            corners.push_back(stepped_corners(layout, feature));
        }
        for (const Stage& stage : cascade_.stages) {
            StumpStage ready{{}, static_cast<double>(stage.pass_mark())};
            for (const Tree& tree : stage.trees) {
                if (tree.nodes.size() != 1) {
                    return;
                }
                const TreeNode& node = tree.nodes.front();
                const auto leaf = [&](std::int32_t next) {
                    return static_cast<double>(tree.leaves[static_cast<std::size_t>(-next)]);
                };
                ready.stumps.push_back(
                    {corners[node.feature], node.subset, leaf(node.left), leaf(node.right)});
            }
            stump_stages.push_back(std::move(ready));
        }
    }
};

static_assert(kLanes <= kSpareEntries);

/// One scale: the resized image and the windows tried in it.
struct Level {
    float scale;
    std::size_t rows;
    std::size_t columns;
    std::size_t step;
    /// Windows in a row, and rows of windows.
    std::size_t across;
    std::size_t down;
    const SteppedLayout* layout;
    const ReadyCascade* ready;
    std::vector<LinearTap> row_taps;
    std::vector<LinearTap> column_taps;
};

/// Rows of windows of one level, [begin, end): the unit of work of a thread.
struct Band {
    const Level* level;
    std::size_t begin;
    std::size_t end;
};

/// The windows of a block that are tried if each failure skips the next window, and whether the
/// first window of the next block is skipped.
struct Skips {
    std::uint8_t tried;
    bool skips_next;
};

constexpr Skips skip_after_failures(unsigned passed, bool skipped) {
    unsigned tried = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
        tried |= (skipped ? 0U : 1U) << lane;
        skipped = !skipped && ((passed >> lane) & 1U) == 0;
    }
    return {static_cast<std::uint8_t>(tried), skipped};
}

constexpr std::array<std::array<Skips, 256>, 2> kSkips = [] {
    std::array<std::array<Skips, 256>, 2> table{};
    for (unsigned passed = 0; passed < 256; ++passed) {
        table[0][passed] = skip_after_failures(passed, false);
        table[1][passed] = skip_after_failures(passed, true);
    }
    return table;
}();

/// Searches bands, reusing its memory.
class Searcher {
  public:
    Searcher(const ByteImage& image, bool skips, std::size_t min_stages)
        : image_(image),
          skips_(skips),
          min_stages_(min_stages),
          lane_sums_(lane_sums(best_instructions())) {}

    std::vector<Detection> search(const Band& band) {
        const Level& level = *band.level;
        found_.clear();
        integrate_band(band);
        for (std::size_t row = band.begin; row < band.end; ++row) {
            const std::uint32_t* windows =
                sums_.data() + (row - band.begin) * level.step * level.layout->stride();
            const std::size_t first = found_.size();
            row_ = row;
            level_ = &level;
            bool skipped = false;
            for (std::size_t place = 0; place < level.across; place += kLanes) {
                skipped = search_block(windows + place, place, skipped);
            }
            std::sort(found_.begin() + static_cast<std::ptrdiff_t>(first), found_.end(),
                      [](const Detection& a, const Detection& b) { return a.x < b.x; });
        }
        return found_;
    }

  private:
    void integrate_band(const Band& band) {
        const Level& level = *band.level;
        const Cascade& cascade = *level.ready->cascade;
        const std::size_t first = band.begin * level.step;
        const std::size_t rows = (band.end - 1 - band.begin) * level.step + cascade.height;
        const std::size_t entries = (rows + 1) * level.layout->stride() + kLanes;
        if (sums_.size() < entries) {
            sums_.resize(entries);
        }
        const std::uint8_t* pixels = image_.data + first * image_.columns;
        if (level.rows != image_.rows || level.columns != image_.columns) {
            pixels_.resize(std::max(pixels_.size(), rows * level.columns));
            scratch_.resize(image_.columns + 1);
            resize_band(image_, level.row_taps, level.column_taps, first, rows, scratch_,
                        pixels_.data());
            pixels = pixels_.data();
        }
        row_sums_.resize(std::max(row_sums_.size(), level.columns + 1));
        integrate_stepped(*level.layout, pixels, rows, level.columns, row_sums_.data(),
                          sums_.data());
    }

    /// Returns whether the first window of the next block is skipped.
    bool search_block(const std::uint32_t* windows, std::size_t place, bool skipped) {
        const std::vector<StumpStage>& stages = level_->ready->stump_stages;
        const std::size_t count = std::min(kLanes, level_->across - place);
        if (stages.empty()) {
            for (std::size_t lane = 0; lane < count; ++lane) {
                skipped = !(skips_ && skipped) && !follow(windows, place, lane, 0);
            }
            return skipped;
        }
        std::array<double, kLanes> sums;
        unsigned alive = (1U << count) - 1U;
        unsigned passed = lane_sums_(stages[0], windows, alive, sums.data());
        if (skips_) {
            const Skips skips = kSkips[skipped ? 1 : 0][passed];
            alive &= skips.tried;
            skipped = skips.skips_next;
        }
        for (std::size_t stage = 0; alive != 0;) {
            if (min_stages_ <= stage) {
                report(alive & ~passed, place, stage, sums);
            }
            alive &= passed;
            ++stage;
            if (stage == stages.size()) {
                finish(windows, place, alive, sums);
                break;
            }
            passed = lane_sums_(stages[stage], windows, alive, sums.data());
        }
        return skipped;
    }

    /// Continues with windows that passed all stages of stumps.
    void finish(const std::uint32_t* windows, std::size_t place, unsigned alive,
                const std::array<double, kLanes>& sums) {
        const std::size_t stage = level_->ready->stump_stages.size();
        if (stage == level_->ready->cascade->stages.size()) {
            report(alive, place, stage, sums);
            return;
        }
        for (; alive != 0; alive &= alive - 1) {
            follow(windows, place, static_cast<std::size_t>(std::countr_zero(alive)), stage);
        }
    }

    /// Evaluates one window from a stage on; returns whether it passed any stage.
    bool follow(const std::uint32_t* windows, std::size_t place, std::size_t lane,
                std::size_t stage) {
        const ReadyCascade& ready = *level_->ready;
        const CascadeResult result = evaluate(*ready.cascade, ready.corners, windows + lane, stage);
        if (result.stages_passed >= min_stages_) {
            report(place + lane, result);
        }
        return result.stages_passed > 0;
    }

    void report(unsigned lanes, std::size_t place, std::size_t stage,
                const std::array<double, kLanes>& sums) {
        for (; lanes != 0; lanes &= lanes - 1) {
            const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
            report(place + lane, {static_cast<std::uint32_t>(stage), sums[lane]});
        }
    }

    void report(std::size_t place, const CascadeResult& result) {
        const float scale = level_->scale;
        const Cascade& cascade = *level_->ready->cascade;
        const auto in_image = [scale](std::size_t length) {
            return static_cast<std::int32_t>(std::lrint(static_cast<float>(length) * scale));
        };
        found_.push_back({in_image(place * level_->step), in_image(row_ * level_->step),
                          in_image(cascade.width), in_image(cascade.height), result.stages_passed,
                          1, result.score});
    }

    const ByteImage image_;
    const bool skips_;
    const std::size_t min_stages_;
    const LaneSums lane_sums_;
    const Level* level_ = nullptr;
    std::size_t row_ = 0;
    std::vector<std::uint8_t> pixels_;
    std::vector<std::uint16_t> scratch_;
    std::vector<std::uint32_t> row_sums_;
    std::vector<std::uint32_t> sums_;
    std::vector<Detection> found_;
};

/// Rows of windows in a level: all that fit, or those that OpenCV's `stripes` stripes cover, which
/// miss the last row if its number is odd.
std::size_t rows_of_windows(const Level& level, std::size_t free_rows, std::size_t stripes) {
    std::size_t reached = free_rows;
    if (stripes != 0) {
        const std::size_t whole = free_rows / level.step;
        const std::size_t stripe = std::max<std::size_t>((whole + stripes - 1) / stripes, 1);
        reached = std::min(free_rows, stripes * stripe * level.step);
    }
    return (reached + level.step - 1) / level.step;
}

std::vector<Level> make_levels(const ByteImage& image, const Cascade& cascade,
                               const DetectionOptions& options) {
    constexpr std::size_t kStripeColumns = 32;
    std::vector<Level> levels;
    std::size_t stripes = 0;
    for (const float scale : search_scales(image.rows, image.columns,
                                           {cascade.width, cascade.height}, options.search)) {
        Level level{};
        level.scale = scale;
        level.rows = rounded(static_cast<float>(image.rows) / scale);
        level.columns = rounded(static_cast<float>(image.columns) / scale);
        level.step = options.search.step_at(scale);
        if (level.rows < cascade.height || level.columns < cascade.width) {
            continue;
        }
        const std::size_t free_columns = level.columns + 1 - cascade.width;
        if (options.search.step == 0 && stripes == 0) {
            stripes = (free_columns + kStripeColumns - 1) / kStripeColumns;
        }
        level.across = (free_columns + level.step - 1) / level.step;
        level.down = rows_of_windows(level, level.rows + 1 - cascade.height, stripes);
        level.row_taps = linear_taps(image.rows, level.rows);
        level.column_taps = linear_taps(image.columns, level.columns);
        levels.push_back(std::move(level));
    }
    return levels;
}

}  // namespace

std::vector<Detection> detect(const ByteImage& image, const Cascade& cascade,
                              const DetectionOptions& options, std::size_t threads) {
    check(image, cascade, options);
    std::vector<Level> levels = make_levels(image, cascade, options);
    if (levels.empty()) {
        return {};
    }
    // The step is 2, then 1, or constant: two layouts are enough for all levels.
    const auto columns =
        std::max_element(levels.begin(), levels.end(), [](const Level& a, const Level& b) {
            return a.columns < b.columns;
        })->columns;
    const std::array<SteppedLayout, 2> layouts = {SteppedLayout(levels.front().step, columns),
                                                  SteppedLayout(levels.back().step, columns)};
    const std::array<ReadyCascade, 2> ready = {ReadyCascade(cascade, layouts[0]),
                                               ReadyCascade(cascade, layouts[1])};
    std::vector<Band> bands;
    for (Level& level : levels) {
        const std::size_t i = level.step == layouts[0].step ? 0 : 1;
        level.layout = &layouts[i];
        level.ready = &ready[i];
        const std::size_t count = std::max<std::size_t>(1, level.down / kBandRows);
        for (std::size_t band = 0; band < count; ++band) {
            bands.push_back({&level, level.down * band / count, level.down * (band + 1) / count});
        }
    }

    std::vector<std::vector<Detection>> found(bands.size());
    parallel_for_with(
        bands.size(), 1, threads,
        [&] {
            return Searcher(image, options.search.step == 0,
                            options.min_stages.value_or(cascade.stages.size()));
        },
        [&](Searcher& searcher, std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                found[i] = searcher.search(bands[i]);
            }
        });

    std::vector<Detection> windows;
    for (const std::vector<Detection>& some : found) {
        windows.insert(windows.end(), some.begin(), some.end());
    }
    windows = group_detections(windows, options.min_neighbors);
    clip_detections(windows, image.rows, image.columns);
    return windows;
}

}  // namespace lvcore
