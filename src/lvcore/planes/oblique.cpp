#include "lvcore/planes/oblique.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lvcore/base/simd.hpp"
#include "lvcore/planes/line_plan.hpp"

namespace lvcore {

namespace {

/// Points planned together: their plans stay in the L2 cache while all images are processed.
constexpr std::size_t kPointsTogether = 4096;

/// Input rows that a line within a tile crosses: few enough that the tile's next line finds them in
/// the L1 cache, where rows a power of two apart compete for the same few places.
constexpr double kRowsAcross = 96.0;

/// One of the samples of every output pixel: its offset from the centre and its weight.
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

/// Points of a line to process at a time.
std::size_t points_across(const PlaneMap& map, std::size_t columns) {
    constexpr std::size_t kLeast = 32;
    const double fitting = kRowsAcross / std::max(std::abs(map.row_c), 1e-3);
    return std::min(columns, std::max(kLeast, static_cast<std::size_t>(fitting)));
}

/// Pixels to the next row, column and image; 0 if there is none.
struct Strides {
    std::size_t below;
    std::size_t next;
    std::ptrdiff_t next_image;
};

/// Writes the samples of a plan, or adds them.
template <bool add, class Pixel>
void blend(const Pixel* pixels, const Strides& strides, const LinePlan& plan, float* out) {
    const std::size_t below = strides.below;
    const std::size_t count = plan.range.size();
    std::size_t i = 0;
    for (; strides.next == 1 && i + 4 <= count; i += 4) {
        const auto half = [&](std::size_t k) {
            const Pixel* a = pixels + plan.offsets[k];
            const Pixel* b = pixels + plan.offsets[k + 1];
            if constexpr (!add) {
                // Images are too far apart for the hardware prefetcher.
                __builtin_prefetch(a + strides.next_image);
                __builtin_prefetch(b + strides.next_image);
            }
            return load_pairs(a, b) * load_quad(plan.upper + 2 * k) +
                   load_pairs(a + below, b + below) * load_quad(plan.lower + 2 * k);
        };
        const Quad samples = add_pairs(half(i), half(i + 2));
        store_quad(out + i, add ? load_quad(out + i) + samples : samples);
    }
    for (; i < count; ++i) {  // the same sums, one at a time
        const Pixel* p = pixels + plan.offsets[i];
        const auto half = [&](std::size_t at, std::size_t k) {
            return static_cast<float>(p[at]) * plan.upper[k] +
                   static_cast<float>(p[at + below]) * plan.lower[k];
        };
        const float sample = half(0, 2 * i) + half(strides.next, 2 * i + 1);
        out[i] = add ? out[i] + sample : sample;
    }
}

/// Fills tiles of all outputs line by line; a line is part of an output row.
template <class Pixel>
class TileResampler {
  public:
    explicit TileResampler(const SharedMap<Pixel>& shared)
        : shared_(shared),
          bounds_(shared.images.rows, shared.images.columns, shared.edge),
          samples_(samples_of(shared.map)),
          points_(points_across(shared.map, shared.columns)),
          lines_(std::max<std::size_t>(kPointsTogether / points_, 1)),
          shares_(points_),
          weights_(points_),
          down_(points_),
          right_(points_),
          offsets_(lines_ * points_),
          upper_(2 * lines_ * points_),
          lower_(2 * lines_ * points_) {
        plans_.reserve(lines_);
    }

    /// Fills the output rows of a range.
    void fill(Range rows) {
        for (std::size_t first = 0; first < shared_.columns; first += points_) {
            const Range points{first, std::min(shared_.columns, first + points_)};
            for (std::size_t row = rows.begin; row < rows.end; ++row) {
                plan(row, points);
            }
            execute();
        }
    }

  private:
    /// One sample of each point of a line within a tile.
    struct TileLine {
        std::size_t row;
        Range points;  // all columns of the tile
        bool first;    // sample of these points
        LinePlan plan;
    };

    [[nodiscard]] Line line_of(std::size_t row, const Sample& sample) const {
        return {shared_.map, static_cast<double>(row) + sample.row, sample.column};
    }

    void plan(std::size_t row, Range points) {
        const Range range =
            points_within(bounds_, {shared_.map, static_cast<double>(row), 0.0}, points);
        const bool some_beyond = samples_.size() > 1 && shared_.edge == Edge::zero;
        if (some_beyond) {
            share_out(row, range);
        }
        for (const Sample& sample : samples_) {
            const Line at = line_of(row, sample);
            for (std::size_t i = 0; i < range.size(); ++i) {
                weights_[i] =
                    some_beyond ? shares_[i] * weight_within(at, sample, range, i) : sample.weight;
            }
            const std::size_t place = plans_.size() * points_;
            const LinePlan plan{range, offsets_.data() + place, upper_.data() + 2 * place,
                                lower_.data() + 2 * place};
            plans_.push_back({row, points, &sample == samples_.data(), plan});
            plan_samples(bounds_, at, weights_.data(), plan, down_.data(), right_.data());
            if (plans_.size() == lines_) {
                execute();
            }
            if (range.size() == 0) {
                break;
            }
        }
    }

    /// The weight of a sample of the i-th point of the range: 0 beyond the bounds.
    [[nodiscard]] float weight_within(const Line& at, const Sample& sample, Range range,
                                      std::size_t i) const {
        const int j = static_cast<int>(range.begin + i);
        return bounds_.hold(at.row_at(j), at.column_at(j)) ? sample.weight : 0.0F;
    }

    /// Scales up the samples within the bounds to make up for those beyond.
    void share_out(std::size_t row, Range range) {
        std::fill(shares_.begin(), shares_.end(), 0.0F);
        for (const Sample& sample : samples_) {
            const Line at = line_of(row, sample);
            for (std::size_t i = 0; i < range.size(); ++i) {
                shares_[i] += weight_within(at, sample, range, i);
            }
        }
        for (std::size_t i = 0; i < range.size(); ++i) {
            shares_[i] = 1.0F / shares_[i];  // includes the centre's weight, so not 0
        }
    }

    /// Executes the plans on every image.
    void execute() {
        const ImageBatch<Pixel>& images = shared_.images;
        const std::size_t size = images.rows * images.columns;
        Strides strides{images.rows > 1 ? images.columns : 0, images.columns > 1 ? 1U : 0U, 0};
        for (std::size_t i = 0; i < shared_.sources.size(); ++i) {
            const std::int64_t source = shared_.sources[i];
            const std::int64_t next =
                i + 1 < shared_.sources.size() ? shared_.sources[i + 1] : source;
            strides.next_image = (next - source) * static_cast<std::ptrdiff_t>(size);
            const Pixel* pixels = images.data + static_cast<std::size_t>(source) * size;
            float* out = shared_.out + i * shared_.rows * shared_.columns;
            for (const TileLine& line : plans_) {
                execute(line, pixels, strides, out + line.row * shared_.columns);
            }
        }
        plans_.clear();
    }

    /// Writes one sample of each point of a line to the output row at `out`, or adds it.
    static void execute(const TileLine& line, const Pixel* pixels, const Strides& strides,
                        float* out) {
        const Range within = line.plan.range;
        if (!line.first) {
            blend<true>(pixels, strides, line.plan, out + within.begin);
            return;
        }
        std::fill(out + line.points.begin, out + within.begin, 0.0F);
        blend<false>(pixels, strides, line.plan, out + within.begin);
        std::fill(out + within.end, out + line.points.end, 0.0F);
    }

    SharedMap<Pixel> shared_;
    Bounds bounds_;
    std::vector<Sample> samples_;
    std::size_t points_;
    std::size_t lines_;
    std::vector<float> shares_;
    std::vector<float> weights_;
    std::vector<float> down_;
    std::vector<float> right_;
    std::vector<TileLine> plans_;
    std::vector<std::int32_t> offsets_;
    std::vector<float> upper_;
    std::vector<float> lower_;
};

}  // namespace

template <class Pixel>
void resample_obliquely(const SharedMap<Pixel>& shared, std::size_t begin, std::size_t end) {
    TileResampler<Pixel>(shared).fill({begin, end});
}

template void resample_obliquely(const SharedMap<float>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::uint8_t>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::uint16_t>&, std::size_t, std::size_t);
template void resample_obliquely(const SharedMap<std::int16_t>&, std::size_t, std::size_t);

}  // namespace lvcore
