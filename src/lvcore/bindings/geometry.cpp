#include "lvcore/planes/geometry.hpp"

#include <algorithm>
#include <array>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

Plane plane_argument(py::handle value, const char* name) {
    const Argument argument{value, name, "float64 (4, 4)"};
    const auto array = typed_array<double>(argument, 2);
    if (array.shape(0) != 4 || array.shape(1) != 4) {
        fail_shape(argument, array);
    }
    std::array<double, 16> affine;
    std::copy_n(array.data(), affine.size(), affine.begin());
    return Plane::from_affine(affine, name);
}

py::array_t<double> map_planes(py::handle source_affine, py::handle target_affine) {
    const PlaneMap map = plane_map(plane_argument(source_affine, "source_affine"),
                                   plane_argument(target_affine, "target_affine"));
    py::array_t<double> result({2, 3});
    const std::array elements = {map.row_r,    map.row_c,    map.row_0,
                                 map.column_r, map.column_c, map.column_0};
    std::copy(elements.begin(), elements.end(), result.mutable_data());
    return result;
}

}  // namespace

void bind_geometry(py::module_& module) {
    module.def("plane_map", &map_planes, py::arg("source_affine"), py::arg("target_affine"),
               "Map pixel indices of the target plane to pixel indices of the source plane.");
}

}  // namespace lvcore::bindings
