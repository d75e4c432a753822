#include "lvcore/oblique.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "lvcore/simd.hpp"

namespace lvcore {

namespace {

/// Points planned together: their plans stay in the second-level cache while all images pass.
constexpr std::size_t kPointsTogether = 4096;

/// Input rows that a line within a tile crosses: the tile's neighbouring lines then find what this
/// one read in the first-level cache, where rows a power of two apart compete for few places.
constexpr double kRowsAcross = 96.0;

/// One sample of every pixel of an output row: its offset within the pixel and its weight.
struct Sample {
    double row;
    double column;
    float weight;
};

std::vector<Sample> samples_of(const PlaneMap& map) {
    const auto intervals = [](double step) {
        return std::max(1, static_cast<int>(std::ceil(step - kSamePoint)));
    };
    const int rows = intervals(std::hypot(map.row_r, map.column_r));
    const int columns = intervals(std::hypot(map.row_c, map.column_c));
    const auto weight = [](int i, int n) {
        return (1.0 - std::abs(static_cast<double>(i)) / n) / n;
    };
    std::vector<Sample> samples;
    for (int i = 1 - rows; i < rows; ++i) {
        for (int j = 1 - columns; j < columns; ++j) {
            samples.push_back({static_cast<double>(i) / rows, static_cast<double>(j) / columns,
                               static_cast<float>(weight(i, rows) * weight(j, columns))});
        }
    }
    return samples;
}

/// Points through an input: point j lies at (row + j * row_step, column + j * column_step).
struct Line {
    double row, row_step;
    double column, column_step;

    Line(const PlaneMap& map, double r, double c)
        : row(map.row(r, c)),
          row_step(map.row_c),
          column(map.column(r, c)),
          column_step(map.column_c) {}

    // Of `int`, which processors turn into floating-point numbers four at a time.
    [[nodiscard]] double row_at(int j) const { return row + row_step * j; }
    [[nodiscard]] double column_at(int j) const { return column + column_step * j; }
};

/// The input's last row and column, and how far beyond them samples count.
struct Bounds {
    double last_row;
    double last_column;
    double reach;

    template <class Pixel>
    Bounds(const ImageBatch<Pixel>& images, Edge edge)
        : last_row(static_cast<double>(images.rows) - 1.0),
          last_column(static_cast<double>(images.columns) - 1.0),
          reach(edge == Edge::zero ? kReach : std::numeric_limits<double>::infinity()) {}

    [[nodiscard]] bool hold(double row, double column) const {
        return (row >= -reach) & (row <= last_row + reach) & (column >= -reach) &
               (column <= last_column + reach);
    }
};

/// Outputs in a row: [begin, end).
struct Range {
    std::size_t begin;
    std::size_t end;
};

/// How many columns of outputs to take at a time.
std::size_t tile_columns(const PlaneMap& map, std::size_t columns) {
    constexpr std::size_t kLeast = 32;
    const double fitting = kRowsAcross / std::max(std::abs(map.row_c), 1e-3);
    return std::min(columns, std::max(kLeast, static_cast<std::size_t>(fitting)));
}

/// The points of a line, among those of the range, that lie within the bounds.
Range points_within(const Bounds& bounds, const Line& line, Range among) {
    double low = static_cast<double>(among.begin);
    double high = static_cast<double>(among.end);
    const auto narrow = [&](double start, double step, double last) {
        if (step == 0.0 || std::isinf(bounds.reach)) {
            return;
        }
        const double a = (-bounds.reach - start) / step;
        const double b = (last + bounds.reach - start) / step;
        // Wider by one at each end: rounding may have moved them.
        low = std::max(low, std::ceil(std::min(a, b)) - 1.0);
        high = std::min(high, std::floor(std::max(a, b)) + 2.0);
    };
    narrow(line.row, line.row_step, bounds.last_row);
    narrow(line.column, line.column_step, bounds.last_column);
    if (!(low < high)) {
        return {among.begin, among.begin};
    }
    Range range{static_cast<std::size_t>(low), static_cast<std::size_t>(high)};
    // Both coordinates run one way, so checking the ends is enough.
    const auto outside = [&](std::size_t point) {
        const int j = static_cast<int>(point);
        return !bounds.hold(line.row_at(j), line.column_at(j));
    };
    while (range.begin < range.end && outside(range.begin)) {
        ++range.begin;
    }
    while (range.begin < range.end && outside(range.end - 1)) {
        --range.end;
    }
    return range;
}

/// What a sample weighs for the i-th output of the range: `weight`, or 0 beyond the bounds.
float weight_within(const Bounds& bounds, const Line& line, float weight, Range range,
                    std::size_t i) {
    const int j = static_cast<int>(range.begin + i);
    return bounds.hold(line.row_at(j), line.column_at(j)) ? weight : 0.0F;
}

/// Where one sample of each output in a row comes from, for every image alike. The sample of the
/// i-th output of `range` is u[0] * p[0] + u[1] * p[1] + l[0] * q[0] + l[1] * q[1], p being
/// offsets[i] into the image, q a row below, u and l being upper and lower + 2 i.
struct LinePlan {
    std::size_t row;
    Range range;
    bool first;  // of the samples of these outputs
    std::int32_t* offsets;
    float* upper;
    float* lower;
};

/// Fills a plan with linear interpolation at the points of `line`, clamped to the image, the i-th
/// with weight `weights[i]`. `down` and `right` are scratch of as many floats.
LVCORE_CLONES
void plan_line(Bounds bounds, Line line, const float* LVCORE_RESTRICT weights, const LinePlan& plan,
               float* LVCORE_RESTRICT down, float* LVCORE_RESTRICT right) {
    const int columns = static_cast<int>(bounds.last_column) + 1;
    // All four neighbours are pixels, at the last row and column too.
    const int last_top = std::max(static_cast<int>(bounds.last_row) - 1, 0);
    const int last_left = std::max(static_cast<int>(bounds.last_column) - 1, 0);
    const int first = static_cast<int>(plan.range.begin);
    const int count = static_cast<int>(plan.range.end) - first;
    std::int32_t* LVCORE_RESTRICT offsets = plan.offsets;
    float* LVCORE_RESTRICT upper = plan.upper;
    float* LVCORE_RESTRICT lower = plan.lower;
    for (int i = 0; i < count; ++i) {
        const double row = std::min(std::max(line.row_at(first + i), 0.0), bounds.last_row);
        const double column =
            std::min(std::max(line.column_at(first + i), 0.0), bounds.last_column);
        const int top = std::min(static_cast<int>(row), last_top);
        const int left = std::min(static_cast<int>(column), last_left);
        offsets[i] = top * columns + left;
        down[i] = static_cast<float>(row - top);
        right[i] = static_cast<float>(column - left);
    }
    for (int i = 0; i < count; ++i) {
        const float above = weights[i] * (1.0F - down[i]);
        const float below = weights[i] * down[i];
        upper[2 * i] = above * (1.0F - right[i]);
        upper[2 * i + 1] = above * right[i];
        lower[2 * i] = below * (1.0F - right[i]);
        lower[2 * i + 1] = below * right[i];
    }
}

/// Ways through an image, in pixels; those that lead nowhere, as there is but one row or column or
/// no image to come, are 0.
struct Strides {
    std::size_t below;
    std::size_t next;
    std::ptrdiff_t next_image;
};

/// Writes, or adds, the samples of a plan.
template <bool add, class Pixel>
void blend(const Pixel* pixels, const Strides& strides, const LinePlan& plan, float* out) {
    const std::size_t below = strides.below;
    const std::size_t count = plan.range.end - plan.range.begin;
    std::size_t i = 0;
    for (; strides.next == 1 && i + 4 <= count; i += 4) {
        const auto half = [&](std::size_t k) {
            const Pixel* a = pixels + plan.offsets[k];
            const Pixel* b = pixels + plan.offsets[k + 1];
            if constexpr (!add) {
                // Whole images follow each other too far apart for the processor to foresee.
                __builtin_prefetch(a + strides.next_image);
                __builtin_prefetch(b + strides.next_image);
            }
            return load_pairs(a, b) * load_quad(plan.upper + 2 * k) +
                   load_pairs(a + below, b + below) * load_quad(plan.lower + 2 * k);
        };
        const Quad samples = add_pairs(half(i), half(i + 2));
        store_quad(out + i, add ? load_quad(out + i) + samples : samples);
    }
    for (; i < count; ++i) {  // the same sums one by one
        const Pixel* p = pixels + plan.offsets[i];
        const auto half = [&](std::size_t at, std::size_t k) {
            return static_cast<float>(p[at]) * plan.upper[k] +
                   static_cast<float>(p[at + below]) * plan.lower[k];
        };
        const float sample = half(0, 2 * i) + half(strides.next, 2 * i + 1);
        out[i] = add ? out[i] + sample : sample;
    }
}

/// Fills a tile, a few columns wide, of all outputs.
template <class Pixel>
class TileResampler {
  public:
    TileResampler(const SharedMap<Pixel>& shared, std::size_t columns)
        : shared_(shared),
          bounds_(shared.images, shared.edge),
          samples_(samples_of(shared.map)),
          columns_(columns),
          lines_(std::max<std::size_t>(kPointsTogether / columns, 1)),
          shares_(columns),
          weights_(columns),
          down_(columns),
          right_(columns),
          offsets_(lines_ * columns),
          upper_(2 * lines_ * columns),
          lower_(2 * lines_ * columns) {
        plans_.reserve(lines_);
    }

    void fill(Range rows, Range columns) {
        for (std::size_t row = rows.begin; row < rows.end; ++row) {
            fill_row(row, columns);
        }
        carry_out();
    }

  private:
    [[nodiscard]] Line line_of(std::size_t row, const Sample& sample) const {
        return {shared_.map, static_cast<double>(row) + sample.row, sample.column};
    }

    /// Plans the samples of a row.
    void fill_row(std::size_t row, Range columns) {
        const Line centres(shared_.map, static_cast<double>(row), 0.0);
        const Range range = points_within(bounds_, centres, columns);
        for (std::size_t i = 0; i < shared_.sources.size(); ++i) {
            float* line = shared_.out + (i * shared_.rows + row) * shared_.columns;
            std::fill(line + columns.begin, line + range.begin, 0.0F);
            std::fill(line + range.end, line + columns.end, 0.0F);
        }
        if (range.begin == range.end) {
            return;
        }
        const bool some_beyond = samples_.size() > 1 && shared_.edge == Edge::zero;
        if (some_beyond) {
            share_out(row, range);
        }
        for (const Sample& sample : samples_) {
            const Line line = line_of(row, sample);
            for (std::size_t i = 0; i < range.end - range.begin; ++i) {
                weights_[i] =
                    some_beyond ? shares_[i] * weight_within(bounds_, line, sample.weight, range, i)
                                : sample.weight;
            }
            const std::size_t at = plans_.size() * columns_;
            plans_.push_back({row, range, &sample == samples_.data(), offsets_.data() + at,
                              upper_.data() + 2 * at, lower_.data() + 2 * at});
            plan_line(bounds_, line, weights_.data(), plans_.back(), down_.data(), right_.data());
            if (plans_.size() == lines_) {
                carry_out();
            }
        }
    }

    /// Lets the samples within the bounds make up for those beyond.
    void share_out(std::size_t row, Range range) {
        const std::size_t count = range.end - range.begin;
        std::fill(shares_.begin(), shares_.end(), 0.0F);
        for (const Sample& sample : samples_) {
            const Line line = line_of(row, sample);
            for (std::size_t i = 0; i < count; ++i) {
                shares_[i] += weight_within(bounds_, line, sample.weight, range, i);
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            shares_[i] = 1.0F / shares_[i];  // the centre's weight is among them
        }
    }

    /// Carries the plans out on every image.
    void carry_out() {
        const ImageBatch<Pixel>& images = shared_.images;
        const std::size_t size = images.rows * images.columns;
        Strides strides{images.rows > 1 ? images.columns : 0, images.columns > 1 ? 1U : 0U, 0};
        for (std::size_t i = 0; i < shared_.sources.size(); ++i) {
            const std::int64_t source = shared_.sources[i];
            const std::int64_t next =
                i + 1 < shared_.sources.size() ? shared_.sources[i + 1] : source;
            strides.next_image = (next - source) * static_cast<std::ptrdiff_t>(size);
            const Pixel* pixels = images.data + static_cast<std::size_t>(source) * size;
            for (const LinePlan& plan : plans_) {
                float* out = shared_.out + (i * shared_.rows + plan.row) * shared_.columns +
                             plan.range.begin;
                if (plan.first) {
                    blend<false>(pixels, strides, plan, out);
                } else {
                    blend<true>(pixels, strides, plan, out);
                }
            }
        }
        plans_.clear();
    }

    SharedMap<Pixel> shared_;
    Bounds bounds_;
    std::vector<Sample> samples_;
    std::size_t columns_;
    std::size_t lines_;
    std::vector<float> shares_;
    std::vector<float> weights_;
    std::vector<float> down_;
    std::vector<float> right_;
    std::vector<LinePlan> plans_;
    std::vector<std::int32_t> offsets_;
    std::vector<float> upper_;
    std::vector<float> lower_;
};

}  // namespace

template <class Pixel>
void resample_obliquely(const SharedMap<Pixel>& shared, std::size_t begin, std::size_t end) {
    const std::size_t width = tile_columns(shared.map, shared.columns);
    TileResampler<Pixel> tiles(shared, width);
    for (std::size_t left = 0; left < shared.columns; left += width) {
        tiles.fill({begin, end}, {left, std::min(shared.columns, left + width)});
    }
}

template void resample_obliquely(const SharedMap<float>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::uint8_t>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::uint16_t>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::int16_t>&, std::size_t, std::size_t);

}  // namespace lvcore
