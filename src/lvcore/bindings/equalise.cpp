#include "lvcore/planes/equalise.hpp"

#include <array>
#include <utility>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

using Pair = std::pair<py::ssize_t, py::ssize_t>;

Range range_argument(const Pair& range) {
    return {count_argument("field", range.first), count_argument("field", range.second)};
}

py::array_t<float> equalise_array(py::handle images, const std::pair<Pair, Pair>& field,
                                  py::handle matrix, const Pair& shape, py::ssize_t threads) {
    const auto array =
        typed_array<float>({images, "images", "float32 (slice, phase, row, column)"}, 4);
    const Argument map{matrix, "matrix", "float64 (2, 3)"};
    const auto steps = typed_array<double>(map, 2);
    if (steps.shape(0) != 2 || steps.shape(1) != 3) {
        fail_shape(map, steps);
    }
    const auto m = elements(steps);
    if (m[1] != 0.0 || m[3] != 0.0) {
        throw py::value_error("matrix: expected a map along the axes, got rotation or shear");
    }
    const ImageBatch<float> batch{array.data(), extent(array, 0) * extent(array, 1),
                                  extent(array, 2), extent(array, 3)};
    const EqualiseRequest request{
        extent(array, 1),
        range_argument(field.first),
        range_argument(field.second),
        {m[2], m[0], 0, count_argument("shape", shape.first), batch.rows},
        {m[5], m[4], 0, count_argument("shape", shape.second), batch.columns}};
    const std::size_t n_threads = count_argument("threads", threads);
    FloatBuffer result = [&] {
        const py::gil_scoped_release released;
        return equalise(batch, request, n_threads);
    }();
    return to_numpy(std::move(result), {array.shape(0), array.shape(1), shape.first, shape.second});
}

}  // namespace

void bind_equalise(py::module_& module) {
    module.def("equalise", &equalise_array, py::arg("images"), py::arg("field"), py::arg("matrix"),
               py::arg("shape"), py::kw_only(), py::arg("threads") = 0,
               "Replace grey values by their ranks within a field, and resample.");
}

}  // namespace lvcore::bindings
