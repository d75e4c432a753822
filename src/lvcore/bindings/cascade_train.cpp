#include "lvcore/boosting/cascade_train.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lvcore/bindings/arrays.hpp"
#include "lvcore/bindings/search.hpp"

namespace lvcore::bindings {

namespace {

/// Views of arrays, and references that keep the arrays alive during training.
struct Images {
    std::vector<py::array> held;
    std::vector<MiningImage> images;
};

Images images_argument(const py::sequence& images, const std::optional<py::sequence>& squares) {
    Images all;
    const std::size_t count = images.size();
    if (squares && squares->size() != count) {
        throw py::value_error("squares: expected one array for each image, " +
                              std::to_string(count) + ", got " + std::to_string(squares->size()));
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::string place = "[" + std::to_string(i) + "]";
        const std::string image_name = "images" + place;
        const py::object image_value = images[i];
        const auto image =
            typed_array<std::uint8_t>({image_value, image_name.c_str(), "uint8 (row, column)"}, 2);
        all.held.push_back(image);
        MiningImage& added = all.images.emplace_back(
            MiningImage{{image.data(), extent(image, 0), extent(image, 1)}, {}});
        if (!squares) {
            continue;
        }
        const std::string squares_name = "squares" + place;
        const py::object squares_value = (*squares)[i];
        const Argument argument{squares_value, squares_name.c_str(), "float64 (square, 3)"};
        const auto corners = typed_array<double>(argument, 2);
        if (corners.shape(1) != 3) {
            fail_shape(argument, corners);
        }
        for (py::ssize_t n = 0; n < corners.shape(0); ++n) {
            added.squares.push_back({corners.at(n, 0), corners.at(n, 1), corners.at(n, 2)});
        }
    }
    return all;
}

Cascade train(py::handle positives_value, const py::sequence& images_value,
              const std::optional<py::object>& weights_value,
              const std::optional<py::sequence>& squares_value, const std::optional<Cascade>& start,
              py::ssize_t stages, double min_hit_rate, double max_false_alarm_rate, double held_out,
              py::ssize_t max_trees, py::ssize_t depth, double weight_trim,
              const std::optional<py::ssize_t>& negatives,
              const std::optional<py::ssize_t>& fewest_negatives, double scale_factor,
              const Size& min_size, const std::optional<Size>& max_size, py::ssize_t step,
              double iou_limit, std::uint64_t seed, py::ssize_t threads_value,
              const std::optional<py::function>& progress) {
    const auto positives =
        typed_array<std::uint8_t>({positives_value, "positives", "uint8 (window, row, column)"}, 3);
    std::vector<double> weights(extent(positives, 0), 1.0);
    if (weights_value) {
        const auto given = typed_array<double>({*weights_value, "weights", "float64 (window,)"}, 1);
        weights.assign(given.data(), given.data() + given.size());
    }
    Images images = images_argument(images_value, squares_value);

    TrainingOptions options;
    options.stages = count_argument("stages", stages);
    options.min_hit_rate = min_hit_rate;
    options.max_false_alarm_rate = max_false_alarm_rate;
    options.held_out = held_out;
    options.max_trees = count_argument("max_trees", max_trees);
    options.negatives =
        negatives ? count_argument("negatives", *negatives) : 10 * extent(positives, 0);
    options.fewest_negatives = fewest_negatives
                                   ? count_argument("fewest_negatives", *fewest_negatives)
                                   : (options.negatives + 9) / 10;
    const std::size_t threads = count_argument("threads", threads_value);
    options.tree = {count_argument("depth", depth), weight_trim, threads};
    options.mining.search = search_options(scale_factor, min_size, max_size, step);
    options.mining.iou_limit = iou_limit;
    options.mining.seed = seed;
    options.mining.threads = threads;

    const auto report = [&](const TrainingStep& now) {
        const py::gil_scoped_acquire acquired;
        if (PyErr_CheckSignals() != 0) {
            throw py::error_already_set();
        }
        if (progress) {
            const std::optional<Cascade> cascade =
                now.done != nullptr ? std::optional(*now.done) : std::nullopt;
            (*progress)(now.stage, now.trees, now.hit_rate, now.false_alarm_rate, now.negatives,
                        now.acceptance, cascade);
        }
    };
    const Positives windows{elements(positives), extent(positives, 1), extent(positives, 2),
                            weights};
    const py::gil_scoped_release released;
    return train_cascade(windows, std::move(images.images), options,
                         start.value_or(Cascade{0, 0, {}, {}}), report);
}

}  // namespace

void bind_cascade_train(py::module_& module) {
    module.def("train_cascade", &train, py::arg("positives"), py::arg("images"), py::kw_only(),
               py::arg("weights") = py::none(), py::arg("squares") = py::none(),
               py::arg("start") = py::none(), py::arg("stages") = 15,
               py::arg("min_hit_rate") = 0.995, py::arg("max_false_alarm_rate") = 0.5,
               py::arg("held_out") = 0.0, py::arg("max_trees") = 200, py::arg("depth") = 1,
               py::arg("weight_trim") = 0.95, py::arg("negatives") = py::none(),
               py::arg("fewest_negatives") = py::none(), py::arg("scale_factor") = 1.1,
               py::arg("min_size") = Size{0, 0}, py::arg("max_size") = py::none(),
               py::arg("step") = 1, py::arg("iou_limit") = 0.3, py::arg("seed") = 0,
               py::arg("threads") = 0, py::arg("progress") = py::none(),
               "Train a cascade on windows of an object and on images to draw negatives from.");
}

}  // namespace lvcore::bindings
