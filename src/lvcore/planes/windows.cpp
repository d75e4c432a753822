#include "lvcore/planes/windows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "lvcore/base/parallel.hpp"
#include "lvcore/planes/separable.hpp"

#define LVCORE_KERNELS "lvcore/planes/windows_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

namespace {

/// Output pixels per run: about 200 microseconds of work, or 30 phases of 48 x 48.
constexpr std::size_t kGrain = 70000;

void check_index(const char* name, std::int64_t value, std::size_t count) {
    if (value < 0 || static_cast<std::uint64_t>(value) >= count) {
        throw std::out_of_range(std::string(name) + ": expected 0 to " + std::to_string(count) +
                                " - 1, got " + std::to_string(value));
    }
}

/// Throws unless lowest < value < infinity; `allowed` admits lowest itself.
void check_number(const char* name, double value, double lowest, bool allowed) {
    if (!std::isfinite(value) || value < lowest || (value == lowest && !allowed)) {
        throw std::invalid_argument(std::string(name) + ": expected a finite number " +
                                    (allowed ? "from " : "above ") + std::to_string(lowest) +
                                    (allowed ? " on, got " : ", got ") + std::to_string(value));
    }
}

/// Move i of `moves`, evenly spaced from -reach to reach.
double move_at(std::size_t i, std::size_t moves, double reach) {
    if (moves == 1) {
        return 0.0;
    }
    if (i + 1 == moves) {
        return reach;
    }
    const double step = 2.0 * reach / static_cast<double>(moves - 1);
    return static_cast<double>(i) * step - reach;
}

/// Whether [first, first + length] lies within [0, count].
bool lies_within(double first, double length, std::size_t count) {
    return first >= -kSamePoint && first + length <= static_cast<double>(count) + kSamePoint;
}

void check(const CineView& images, const WindowRequest& request) {
    const std::size_t windows = request.slices.size();
    if (request.size == 0 || request.size > kMaxWindowSize) {
        throw std::invalid_argument("size: expected 1 to " + std::to_string(kMaxWindowSize) +
                                    ", got " + std::to_string(request.size));
    }
    if (images.rows == 0 || images.columns == 0) {
        throw std::invalid_argument("images: expected at least one row and column, got " +
                                    std::to_string(images.rows) + " x " +
                                    std::to_string(images.columns));
    }
    if (request.squares.size() != 3 * windows) {
        throw std::invalid_argument("squares: expected one for each of " + std::to_string(windows) +
                                    " slices, got " + std::to_string(request.squares.size() / 3));
    }
    const std::size_t k = request.phases_per_window;
    if (request.phases.size() != k && request.phases.size() != k * windows) {
        throw std::invalid_argument("phases: expected one set, or one for each of " +
                                    std::to_string(windows) + " slices, got " +
                                    std::to_string(request.phases.size()) + " phases");
    }
    for (const std::int64_t slice : request.slices) {
        check_index("slices", slice, images.slices);
    }
    for (const std::int64_t phase : request.phases) {
        check_index("phases", phase, images.phases);
    }
    const double largest = kMaxStep * static_cast<double>(request.size);
    for (std::size_t i = 0; i < request.squares.size(); i += 3) {
        const auto square = request.squares.subspan(i, 3);
        if (!std::isfinite(square[0]) || !std::isfinite(square[1]) ||
            !(square[2] > 0.0 && square[2] <= largest)) {
            throw std::invalid_argument(
                "squares: expected finite edges and a side above 0 and up to " +
                std::to_string(largest) + " pixels, got " + std::to_string(square[0]) + ", " +
                std::to_string(square[1]) + ", " + std::to_string(square[2]));
        }
    }
}

/// Number of values in the windows of a checked request.
std::size_t value_count(const WindowRequest& request) {
    const std::size_t windows = request.slices.size();
    const std::size_t patch_size = request.size * request.size;
    const std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(float);
    if (windows != 0 && request.phases_per_window > most / patch_size / windows) {
        throw std::invalid_argument("slices: expected fewer windows, got " +
                                    std::to_string(windows));
    }
    return windows * request.phases_per_window * patch_size;
}

/// Sets the filter for window n.
void assign_window(SeparableFilter& filter, const CineView& images, const WindowRequest& request,
                   std::size_t n) {
    const std::size_t size = request.size;
    const double step = request.squares[3 * n + 2] / static_cast<double>(size);
    // The centre of output i is at edge coordinate top + (i + 1/2) step, half a pixel past its
    // index.
    const double half = 0.5 * step - 0.5;
    filter.assign({request.squares[3 * n] + half, step, 0, size, images.rows},
                  {request.squares[3 * n + 1] + half, step, 0, size, images.columns}, request.edge);
}

/// Writes `count` phases of window n from `first` on; Normalise::mean takes all of them together.
void extract_phases(const CineView& images, const WindowRequest& request, std::size_t n,
                    std::size_t first, std::size_t count, SeparableFilter& filter, float* out) {
    const std::size_t size = request.size;
    const std::size_t k = request.phases_per_window;
    const std::size_t patch_size = size * size;
    const std::size_t plane_size = images.rows * images.columns;
    const float* slice =
        images.data + static_cast<std::size_t>(request.slices[n]) * images.phases * plane_size;
    const bool own_phases = request.phases.size() != k;
    const auto phases = request.phases.subspan(own_phases ? n * k : 0, k);
    const auto plane = [&](std::size_t p) {
        return p < k ? slice + static_cast<std::size_t>(phases[p]) * plane_size : nullptr;
    };
    for (std::size_t p = 0; p < count; ++p) {
        float* patch = out + p * patch_size;
        filter.apply(plane(first + p), false, patch, size, plane(first + p + 1));
        if (request.normalise == Normalise::mean_std) {
            LVCORE_BEST(standardise)(patch, patch_size);
        }
    }
    if (request.normalise == Normalise::mean) {
        LVCORE_BEST(subtract_mean)(out, count * patch_size);
    }
}

/// Extracts the windows of a checked request.
template <class Value>
void extract_all(std::span<Value> out, const CineView& images, const WindowRequest& request,
                 std::size_t threads) {
    if (out.empty()) {
        return;
    }
    constexpr bool kHalves = std::is_same_v<Value, Half>;
    const std::size_t k = request.phases_per_window;
    // Phases that share a mean are one piece of work. Otherwise each phase is one, so that a single
    // window of many phases runs on all threads.
    const std::size_t together = request.normalise == Normalise::mean ? k : 1;
    const std::size_t pieces = k / together;
    const std::size_t piece_size = together * request.size * request.size;
    const std::size_t most = std::max<std::size_t>(1, kGrain / piece_size);
    // A window of more pieces is divided into equal runs, each of which sets up the filter once.
    const std::size_t runs = (pieces + most - 1) / most;
    const std::size_t grain = runs > 1 ? (pieces + runs - 1) / runs : most;
    struct Workspace {
        SeparableFilter filter;
        std::vector<float> floats;
    };
    parallel_for_with(
        request.slices.size() * pieces, grain, threads,
        [&] { return Workspace{{}, std::vector<float>(kHalves ? piece_size : 0)}; },
        [&](Workspace& workspace, std::size_t begin, std::size_t end) {
            auto& [filter, floats] = workspace;
            for (std::size_t i = begin; i < end; ++i) {
                const std::size_t n = i / pieces;
                if (i == begin || i % pieces == 0) {
                    assign_window(filter, images, request, n);
                }
                const std::size_t first = i % pieces * together;
                Value* piece = out.data() + i * piece_size;
                if constexpr (kHalves) {
                    extract_phases(images, request, n, first, together, filter, floats.data());
                    to_halves(floats.data(), piece_size, piece);
                } else {
                    extract_phases(images, request, n, first, together, filter, piece);
                }
            }
        });
}

}  // namespace

std::vector<double> propose_windows(std::span<const double, 3> square, const WindowGrid& grid,
                                    const std::optional<Extent>& inside) {
    if (!std::isfinite(square[0]) || !std::isfinite(square[1])) {
        throw std::invalid_argument("square: expected finite edges, got " +
                                    std::to_string(square[0]) + ", " + std::to_string(square[1]));
    }
    check_number("square: side", square[2], 0.0, false);
    check_number("reach", grid.reach, 0.0, true);
    check_number("smallest_side", grid.smallest_side, 0.0, true);
    for (const double factor : grid.factors) {
        check_number("factors", factor, 0.0, false);
    }
    if (grid.factors.size() > kMaxGrid) {
        throw std::invalid_argument("factors: expected up to " + std::to_string(kMaxGrid) +
                                    ", got " + std::to_string(grid.factors.size()));
    }
    if (grid.moves == 0 || grid.moves > kMaxGrid) {
        throw std::invalid_argument("moves: expected 1 to " + std::to_string(kMaxGrid) + ", got " +
                                    std::to_string(grid.moves));
    }
    const double side = square[2];
    const double smallest = std::min(grid.smallest_side, side);
    std::vector<double> windows;
    for (const double factor : grid.factors) {
        const double length = std::max(side * factor, smallest);
        const auto edge = [&](double from, std::size_t i) {
            return from + side / 2 + move_at(i, grid.moves, grid.reach) * side - length / 2;
        };
        for (std::size_t i = 0; i < grid.moves; ++i) {
            const double top = edge(square[0], i);
            if (inside && !lies_within(top, length, inside->rows)) {
                continue;
            }
            for (std::size_t j = 0; j < grid.moves; ++j) {
                const double left = edge(square[1], j);
                if (!inside || lies_within(left, length, inside->columns)) {
                    windows.insert(windows.end(), {top, left, length});
                }
            }
        }
    }
    return windows;
}

FloatBuffer extract_windows(const CineView& images, const WindowRequest& request,
                            std::size_t threads) {
    check(images, request);
    FloatBuffer out(value_count(request));
    extract_all(std::span(out.data(), out.size()), images, request, threads);
    return out;
}

template <class Value>
void extract_windows_into(std::span<Value> out, const CineView& images,
                          const WindowRequest& request, std::size_t threads) {
    check(images, request);
    if (out.size() != value_count(request)) {
        throw std::invalid_argument("out: expected " + std::to_string(value_count(request)) +
                                    " values, got " + std::to_string(out.size()));
    }
    extract_all(out, images, request, threads);
}

template void extract_windows_into(std::span<float>, const CineView&, const WindowRequest&,
                                   std::size_t);
template void extract_windows_into(std::span<Half>, const CineView&, const WindowRequest&,
                                   std::size_t);

}  // namespace lvcore
