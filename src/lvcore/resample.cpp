#include "lvcore/resample.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lvcore/parallel.hpp"
#include "lvcore/separable.hpp"
#include "lvcore/simd.hpp"

namespace lvcore {

namespace {

/// Output rows filtered together: their intermediate rows stay in the second-level cache.
constexpr std::size_t kStripRows = 32;

/// A map is along the axes if over the whole output it strays less than this from them, in pixels.
constexpr double kAxisTolerance = 1e-7;

/// Output (row, column) to input row and column: row_0 + row_r * row + row_c * column, and so on.
struct Map {
    double row_r, row_c, row_0;
    double column_r, column_c, column_0;

    explicit Map(std::span<const double, 6> m)
        : row_r(m[0]), row_c(m[1]), row_0(m[2]), column_r(m[3]), column_c(m[4]), column_0(m[5]) {}
};

/// What the axes of the output run along in the input.
enum class Kind { straight, turned, oblique };

Kind kind_of(const Map& map, std::size_t rows, std::size_t columns) {
    const double r = static_cast<double>(rows);
    const double c = static_cast<double>(columns);
    if (std::abs(map.row_c) * c < kAxisTolerance && std::abs(map.column_r) * r < kAxisTolerance) {
        return Kind::straight;
    }
    if (std::abs(map.row_r) * r < kAxisTolerance && std::abs(map.column_c) * c < kAxisTolerance) {
        return Kind::turned;
    }
    return Kind::oblique;
}

/// A sample within an output pixel: its offset in output pixels and its weight.
struct Sample {
    double row;
    double column;
    float weight;
};

std::vector<Sample> supersamples(const Map& map) {
    const auto intervals = [](double step) {
        return std::max(1, static_cast<int>(std::ceil(step - 1e-9)));
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

/// Some rows of an image as floats; row and column indices are those of the whole image.
struct FloatRows {
    const float* data;
    std::size_t first_row;
    std::size_t image_rows;
    std::size_t columns;
};

/// Rows [begin, end) of image `source`, converted into `scratch` if they are not floats yet.
template <class Pixel>
FloatRows float_rows(const ImageBatch<Pixel>& images, std::size_t source, std::size_t begin,
                     std::size_t end, std::vector<float>& scratch) {
    const Pixel* first = images.data + (source * images.rows + begin) * images.columns;
    if constexpr (std::same_as<Pixel, float>) {
        return {first, begin, images.rows, images.columns};
    } else {
        scratch.resize((end - begin) * images.columns);
        std::copy(first, first + scratch.size(), scratch.begin());
        return {scratch.data(), begin, images.rows, images.columns};
    }
}

/// Linear interpolation anywhere, edges included.
float sample_at(const FloatRows& image, double row, double column, Edge edge) {
    const double last_row = static_cast<double>(image.image_rows) - 1.0;
    const double last_column = static_cast<double>(image.columns) - 1.0;
    if (edge == Edge::nearest) {
        row = std::clamp(row, 0.0, last_row);
        column = std::clamp(column, 0.0, last_column);
    } else if (!(row > -1.0 && row < last_row + 1.0 && column > -1.0 &&
                 column < last_column + 1.0)) {
        return 0.0F;
    }
    const double top = std::floor(row);
    const double left = std::floor(column);
    const float down = static_cast<float>(row - top);
    const float right = static_cast<float>(column - left);
    // What has no weight is not read: it may lie past the rows at hand.
    float sum = 0.0F;
    const auto add = [&](double r, double c, float weight) {
        if (weight == 0.0F || r < 0.0 || r > last_row || c < 0.0 || c > last_column) {
            return;
        }
        const std::size_t at = (static_cast<std::size_t>(r) - image.first_row) * image.columns +
                               static_cast<std::size_t>(c);
        sum += weight * image.data[at];
    };
    add(top, left, (1.0F - down) * (1.0F - right));
    add(top, left + 1.0, (1.0F - down) * right);
    add(top + 1.0, left, down * (1.0F - right));
    add(top + 1.0, left + 1.0, down * right);
    return sum;
}

/// A line of samples through an image: sample j lies at (row + j * row_step, column + j *
/// column_step).
struct Line {
    double row, row_step;
    double column, column_step;

    [[nodiscard]] double row_at(std::size_t j) const {
        return row + row_step * static_cast<double>(j);
    }
    [[nodiscard]] double column_at(std::size_t j) const {
        return column + column_step * static_cast<double>(j);
    }
};

/// Adds weight * sample j of the line to out[j] for j in [begin, end), all of whose four neighbours
/// are pixels of the image. Coordinates are positive there, so truncation is the floor.
LVCORE_CLONES
void add_inner_samples(const float* LVCORE_RESTRICT pixels, std::size_t first_row,
                       std::size_t stride, Line line, float weight, std::size_t begin,
                       std::size_t end, float* LVCORE_RESTRICT out) {
    const int width = static_cast<int>(stride);
    const int row_offset = static_cast<int>(first_row);
    for (std::size_t j = begin; j < end; ++j) {
        const double row = line.row_at(j);
        const double column = line.column_at(j);
        const int top = static_cast<int>(row);
        const int left = static_cast<int>(column);
        const float down = static_cast<float>(row - top);
        const float right = static_cast<float>(column - left);
        const int at = (top - row_offset) * width + left;
        const float upper = (1.0F - right) * pixels[at] + right * pixels[at + 1];
        const float lower = (1.0F - right) * pixels[at + width] + right * pixels[at + width + 1];
        out[j] += weight * ((1.0F - down) * upper + down * lower);
    }
}

/// Narrows [begin, end) to where low <= start + j * step < high, up to rounding.
void narrow(double start, double step, double low, double high, double& begin, double& end) {
    if (step == 0.0) {
        if (!(start >= low && start < high)) {
            end = begin;
        }
        return;
    }
    const double a = (low - start) / step;
    const double b = (high - start) / step;
    begin = std::max(begin, std::ceil(std::min(a, b)));
    end = std::min(end, std::floor(std::max(a, b)) + 1.0);
}

void add_samples(const FloatRows& image, const Line& line, float weight, Edge edge,
                 std::size_t columns, float* out) {
    const double row_limit = static_cast<double>(image.image_rows) - 1.0;
    const double column_limit = static_cast<double>(image.columns) - 1.0;
    double low = 0.0;
    double high = static_cast<double>(columns);
    narrow(line.row, line.row_step, 0.0, row_limit, low, high);
    narrow(line.column, line.column_step, 0.0, column_limit, low, high);
    std::size_t begin = 0;
    std::size_t end = 0;
    if (low < high) {
        begin = static_cast<std::size_t>(low);
        end = static_cast<std::size_t>(high);
    }
    // The bounds are off by rounding at most; the samples are monotonic, so checking the ends is
    // enough.
    const auto inside = [&](std::size_t j) {
        const double r = line.row_at(j);
        const double c = line.column_at(j);
        return r >= 0.0 && r < row_limit && c >= 0.0 && c < column_limit;
    };
    while (begin < end && !inside(begin)) {
        ++begin;
    }
    while (begin < end && !inside(end - 1)) {
        --end;
    }
    const auto add_one = [&](std::size_t j) {
        out[j] += weight * sample_at(image, line.row_at(j), line.column_at(j), edge);
    };
    for (std::size_t j = 0; j < begin; ++j) {
        add_one(j);
    }
    add_inner_samples(image.data, image.first_row, image.columns, line, weight, begin, end, out);
    for (std::size_t j = end; j < columns; ++j) {
        add_one(j);
    }
}

/// Resamples strips of output planes, keeping its scratch memory from one to the next.
template <class Pixel>
class StripResampler {
  public:
    StripResampler(const ImageBatch<Pixel>& images, std::size_t columns, Edge edge)
        : images_(images), columns_(columns), edge_(edge) {}

    /// Writes output rows [begin, end) of the plane at `out`, whose row 0 this is.
    void along_axes(const Map& map, bool turned, std::size_t source, std::size_t begin,
                    std::size_t end, float* out) {
        // What input rows depend on: output rows, or output columns if turned.
        if (turned) {
            row_taps_.assign(map.row_0, map.row_c, 0, columns_, images_.rows, edge_);
            column_taps_.assign(map.column_0, map.column_r, begin, end - begin, images_.columns,
                                edge_);
        } else {
            row_taps_.assign(map.row_0, map.row_r, begin, end - begin, images_.rows, edge_);
            column_taps_.assign(map.column_0, map.column_c, 0, columns_, images_.columns, edge_);
        }
        const FloatRows rows =
            float_rows(images_, source, row_taps_.begin(), row_taps_.end(), scratch_);
        filter_.apply(rows.data + column_taps_.begin(), rows.columns, row_taps_, column_taps_,
                      turned, out + begin * columns_, columns_);
    }

    void obliquely(const Map& map, std::size_t source, std::size_t begin, std::size_t end,
                   float* out) {
        const std::vector<Sample> samples = supersamples(map);
        const auto [first, last] = input_rows(map, begin, end);
        const FloatRows rows = float_rows(images_, source, first, last, scratch_);
        for (std::size_t r = begin; r < end; ++r) {
            float* line_out = out + r * columns_;
            std::fill(line_out, line_out + columns_, 0.0F);
            for (const Sample& sample : samples) {
                const double row = static_cast<double>(r) + sample.row;
                const Line line{map.row_0 + map.row_r * row + map.row_c * sample.column, map.row_c,
                                map.column_0 + map.column_r * row + map.column_c * sample.column,
                                map.column_c};
                add_samples(rows, line, sample.weight, edge_, columns_, line_out);
            }
        }
    }

  private:
    /// Input rows that output rows [begin, end) may read, a margin for the filter included.
    [[nodiscard]] std::pair<std::size_t, std::size_t> input_rows(const Map& map, std::size_t begin,
                                                                 std::size_t end) const {
        double low = std::numeric_limits<double>::infinity();
        double high = -low;
        for (const double r : {static_cast<double>(begin) - 1.0, static_cast<double>(end)}) {
            for (const double c : {-1.0, static_cast<double>(columns_)}) {
                const double row = map.row_0 + map.row_r * r + map.row_c * c;
                low = std::min(low, row);
                high = std::max(high, row);
            }
        }
        const double last_row = static_cast<double>(images_.rows) - 1.0;
        const auto first =
            static_cast<std::size_t>(std::clamp(std::floor(low) - 1.0, 0.0, last_row));
        const auto last =
            static_cast<std::size_t>(std::clamp(std::ceil(high) + 1.0, 0.0, last_row));
        return {first, last + 1};
    }

    ImageBatch<Pixel> images_;
    std::size_t columns_;
    Edge edge_;
    AxisTaps row_taps_;
    AxisTaps column_taps_;
    SeparableFilter filter_;
    std::vector<float> scratch_;
};

void check_map(const Map& map, Kind kind) {
    const double row_step = std::hypot(map.row_r, map.column_r);
    const double column_step = std::hypot(map.row_c, map.column_c);
    const double limit = kind == Kind::oblique ? kMaxRotatedStep : kMaxStep;
    if (!(row_step <= limit && column_step <= limit)) {
        throw std::invalid_argument(
            "matrices: expected steps of at most " + std::to_string(limit) + " input pixels " +
            (kind == Kind::oblique ? "with rotation or shear" : "along the axes") + ", got " +
            std::to_string(std::max(row_step, column_step)));
    }
}

}  // namespace

template <class Pixel>
FloatBuffer resample(const ImageBatch<Pixel>& images, std::span<const double> matrices,
                     std::span<const std::int64_t> sources, std::size_t rows, std::size_t columns,
                     Edge edge, std::size_t threads) {
    if (images.count > 0 &&
        (images.rows == 0 || images.columns == 0 || images.rows > kMaxPixels / images.columns)) {
        throw std::invalid_argument("images: expected 1 to 2^30 pixels each, got " +
                                    std::to_string(images.rows) + " x " +
                                    std::to_string(images.columns));
    }
    if (columns != 0 && rows > kMaxPixels / columns) {
        throw std::invalid_argument("shape: expected at most 2^30 pixels, got " +
                                    std::to_string(rows) + " x " + std::to_string(columns));
    }
    if (matrices.size() != 6 * sources.size()) {
        throw std::invalid_argument("matrices: expected one for each of " +
                                    std::to_string(sources.size()) + " sources, got " +
                                    std::to_string(matrices.size() / 6));
    }
    if (!std::all_of(matrices.begin(), matrices.end(), [](double v) { return std::isfinite(v); })) {
        throw std::invalid_argument("matrices: expected finite elements, got NaN or infinity");
    }
    const auto map_of = [&](std::size_t n) { return Map(matrices.subspan(6 * n).first<6>()); };
    for (std::size_t n = 0; n < sources.size(); ++n) {
        if (sources[n] < 0 || static_cast<std::uint64_t>(sources[n]) >= images.count) {
            throw std::out_of_range("sources: expected 0 to " + std::to_string(images.count) +
                                    " - 1, got " + std::to_string(sources[n]));
        }
        check_map(map_of(n), kind_of(map_of(n), rows, columns));
    }
    FloatBuffer out(sources.size() * rows * columns);
    if (out.size() == 0) {
        return out;
    }
    const std::size_t strips = (rows + kStripRows - 1) / kStripRows;
    parallel_for(sources.size() * strips, 1, threads, [&](std::size_t begin, std::size_t end) {
        StripResampler<Pixel> resampler(images, columns, edge);
        for (std::size_t item = begin; item < end; ++item) {
            const std::size_t n = item / strips;
            const std::size_t first_row = item % strips * kStripRows;
            const std::size_t last_row = std::min(rows, first_row + kStripRows);
            const auto source = static_cast<std::size_t>(sources[n]);
            const Map map = map_of(n);
            const Kind kind = kind_of(map, rows, columns);
            float* plane = out.data() + n * rows * columns;
            if (kind == Kind::oblique) {
                resampler.obliquely(map, source, first_row, last_row, plane);
            } else {
                resampler.along_axes(map, kind == Kind::turned, source, first_row, last_row, plane);
            }
        }
    });
    return out;
}

template FloatBuffer resample(const ImageBatch<float>&, std::span<const double>,
                              std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                              std::size_t);
template FloatBuffer resample(const ImageBatch<std::uint8_t>&, std::span<const double>,
                              std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                              std::size_t);
template FloatBuffer resample(const ImageBatch<std::uint16_t>&, std::span<const double>,
                              std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                              std::size_t);
template FloatBuffer resample(const ImageBatch<std::int16_t>&, std::span<const double>,
                              std::span<const std::int64_t>, std::size_t, std::size_t, Edge,
                              std::size_t);

}  // namespace lvcore
