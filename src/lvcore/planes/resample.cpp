#include "lvcore/planes/resample.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "lvcore/base/parallel.hpp"
#include "lvcore/planes/geometry.hpp"
#include "lvcore/planes/oblique.hpp"
#include "lvcore/planes/separable.hpp"

namespace lvcore {

namespace {

/// Most outputs under one map in a task.
constexpr std::size_t kImagesTogether = 32;

/// Pixels in a task: a few hundred microseconds of work, enough to outweigh planning it.
constexpr std::size_t kPixelsTogether = std::size_t{1} << 18;

/// A map counts as along the axes if it deviates less than this over the whole output, in pixels.
constexpr double kAxisTolerance = 1e-7;

/// How the axes of the output run in the input.
enum class Kind { straight, turned, oblique };

Kind kind_of(const PlaneMap& map, std::size_t rows, std::size_t columns) {
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

/// Fills output rows [begin, end) of all outputs under a map along the axes.
template <class Pixel>
void resample_along_axes(SeparableFilter& filter, const SharedMap<Pixel>& shared, bool turned,
                         std::size_t begin, std::size_t end) {
    const PlaneMap& map = shared.map;
    const ImageBatch<Pixel>& images = shared.images;
    // Input rows depend on output rows, or on output columns if turned.
    if (turned) {
        filter.assign({map.row_0, map.row_c, 0, shared.columns, images.rows},
                      {map.column_0, map.column_r, begin, end - begin, images.columns},
                      shared.edge);
    } else {
        filter.assign({map.row_0, map.row_r, begin, end - begin, images.rows},
                      {map.column_0, map.column_c, 0, shared.columns, images.columns}, shared.edge);
    }
    for (std::size_t i = 0; i < shared.sources.size(); ++i) {
        const auto source = static_cast<std::size_t>(shared.sources[i]);
        filter.apply(images.data + source * images.rows * images.columns, turned,
                     shared.out + (i * shared.rows + begin) * shared.columns, shared.columns);
    }
}

void check_map(const PlaneMap& map, Kind kind) {
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

/// Checks the request and returns the maps of all outputs.
template <class Pixel>
std::vector<PlaneMap> checked_maps(const ImageBatch<Pixel>& images,
                                   const ResampleRequest& request) {
    const auto by = [](std::size_t rows, std::size_t columns) {
        return std::to_string(rows) + " x " + std::to_string(columns);
    };
    if (images.count > 0 &&
        (images.rows == 0 || images.columns == 0 || images.rows > kMaxPixels / images.columns)) {
        throw std::invalid_argument("images: expected 1 to 2^30 pixels each, got " +
                                    by(images.rows, images.columns));
    }
    if (request.columns != 0 && request.rows > kMaxPixels / request.columns) {
        throw std::invalid_argument("shape: expected at most 2^30 pixels, got " +
                                    by(request.rows, request.columns));
    }
    const std::span<const double> elements = request.matrices;
    const std::size_t outputs = request.sources.size();
    if (elements.size() != 6 * outputs) {
        throw std::invalid_argument("matrices: expected one for each of " +
                                    std::to_string(outputs) + " sources, got " +
                                    std::to_string(elements.size() / 6));
    }
    if (!std::all_of(elements.begin(), elements.end(), [](double v) { return std::isfinite(v); })) {
        throw std::invalid_argument("matrices: expected finite elements, got NaN or infinity");
    }
    std::vector<PlaneMap> maps;
    maps.reserve(outputs);
    for (std::size_t n = 0; n < outputs; ++n) {
        const std::int64_t source = request.sources[n];
        if (source < 0 || static_cast<std::uint64_t>(source) >= images.count) {
            throw std::out_of_range("sources: expected 0 to " + std::to_string(images.count) +
                                    " - 1, got " + std::to_string(source));
        }
        const auto m = elements.subspan(6 * n, 6);
        maps.push_back({m[0], m[1], m[2], m[3], m[4], m[5]});
        check_map(maps[n], kind_of(maps[n], request.rows, request.columns));
    }
    return maps;
}

/// Output rows [first_row, last_row) of outputs [begin, end), all under one map.
struct Task {
    std::size_t begin;
    std::size_t end;
    std::size_t first_row;
    std::size_t last_row;
};

/// Divides the work, independently of the number of threads.
std::vector<Task> tasks_of(std::span<const PlaneMap> maps, std::size_t rows, std::size_t columns) {
    std::vector<Task> tasks;
    if (rows == 0 || columns == 0) {
        return tasks;
    }
    for (std::size_t begin = 0; begin < maps.size();) {
        std::size_t end = begin + 1;
        while (end < maps.size() && end - begin < kImagesTogether && maps[end] == maps[begin]) {
            ++end;
        }
        const std::size_t rows_together =
            std::max<std::size_t>(kPixelsTogether / (columns * (end - begin)), 1);
        for (std::size_t row = 0; row < rows; row += rows_together) {
            tasks.push_back({begin, end, row, std::min(rows, row + rows_together)});
        }
        begin = end;
    }
    return tasks;
}

/// Resamples a checked request.
template <class Pixel>
void fill(float* out, const ImageBatch<Pixel>& images, const ResampleRequest& request,
          std::span<const PlaneMap> maps, std::size_t threads) {
    const std::vector<Task> tasks = tasks_of(maps, request.rows, request.columns);
    const auto run = [&](SeparableFilter& filter, std::size_t first, std::size_t last) {
        for (const Task& task : std::span(tasks).subspan(first, last - first)) {
            const PlaneMap& map = maps[task.begin];
            const SharedMap<Pixel> shared{
                images,
                request.sources.subspan(task.begin, task.end - task.begin),
                map,
                request.edge,
                request.rows,
                request.columns,
                out + task.begin * request.rows * request.columns};
            const Kind kind = kind_of(map, request.rows, request.columns);
            if (kind == Kind::oblique) {
                resample_obliquely(shared, task.first_row, task.last_row);
            } else {
                resample_along_axes(filter, shared, kind == Kind::turned, task.first_row,
                                    task.last_row);
            }
        }
    };
    parallel_for_with(tasks.size(), 1, threads, [] { return SeparableFilter(); }, run);
}

}  // namespace

template <class Pixel>
FloatBuffer resample(const ImageBatch<Pixel>& images, const ResampleRequest& request,
                     std::size_t threads) {
    const std::vector<PlaneMap> maps = checked_maps(images, request);
    FloatBuffer out(maps.size() * request.rows * request.columns);
    fill(out.data(), images, request, maps, threads);
    return out;
}

template <class Pixel>
void resample_into(std::span<float> out, const ImageBatch<Pixel>& images,
                   const ResampleRequest& request, std::size_t threads) {
    const std::vector<PlaneMap> maps = checked_maps(images, request);
    const std::size_t size = maps.size() * request.rows * request.columns;
    if (out.size() != size) {
        throw std::invalid_argument("out: expected " + std::to_string(size) + " elements, got " +
                                    std::to_string(out.size()));
    }
    fill(out.data(), images, request, maps, threads);
}

template FloatBuffer resample(const ImageBatch<float>&, const ResampleRequest&, std::size_t);
template FloatBuffer resample(const ImageBatch<std::uint8_t>&, const ResampleRequest&, std::size_t);
template FloatBuffer resample(const ImageBatch<std::uint16_t>&, const ResampleRequest&,
                              std::size_t);
template FloatBuffer resample(const ImageBatch<std::int16_t>&, const ResampleRequest&, std::size_t);
template void resample_into(std::span<float>, const ImageBatch<float>&, const ResampleRequest&,
                            std::size_t);
template void resample_into(std::span<float>, const ImageBatch<std::uint8_t>&,
                            const ResampleRequest&, std::size_t);
template void resample_into(std::span<float>, const ImageBatch<std::uint16_t>&,
                            const ResampleRequest&, std::size_t);
template void resample_into(std::span<float>, const ImageBatch<std::int16_t>&,
                            const ResampleRequest&, std::size_t);

}  // namespace lvcore
