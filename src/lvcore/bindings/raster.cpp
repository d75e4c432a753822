#include "lvcore/planes/raster.hpp"

#include <algorithm>
#include <utility>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

py::array_t<float> cover(py::handle points, std::pair<py::ssize_t, py::ssize_t> shape) {
    const Argument argument{points, "points", "float64 (point, 2)"};
    const auto array = typed_array<double>(argument, 2);
    if (array.shape(1) != 2) {
        fail_shape(argument, array);
    }
    const std::size_t rows = count_argument("shape", shape.first);
    const std::size_t columns = count_argument("shape", shape.second);
    const std::span<const double> coordinates = elements(array);
    FloatBuffer coverage = [&] {
        const py::gil_scoped_release released;
        return contour_coverage(coordinates, rows, columns);
    }();
    return to_numpy(std::move(coverage), {shape.first, shape.second});
}

}  // namespace

void bind_raster(py::module_& module) {
    module.def("contour_coverage", &cover, py::arg("points"), py::arg("shape"),
               "Return the fraction of each pixel that a polygon covers.");
}

}  // namespace lvcore::bindings
