#include "lvcore/cascade/cascade.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lvcore/bindings/arrays.hpp"
#include "lvcore/bindings/search.hpp"
#include "lvcore/cascade/cascade_xml.hpp"
#include "lvcore/cascade/detection.hpp"

namespace lvcore::bindings {

namespace {

/// Corners and sides far from where sums or differences of 32 bits overflow.
constexpr std::int32_t kFarthest = 1 << 24;

py::tuple to_arrays(const std::vector<Detection>& detections) {
    const auto count = static_cast<py::ssize_t>(detections.size());
    py::array_t<std::int32_t> windows({count, py::ssize_t{4}});
    py::array_t<std::int32_t> counts(count);
    py::array_t<std::int32_t> stages(count);
    py::array_t<double> scores(count);
    for (py::ssize_t i = 0; i < count; ++i) {
        const Detection& detection = detections[static_cast<std::size_t>(i)];
        windows.mutable_at(i, 0) = detection.y;
        windows.mutable_at(i, 1) = detection.x;
        windows.mutable_at(i, 2) = detection.height;
        windows.mutable_at(i, 3) = detection.width;
        counts.mutable_at(i) = static_cast<std::int32_t>(detection.count);
        stages.mutable_at(i) = static_cast<std::int32_t>(detection.stages);
        scores.mutable_at(i) = detection.score;
    }
    return py::make_tuple(windows, counts, stages, scores);
}

py::tuple detect_in(py::handle image_value, const Cascade& cascade, double scale_factor,
                    py::ssize_t min_neighbors, const Size& min_size,
                    const std::optional<Size>& max_size, py::ssize_t step,
                    const std::optional<py::ssize_t>& min_stages, py::ssize_t threads_value) {
    const Argument argument{image_value, "image", "uint8 or float32 (row, column)"};
    const py::array image = as_array(argument);
    const bool floats = py::isinstance<py::array_t<float>>(image);
    if (!floats && !py::isinstance<py::array_t<std::uint8_t>>(image)) {
        fail_dtype(argument, image);
    }
    check_layout(argument, image, 2);
    DetectionOptions options;
    options.search = search_options(scale_factor, min_size, max_size, step);
    options.min_neighbors = count_argument("min_neighbors", min_neighbors);
    if (min_stages) {
        options.min_stages = count_argument("min_stages", *min_stages);
    }
    const std::size_t threads = count_argument("threads", threads_value);
    const void* data = image.data();
    const std::size_t rows = extent(image, 0);
    const std::size_t columns = extent(image, 1);
    const std::vector<Detection> found = [&] {
        const py::gil_scoped_release released;
        std::vector<std::uint8_t> converted;
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        if (floats) {
            converted = to_bytes({static_cast<const float*>(data), rows * columns});
            bytes = converted.data();
        }
        return detect({bytes, rows, columns}, cascade, options, threads);
    }();
    return to_arrays(found);
}

py::tuple group(py::handle windows_value, py::handle stages_value, py::handle scores_value,
                py::ssize_t min_neighbors_value) {
    const Argument argument{windows_value, "windows", "int32 (window, 4)"};
    const auto windows = typed_array<std::int32_t>(argument, 2);
    if (windows.shape(1) != 4) {
        fail_shape(argument, windows);
    }
    const Argument stages_argument{stages_value, "stages", "int32 (window,)"};
    const auto stages = typed_array<std::int32_t>(stages_argument, 1);
    const Argument scores_argument{scores_value, "scores", "float64 (window,)"};
    const auto scores = typed_array<double>(scores_argument, 1);
    if (stages.shape(0) != windows.shape(0)) {
        fail_shape(stages_argument, stages);
    }
    if (scores.shape(0) != windows.shape(0)) {
        fail_shape(scores_argument, scores);
    }
    const std::size_t min_neighbors = count_argument("min_neighbors", min_neighbors_value);
    std::vector<Detection> detections;
    for (py::ssize_t i = 0; i < windows.shape(0); ++i) {
        const Detection d{windows.at(i, 1),
                          windows.at(i, 0),
                          windows.at(i, 3),
                          windows.at(i, 2),
                          static_cast<std::uint32_t>(count_argument("stages", stages.at(i))),
                          1,
                          scores.at(i)};
        const auto within = [](std::int32_t value, std::int32_t least) {
            return value >= least && value <= kFarthest;
        };
        if (!within(d.x, -kFarthest) || !within(d.y, -kFarthest) || !within(d.width, 1) ||
            !within(d.height, 1)) {
            throw py::value_error(
                "windows: expected sides of 1 to 2^24 pixels and corners no farther than that, "
                "got " +
                py::str(py::make_tuple(d.y, d.x, d.height, d.width)).cast<std::string>());
        }
        detections.push_back(d);
    }
    const std::vector<Detection> groups = [&] {
        const py::gil_scoped_release released;
        return group_detections(detections, min_neighbors);
    }();
    return to_arrays(groups);
}

Cascade from_xml(py::handle xml) {
    if (!py::isinstance<py::bytes>(xml)) {
        throw py::type_error(
            "xml: expected bytes, got " +
            py::str(py::type::handle_of(xml).attr("__name__")).cast<std::string>());
    }
    const auto text = py::reinterpret_borrow<py::bytes>(xml);
    const std::string_view view(text);
    const py::gil_scoped_release released;
    return read_cascade(view);
}

}  // namespace

void bind_cascade(py::module_& module) {
    py::register_exception<CascadeFormatError>(module, "CascadeFormatError", PyExc_ValueError);
    // A plain type, as type checkers take it to be.
    py::class_<Cascade>(module, "Cascade", py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)),
                        "A boosted cascade of LBP classifiers; never changes.")
        .def_static("from_xml", &from_xml, py::arg("xml"),
                    "Read a cascade in the form opencv_traincascade writes.")
        .def(
            "to_xml", [](const Cascade& cascade) { return py::bytes(write_cascade(cascade)); },
            "Write the cascade in that form.")
        .def_property_readonly(
            "window_size", [](const Cascade& c) { return py::make_tuple(c.height, c.width); },
            "Rows and columns of a window.")
        .def_property_readonly(
            "stage_sizes",
            [](const Cascade& c) {
                py::tuple sizes(c.stages.size());
                for (std::size_t i = 0; i < c.stages.size(); ++i) {
                    sizes[i] = c.stages[i].trees.size();
                }
                return sizes;
            },
            "Number of trees of each stage.")
        .def(
            "__eq__", [](const Cascade& a, const Cascade& b) { return a == b; }, py::is_operator())
        .attr("__hash__") = py::none();
    module.def("detect", &detect_in, py::arg("image"), py::arg("cascade"), py::kw_only(),
               py::arg("scale_factor") = 1.1, py::arg("min_neighbors") = 3,
               py::arg("min_size") = Size{0, 0}, py::arg("max_size") = py::none(),
               py::arg("step") = 0, py::arg("min_stages") = py::none(), py::arg("threads") = 0,
               "Search an image for what a cascade was trained on.");
    module.def("group_windows", &group, py::arg("windows"), py::arg("stages"), py::arg("scores"),
               py::kw_only(), py::arg("min_neighbors") = 3,
               "Group windows that lie close to each other.");
}

}  // namespace lvcore::bindings
