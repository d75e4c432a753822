#include "lvcore/windows.hpp"

#include <utility>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

Normalise normalise_argument(const std::string& name) {
    if (name == "none") {
        return Normalise::none;
    }
    if (name == "mean") {
        return Normalise::mean;
    }
    if (name == "mean_std") {
        return Normalise::mean_std;
    }
    throw py::value_error("normalise: expected 'none', 'mean' or 'mean_std', got '" + name + "'");
}

py::array_t<float> extract(py::handle images_value, py::handle slices_value,
                           py::handle squares_value, py::handle phases_value, py::ssize_t size,
                           const std::string& normalise, const std::string& edge,
                           py::ssize_t threads_value) {
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
    const WindowRequest request{elements(slices),
                                elements(squares),
                                elements(phases),
                                extent(phases, phases.ndim() - 1),
                                count_argument("size", size),
                                normalise_argument(normalise),
                                edge_argument(edge)};
    FloatBuffer windows = [&] {
        const py::gil_scoped_release released;
        return extract_windows(cine, request, threads);
    }();
    return to_numpy(std::move(windows),
                    {slices.shape(0), phases.shape(phases.ndim() - 1), size, size});
}

}  // namespace

void bind_windows(py::module_& module) {
    module.def("extract_windows", &extract, py::arg("images"), py::arg("slices"),
               py::arg("squares"), py::arg("phases"), py::arg("size"), py::kw_only(),
               py::arg("normalise") = "none", py::arg("edge") = "nearest", py::arg("threads") = 0,
               "Cut square windows out of a cine stack, resized and normalised.");
}

}  // namespace lvcore::bindings
