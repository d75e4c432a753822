#include "lvcore/planes/windows.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

/// Largest number of windows proposed at once: 24 MB of them, thousands of times what is in use.
constexpr std::size_t kMaxProposals = 1'000'000;

/// Copies small arrays: they are read again without the GIL, when other threads may change them.
template <class T>
std::vector<T> copied(const py::array_t<T>& array) {
    return {array.data(), array.data() + array.size()};
}

Normalise normalise_argument(const std::string& name) {
    return choice_argument<Normalise>(
        "normalise", name,
        {{"none", Normalise::none}, {"mean", Normalise::mean}, {"mean_std", Normalise::mean_std}});
}

py::array_t<double> propose(py::handle square_value, const std::vector<double>& factors,
                            py::ssize_t moves, double reach, double smallest_side,
                            const std::optional<std::pair<py::ssize_t, py::ssize_t>>& inside) {
    const Argument square_argument{square_value, "square", "float64 (3,)"};
    const auto square = typed_array<double>(square_argument, 1);
    if (square.shape(0) != 3) {
        fail_shape(square_argument, square);
    }
    std::optional<Extent> image;
    if (inside) {
        image = {count_argument("inside", inside->first), count_argument("inside", inside->second)};
    }
    const WindowGrid grid{factors, count_argument("moves", moves), reach, smallest_side};
    // Larger numbers than the core accepts are left to it, which names them.
    const bool known = grid.moves <= kMaxGrid && factors.size() <= kMaxGrid;
    if (known && factors.size() * grid.moves * grid.moves > kMaxProposals) {
        throw py::value_error("factors, moves: expected at most " + std::to_string(kMaxProposals) +
                              " windows, got " +
                              std::to_string(factors.size() * grid.moves * grid.moves));
    }
    const auto windows = propose_windows(std::span<const double, 3>(square.data(), 3), grid, image);
    return py::array_t<double>({static_cast<py::ssize_t>(windows.size() / 3), py::ssize_t{3}},
                               windows.data());
}

/// Fills the caller's array.
template <class Value>
void extract_given(py::array& out, const CineView& cine, const WindowRequest& request,
                   std::size_t threads) {
    auto* data = static_cast<Value*>(out.mutable_data());  // ValueError if read-only
    const std::span<Value> values(data, static_cast<std::size_t>(out.size()));
    const py::gil_scoped_release released;
    extract_windows_into(values, cine, request, threads);
}

py::array extract(py::handle images_value, py::handle slices_value, py::handle squares_value,
                  py::handle phases_value, py::ssize_t size, const std::string& normalise,
                  const std::string& edge, py::handle out_value, py::ssize_t threads_value) {
    const auto images =
        typed_array<float>({images_value, "images", "float32 (slice, phase, row, column)"}, 4);
    const auto slices = typed_array<std::int64_t>({slices_value, "slices", "int64 (window,)"}, 1);
    const Argument squares_argument{squares_value, "squares", "float64 (window, 3)"};
    const auto squares = typed_array<double>(squares_argument, 2);
    if (squares.shape(1) != 3 || squares.shape(0) != slices.shape(0)) {
        fail_shape(squares_argument, squares);
    }
    const Argument phases_argument{phases_value, "phases", "int64 (phase,) or (window, phase)"};
    const py::array any_phases = as_array(phases_argument);
    const auto phases = typed_array<std::int64_t>(phases_argument, any_phases.ndim() == 2 ? 2 : 1);
    if (phases.ndim() == 2 && phases.shape(0) != slices.shape(0)) {
        fail_shape(phases_argument, phases);
    }
    const std::size_t threads = count_argument("threads", threads_value);
    const CineView cine{images.data(), extent(images, 0), extent(images, 1), extent(images, 2),
                        extent(images, 3)};
    const auto slice_values = copied(slices);
    const auto square_values = copied(squares);
    const auto phase_values = copied(phases);
    const WindowRequest request{slice_values,
                                square_values,
                                phase_values,
                                extent(phases, phases.ndim() - 1),
                                count_argument("size", size),
                                normalise_argument(normalise),
                                edge_argument(edge)};
    const std::vector<py::ssize_t> shape{slices.shape(0), phases.shape(phases.ndim() - 1), size,
                                         size};
    if (out_value.is_none()) {
        FloatBuffer windows = [&] {
            const py::gil_scoped_release released;
            return extract_windows(cine, request, threads);
        }();
        return to_numpy(std::move(windows), shape);
    }
    const Argument out_argument{out_value, "out",
                                "float32 or float16 (window, phase, row, column)"};
    py::array out = as_array(out_argument);
    const bool halves = out.dtype().equal(py::dtype("float16"));
    if (!halves && !py::isinstance<py::array_t<float>>(out)) {
        fail_dtype(out_argument, out);
    }
    check_layout(out_argument, out, 4);
    if (!std::equal(shape.begin(), shape.end(), out.shape())) {
        throw py::value_error("out: expected shape " +
                              py::str(py::cast(shape)).cast<std::string>() + ", got " +
                              py::str(out.attr("shape")).cast<std::string>());
    }
    for (const auto& [name, array] : {std::pair<const char*, const py::array&>{"images", images},
                                      {"slices", slices},
                                      {"squares", squares},
                                      {"phases", phases}}) {
        check_no_overlap(out, name, array);
    }
    if (halves) {
        extract_given<Half>(out, cine, request, threads);
    } else {
        extract_given<float>(out, cine, request, threads);
    }
    return out;
}

}  // namespace

void bind_windows(py::module_& module) {
    module.def("propose_windows", &propose, py::arg("square"), py::kw_only(),
               py::arg("factors") = std::vector<double>{0.6, 0.7, 0.8, 0.9, 1.0, 1.1},
               py::arg("moves") = 5, py::arg("reach") = 0.2, py::arg("smallest_side") = 0.0,
               py::arg("inside") = py::none(), "Propose square windows around a square.");
    module.def("extract_windows", &extract, py::arg("images"), py::arg("slices"),
               py::arg("squares"), py::arg("phases"), py::arg("size"), py::kw_only(),
               py::arg("normalise") = "none", py::arg("edge") = "nearest",
               py::arg("out") = py::none(), py::arg("threads") = 0,
               "Cut square windows out of a cine stack, resized and normalised.");
}

}  // namespace lvcore::bindings
