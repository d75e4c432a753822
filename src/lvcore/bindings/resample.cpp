#include "lvcore/planes/resample.hpp"

#include <numeric>
#include <optional>
#include <utility>

#include "lvcore/bindings/arrays.hpp"

namespace lvcore::bindings {

namespace {

struct Options {
    py::handle matrices;
    std::pair<py::ssize_t, py::ssize_t> shape;
    py::handle sources;
    Edge edge;
    py::handle out;
    std::size_t threads;
};

/// Fills the caller's array and returns it.
template <class Pixel>
py::array_t<float> resample_given(const Argument& argument, const py::array& images,
                                  const ImageBatch<Pixel>& batch, const ResampleRequest& request,
                                  std::size_t threads) {
    auto out = typed_array<float>(argument, 3);
    if (extent(out, 0) != request.sources.size() || extent(out, 1) != request.rows ||
        extent(out, 2) != request.columns) {
        throw py::value_error("out: expected shape (" + std::to_string(request.sources.size()) +
                              ", " + std::to_string(request.rows) + ", " +
                              std::to_string(request.columns) + "), got " +
                              py::str(out.attr("shape")).cast<std::string>());
    }
    float* data = out.mutable_data();  // ValueError if read-only
    check_no_overlap(out, "images", images);
    const std::span<float> values(data, static_cast<std::size_t>(out.size()));
    const py::gil_scoped_release released;
    resample_into(values, batch, request, threads);
    return out;
}

template <class Pixel>
py::array_t<float> resample_typed(const Argument& argument, const Options& options) {
    const auto images = typed_array<Pixel>(argument, 3);
    const ImageBatch<Pixel> batch{images.data(), extent(images, 0), extent(images, 1),
                                  extent(images, 2)};
    const Argument maps{options.matrices, "matrices", "float64 (n, 2, 3)"};
    const auto matrices = typed_array<double>(maps, 3);
    if (matrices.shape(1) != 2 || matrices.shape(2) != 3) {
        fail_shape(maps, matrices);
    }
    std::vector<std::int64_t> one_to_one;
    py::array_t<std::int64_t> given;
    std::span<const std::int64_t> sources;
    if (options.sources.is_none()) {
        if (extent(matrices, 0) != batch.count) {
            throw py::value_error("matrices: expected one per image if sources is None, got " +
                                  std::to_string(matrices.shape(0)) + " for " +
                                  std::to_string(batch.count) + " images");
        }
        one_to_one.resize(batch.count);
        std::iota(one_to_one.begin(), one_to_one.end(), std::int64_t{0});
        sources = one_to_one;
    } else {
        given = typed_array<std::int64_t>({options.sources, "sources", "int64 (n,) or None"}, 1);
        sources = elements(given);
    }
    const ResampleRequest request{elements(matrices), sources,
                                  count_argument("shape", options.shape.first),
                                  count_argument("shape", options.shape.second), options.edge};
    if (!options.out.is_none()) {
        return resample_given({options.out, "out", "float32 (n, row, column)"}, images, batch,
                              request, options.threads);
    }
    FloatBuffer result = [&] {
        const py::gil_scoped_release released;
        return resample(batch, request, options.threads);
    }();
    return to_numpy(std::move(result), {static_cast<py::ssize_t>(sources.size()),
                                        options.shape.first, options.shape.second});
}

py::array_t<float> resample_any(py::handle images, py::handle matrices,
                                std::pair<py::ssize_t, py::ssize_t> shape, py::handle sources,
                                const std::string& edge, py::handle out, py::ssize_t threads) {
    const Argument argument{images, "images",
                            "float32, uint8, uint16 or int16 (image, row, column)"};
    const Options options{
        matrices, shape, sources, edge_argument(edge), out, count_argument("threads", threads)};
    const py::array array = as_array(argument);
    if (py::isinstance<py::array_t<float>>(array)) {
        return resample_typed<float>(argument, options);
    }
    if (py::isinstance<py::array_t<std::uint16_t>>(array)) {
        return resample_typed<std::uint16_t>(argument, options);
    }
    if (py::isinstance<py::array_t<std::int16_t>>(array)) {
        return resample_typed<std::int16_t>(argument, options);
    }
    if (py::isinstance<py::array_t<std::uint8_t>>(array)) {
        return resample_typed<std::uint8_t>(argument, options);
    }
    fail_dtype(argument, array);
}

}  // namespace

void bind_resample(py::module_& module) {
    module.def("resample", &resample_any, py::arg("images"), py::arg("matrices"), py::arg("shape"),
               py::kw_only(), py::arg("sources") = py::none(), py::arg("edge") = "zero",
               py::arg("out") = py::none(), py::arg("threads") = 0,
               "Resample planes under affine maps of their pixel indices.");
}

}  // namespace lvcore::bindings
