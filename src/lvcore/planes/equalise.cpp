#include "lvcore/planes/equalise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lvcore/base/parallel.hpp"
#include "lvcore/planes/separable.hpp"

#define LVCORE_KERNELS "lvcore/planes/equalise_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

namespace {

constexpr auto kLastLevel = static_cast<float>(kGreyLevels - 1);

/// Values whose levels are found at a time: few enough for the fastest cache.
constexpr std::size_t kValuesTogether = 2048;

/// Images in a task.
constexpr std::size_t kImagesPerTask = 2;

void check_finite(const float* values, std::size_t count) {
    if (!all_finite(values, count)) {
        throw std::domain_error("images: expected finite values, got NaN or infinity");
    }
}

/// Counts of small numbers. Neighbours go to different tables: one counter raised again and again
/// would wait for itself.
class Histogram {
  public:
    explicit Histogram(std::size_t size) : even_(size, 0), odd_(size, 0) {}

    /// Counts `number(i)` of each i below `count`.
    template <class Number>
    void add(std::size_t count, const Number& number) {
        std::size_t i = 0;
        for (; i + 1 < count; i += 2) {
            ++even_[number(i)];
            ++odd_[number(i + 1)];
        }
        if (i < count) {
            ++even_[number(i)];
        }
    }

    [[nodiscard]] std::size_t operator[](std::size_t number) const {
        return std::size_t{even_[number]} + odd_[number];
    }

  private:
    std::vector<std::uint32_t> even_;
    std::vector<std::uint32_t> odd_;
};

/// Finds quantiles in linear time: a histogram of the upper halves of the floats says where they
/// lie, and what lies there is few.
class Quantiles {
  public:
    /// Of finite values, at least one.
    explicit Quantiles(std::span<const float> values) : values_(values), counts_(kBuckets) {
        counts_.add(values.size(), [&](std::size_t i) { return bucket_of(values[i]); });
    }

    /// The share's quantile, interpolated linearly between its neighbours as numpy.quantile does.
    [[nodiscard]] double operator()(double share) const {
        const double at = static_cast<double>(values_.size() - 1) * share;
        const auto rank = static_cast<std::size_t>(at);
        const auto [low, high] = neighbours(rank);
        const double apart = high - low;
        const double weight = at - static_cast<double>(rank);
        // Seen from the nearer neighbour, so that it is exact at both.
        return weight < 0.5 ? low + apart * weight : high - apart * (1.0 - weight);
    }

  private:
    static constexpr std::size_t kBuckets = std::size_t{1} << 16;

    /// Grows with the value.
    static std::size_t bucket_of(float value) {
        constexpr std::uint32_t kSign = 0x80000000;
        const auto bits = std::bit_cast<std::uint32_t>(value);
        return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> 16;
    }

    /// The value that `rank` others precede, and the next one, if any.
    [[nodiscard]] std::pair<float, float> neighbours(std::size_t rank) const {
        std::size_t first = 0;
        std::size_t before = 0;
        while (rank >= before + counts_[first]) {
            before += counts_[first++];
        }
        const std::size_t next = std::min(rank + 1, values_.size() - 1);
        std::size_t last = first;
        std::size_t count = counts_[first];
        while (next >= before + count) {
            count += counts_[++last];
        }
        // Written before it is known to belong: a branch would often be mispredicted.
        std::vector<float> among(count + 1);
        std::size_t found = 0;
        for (const float value : values_) {
            const std::size_t bucket = bucket_of(value);
            among[found] = value;
            found += bucket >= first && bucket <= last ? 1 : 0;
        }
        among.pop_back();
        const auto low = among.begin() + static_cast<std::ptrdiff_t>(rank - before);
        std::nth_element(among.begin(), low, among.end());
        return {*low, next == rank ? *low : *std::min_element(low + 1, among.end())};
    }

    std::span<const float> values_;
    Histogram counts_;
};

/// How grey values of consecutive images become ranks.
class Contrast {
  public:
    /// None: every rank is 0.
    Contrast() = default;

    /// Of the values in a field, which are finite.
    explicit Contrast(std::span<const float> field) {
        const Quantiles quantile(field);
        const double lowest = quantile(kLowestShare);
        const double highest = quantile(kHighestShare);
        if (highest <= lowest) {
            return;
        }
        lowest_ = static_cast<float>(lowest);
        step_ = static_cast<float>((highest - lowest) / static_cast<double>(kGreyLevels - 1));
        Histogram counts(kGreyLevels);
        std::array<std::int32_t, kValuesTogether> levels;
        for (std::size_t first = 0; first < field.size(); first += levels.size()) {
            const std::size_t count = std::min(levels.size(), field.size() - first);
            LVCORE_BEST(find_levels)
            (field.data() + first, count, lowest_, step_, kLastLevel, levels.data());
            counts.add(count, [&](std::size_t i) { return static_cast<std::size_t>(levels[i]); });
        }
        std::size_t below = 0;
        for (std::size_t level = 0; level < kGreyLevels; ++level) {
            below += counts[level];
            ranks_[level] =
                static_cast<float>(static_cast<double>(below) / static_cast<double>(field.size()));
        }
    }

    /// Writes the ranks of values, which are finite.
    void rank(const float* values, std::size_t count, float* out) const {
        LVCORE_BEST(look_up)(values, count, lowest_, step_, kLastLevel, ranks_.data(), out);
    }

  private:
    float lowest_ = 0.0F;
    float step_ = 1.0F;
    std::array<float, kGreyLevels> ranks_{};
};

/// The contrast of the group of images that begins at `first`; `field` is working memory.
Contrast contrast_of(const ImageBatch<float>& images, std::size_t first,
                     const EqualiseRequest& request, std::vector<float>& field) {
    const auto [top, bottom] = request.field_rows;
    const auto [left, right] = request.field_columns;
    field.clear();
    field.reserve(request.images_together * (bottom - top) * (right - left));
    for (std::size_t n = first; n < first + request.images_together; ++n) {
        for (std::size_t r = top; r < bottom; ++r) {
            const float* row = images.data + (n * images.rows + r) * images.columns;
            field.insert(field.end(), row + left, row + right);
        }
    }
    check_finite(field.data(), field.size());
    return Contrast(field);
}

void check(const ImageBatch<float>& images, const EqualiseRequest& request) {
    const auto within = [](Range range, std::size_t size) {
        return range.begin < range.end && range.end <= size;
    };
    if (!within(request.field_rows, images.rows) ||
        !within(request.field_columns, images.columns)) {
        throw std::invalid_argument("field: expected at least one pixel within the images, of " +
                                    std::to_string(images.rows) + " x " +
                                    std::to_string(images.columns) + " pixels");
    }
    if (request.images_together == 0 || images.count % request.images_together != 0) {
        throw std::invalid_argument("images: expected a multiple of " +
                                    std::to_string(request.images_together) + ", got " +
                                    std::to_string(images.count));
    }
    if (request.columns.outputs != 0 &&
        request.rows.outputs > kMaxPixels / request.columns.outputs) {
        throw std::invalid_argument("shape: expected at most 2^30 pixels, got " +
                                    std::to_string(request.rows.outputs) + " x " +
                                    std::to_string(request.columns.outputs));
    }
    for (const AxisMap& axis : {request.rows, request.columns}) {
        if (!std::isfinite(axis.origin) || !(std::abs(axis.step) <= kMaxStep)) {
            throw std::invalid_argument("matrix: expected steps of at most " +
                                        std::to_string(kMaxStep) + " input pixels, got " +
                                        std::to_string(axis.step));
        }
    }
}

}  // namespace

FloatBuffer equalise(const ImageBatch<float>& images, const EqualiseRequest& request,
                     std::size_t threads) {
    check(images, request);
    std::vector<Contrast> contrasts(images.count / request.images_together);
    const auto rank = [&](std::vector<float>& field, std::size_t begin, std::size_t end) {
        for (std::size_t n = begin; n < end; ++n) {
            contrasts[n] = contrast_of(images, n * request.images_together, request, field);
        }
    };
    parallel_for_with(contrasts.size(), 1, threads, [] { return std::vector<float>(); }, rank);
    struct Workplace {
        SeparableFilter filter;
        std::vector<float> ranks;
    };
    const std::size_t pixels = images.rows * images.columns;
    const auto prepare = [&] {
        Workplace place{{}, std::vector<float>(pixels)};
        place.filter.assign(request.rows, request.columns, Edge::nearest);
        return place;
    };
    FloatBuffer out(images.count * request.rows.outputs * request.columns.outputs);
    const auto fill = [&](Workplace& place, std::size_t begin, std::size_t end) {
        for (std::size_t n = begin; n < end; ++n) {
            const float* image = images.data + n * pixels;
            check_finite(image, pixels);
            contrasts[n / request.images_together].rank(image, pixels, place.ranks.data());
            place.filter.apply(place.ranks.data(), false,
                               out.data() + n * request.rows.outputs * request.columns.outputs,
                               request.columns.outputs);
        }
    };
    parallel_for_with(images.count, kImagesPerTask, threads, prepare, fill);
    return out;
}

}  // namespace lvcore
