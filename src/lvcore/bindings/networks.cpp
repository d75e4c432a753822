#include <string>
#include <utility>
#include <vector>

#include "lvcore/bindings/arrays.hpp"
#include "lvcore/networks/hfcn.hpp"
#include "lvcore/networks/roi_classifier.hpp"

namespace lvcore::bindings {

namespace {

std::string numbered(const std::string& name, std::size_t i) {
    return name + "[" + std::to_string(i) + "]";
}

py::sequence as_sequence(const std::string& name, py::handle value, const char* expected) {
    if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr())) {
        throw py::type_error(
            name + ": expected " + expected + ", got " +
            py::str(py::type::handle_of(value).attr("__name__")).cast<std::string>());
    }
    return py::reinterpret_borrow<py::sequence>(value);
}

/// Reads layers, and keeps their arrays alive while a network is built.
class Layers {
  public:
    /// A weight (out, in, kernel, kernel), or (out, in) if `linear`, and its bias.
    ConvolutionWeights one(const std::string& name, py::handle value, bool linear = false) {
        const py::sequence pair = as_sequence(name, value, "a weight and a bias");
        if (pair.size() != 2) {
            throw py::value_error(name + ": expected a weight and a bias, got " +
                                  std::to_string(pair.size()) + " values");
        }
        const std::string weight_name = name + ".weight";
        const std::string bias_name = name + ".bias";
        const py::object weight_value = pair[0];
        const py::object bias_value = pair[1];
        const Argument weight_argument{
            weight_value, weight_name.c_str(),
            linear ? "float32 (out, in)" : "float32 (out, in, kernel, kernel)"};
        const auto weight = typed_array<float>(weight_argument, linear ? 2 : 4);
        const auto bias = typed_array<float>({bias_value, bias_name.c_str(), "float32 (out,)"}, 1);
        if (!linear && weight.shape(2) != weight.shape(3)) {
            fail_shape(weight_argument, weight);
        }
        held_.push_back(weight);
        held_.push_back(bias);
        return {elements(weight), elements(bias), extent(weight, 0), extent(weight, 1),
                linear ? 1 : extent(weight, 2)};
    }

    std::vector<ConvolutionWeights> all(const std::string& name, py::handle value) {
        std::vector<ConvolutionWeights> layers;
        for (const py::handle layer : as_sequence(name, value, "a list of layers")) {
            layers.push_back(one(numbered(name, layers.size()), layer));
        }
        return layers;
    }

  private:
    std::vector<py::array> held_;
};

Instructions instructions_argument(const std::string& name) {
    return choice_argument<Instructions>("instructions", name,
                                         {{"auto", best_instructions()},
                                          {name_of(Instructions::portable), Instructions::portable},
                                          {name_of(Instructions::avx2), Instructions::avx2},
                                          {name_of(Instructions::avx512), Instructions::avx512}});
}

Upsampling upsampling_argument(const std::string& name) {
    return choice_argument<Upsampling>(
        "upsampling", name, {{"nearest", Upsampling::nearest}, {"bilinear", Upsampling::bilinear}});
}

Hfcn make_hfcn(py::handle stages, py::handle heads, py::handle between, py::handle likelihood,
               py::handle area, const std::string& upsampling, const std::string& instructions) {
    Layers layers;
    HfcnWeights weights;
    for (const py::handle stage : as_sequence("stages", stages, "a list of stages")) {
        weights.stages.push_back(layers.all(numbered("stages", weights.stages.size()), stage));
    }
    weights.heads = layers.all("heads", heads);
    weights.between = layers.all("between", between);
    weights.likelihood = layers.one("likelihood", likelihood);
    weights.area = layers.all("area", area);
    weights.upsampling = upsampling_argument(upsampling);
    return Hfcn(weights, instructions_argument(instructions));
}

py::tuple segment(const Hfcn& network, py::handle patches_value, py::ssize_t threads_value) {
    const auto patches =
        typed_array<float>({patches_value, "patches", "float32 (patch, channel, row, column)"}, 4);
    const std::size_t threads = count_argument("threads", threads_value);
    FloatBuffer likelihood(extent(patches, 0) * extent(patches, 2) * extent(patches, 3));
    py::array_t<double> fractions(patches.shape(0));
    {
        const std::span<double> means(fractions.mutable_data(), extent(patches, 0));
        const py::gil_scoped_release released;
        network.segment({patches.data(), extent(patches, 0), extent(patches, 1), extent(patches, 2),
                         extent(patches, 3)},
                        {likelihood.data(), likelihood.size()}, means, threads);
    }
    return py::make_tuple(
        to_numpy(std::move(likelihood), {patches.shape(0), patches.shape(2), patches.shape(3)}),
        fractions);
}

RoiClassifier make_roi_classifier(py::handle convolutions, py::handle linear, py::ssize_t size,
                                  const std::string& instructions) {
    Layers layers;
    RoiClassifierWeights weights;
    weights.convolutions = layers.all("convolutions", convolutions);
    weights.linear = layers.one("linear", linear, true);
    weights.size = count_argument("size", size);
    return RoiClassifier(weights, instructions_argument(instructions));
}

py::array_t<double> score(const RoiClassifier& network, py::handle windows_value,
                          py::ssize_t threads_value) {
    const auto windows =
        typed_array<float>({windows_value, "windows", "float32 (window, phase, row, column)"}, 4);
    const std::size_t threads = count_argument("threads", threads_value);
    py::array_t<double> scores(windows.shape(0));
    {
        const std::span<double> values(scores.mutable_data(), extent(windows, 0));
        const py::gil_scoped_release released;
        network.score({windows.data(), extent(windows, 0), extent(windows, 1), extent(windows, 2),
                       extent(windows, 3)},
                      values, threads);
    }
    return scores;
}

}  // namespace

void bind_networks(py::module_& module) {
    const auto metaclass = py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type));
    py::class_<Hfcn>(module, "Hfcn", metaclass, "HFCN for inference, immutable.")
        .def(py::init(&make_hfcn), py::kw_only(), py::arg("stages"), py::arg("heads"),
             py::arg("between"), py::arg("likelihood"), py::arg("area"),
             py::arg("upsampling") = "nearest", py::arg("instructions") = "auto")
        .def("__call__", &segment, py::arg("patches"), py::kw_only(), py::arg("threads") = 0,
             "Return P and the mean of O of every patch.")
        .def_property_readonly("channels", &Hfcn::channels, "Channels of a patch.");
    py::class_<RoiClassifier>(module, "RoiClassifier", metaclass,
                              "The ROI classifier for inference, immutable.")
        .def(py::init(&make_roi_classifier), py::kw_only(), py::arg("convolutions"),
             py::arg("linear"), py::arg("size") = 25, py::arg("instructions") = "auto")
        .def("__call__", &score, py::arg("windows"), py::kw_only(), py::arg("threads") = 0,
             "Return the probability of every window being the LV's square.");
}

}  // namespace lvcore::bindings
