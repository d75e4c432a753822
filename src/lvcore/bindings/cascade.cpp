#include "lvcore/cascade/cascade.hpp"

#include <pybind11/stl.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "lvcore/bindings/arrays.hpp"
#include "lvcore/bindings/search.hpp"
#include "lvcore/cascade/detection.hpp"

namespace lvcore::bindings {

namespace {

constexpr const char* kCascadeDoc =
    R"(A boosted cascade of trees over multi-block local binary patterns (LBP).

Immutable. `lvvol.read_cascade` and `lvvol.train_cascade` return cascades. Two are equal if all
their numbers are.

Attributes
----------
window_size : (int, int)
    Rows and columns of a window at scale 1.
stage_sizes : tuple of int
    Number of trees of each stage.

Notes
-----
Zhang et al., Face detection based on multi-block LBP representation (2007). A pattern is 3 x 3
blocks; its code has a bit for each outer block that is at least as bright as the one in the
middle. A tree asks whether codes are in a set; a window passes a stage if the leaves of its
trees sum to the stage's threshold or more, less 1e-5 as in OpenCV.)";

constexpr const char* kFromArraysDoc = R"(Build a cascade from its numbers.

Parameters
----------
window_size : (int, int)
    Rows and columns of a window at scale 1.
features : ndarray of int32, shape (feature, 4)
    Left, top, width and height in pixels: the corner of the window's first block, and the size of
    each of the 3 x 3 blocks.
stage_sizes : ndarray of int32, shape (stage,)
    Number of trees of each stage.
thresholds : ndarray of float32, shape (stage,)
    Sum of leaves that a window must reach.
tree_sizes : ndarray of int32, shape (tree,)
    Number of nodes of each tree, stage after stage.
nodes : ndarray of int32, shape (node, 11)
    Nodes of all trees: where a yes leads, where a no leads, the feature, and the set of codes.
    n > 0 leads to node n of the tree, n <= 0 to its leaf -n. Code c is in the set if bit c % 32 of
    word c // 32 is.
leaves : ndarray of float32, shape (leaf,)
    Leaves of all trees, each of which has one more than nodes.

Returns
-------
Cascade

Raises
------
CascadeFormatError
    If the sizes do not add up, a feature is outside the window, an index is out of range, a node
    leads back, or a number is not finite or exceeds a limit: windows of 3 to 1024 pixels, 1000
    stages, 10,000 trees in a stage, 255 nodes in a tree, 100,000 features.)";

constexpr const char* kToArraysDoc =
    R"(Return the cascade's numbers, copied, in the order `from_arrays` takes them.

Returns
-------
window_size, features, stage_sizes, thresholds, tree_sizes, nodes, leaves : tuple)";

/// Largest side of a window and distance of a corner: sums and differences stay within 32 bits.
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

/// A node's row in the array of nodes: left, right, feature and the words of its subset, in the
/// order of OpenCV's files.
constexpr std::size_t kNodeNumbers = 3 + std::tuple_size_v<LbpSubset>;

/// An array (n, columns).
template <class T>
py::array_t<T> table_argument(const Argument& argument, std::size_t columns) {
    const auto table = typed_array<T>(argument, 2);
    if (extent(table, 1) != columns) {
        fail_shape(argument, table);
    }
    return table;
}

std::uint32_t window_side(const char* name, py::ssize_t side) {
    if (side < 0 || side > py::ssize_t{kMaxCascadeWindow}) {
        throw CascadeFormatError(std::string(name) + ": expected 3 to " +
                                 std::to_string(kMaxCascadeWindow) + ", got " +
                                 std::to_string(side));
    }
    return static_cast<std::uint32_t>(side);
}

/// Checks that groups of these sizes, each with `extra` elements on top, fill an array exactly.
void check_sizes(const char* sizes_name, std::span<const std::int32_t> sizes, std::size_t extra,
                 const char* array_name, std::size_t length) {
    std::size_t sum = 0;
    for (const std::int32_t size : sizes) {
        if (size < 0) {
            throw CascadeFormatError(std::string(sizes_name) + ": expected 0 or more, got " +
                                     std::to_string(size));
        }
        sum += static_cast<std::size_t>(size) + extra;
    }
    if (sum != length) {
        throw CascadeFormatError(std::string(array_name) + ": expected " + std::to_string(sum) +
                                 " by " + sizes_name + ", got " + std::to_string(length));
    }
}

/// The node in a row whose feature is not negative.
TreeNode tree_node(std::span<const std::int32_t> row) {
    TreeNode node{static_cast<std::uint32_t>(row[2]), {}, row[0], row[1]};
    for (std::size_t word = 0; word < node.subset.size(); ++word) {
        node.subset[word] = std::bit_cast<std::uint32_t>(row[3 + word]);
    }
    return node;
}

Cascade from_arrays(const Size& window_size, py::handle features_value,
                    py::handle stage_sizes_value, py::handle thresholds_value,
                    py::handle tree_sizes_value, py::handle nodes_value, py::handle leaves_value) {
    const auto features =
        table_argument<std::int32_t>({features_value, "features", "int32 (feature, 4)"}, 4);
    const auto stage_sizes =
        typed_array<std::int32_t>({stage_sizes_value, "stage_sizes", "int32 (stage,)"}, 1);
    const auto thresholds =
        typed_array<float>({thresholds_value, "thresholds", "float32 (stage,)"}, 1);
    const auto tree_sizes =
        typed_array<std::int32_t>({tree_sizes_value, "tree_sizes", "int32 (tree,)"}, 1);
    const auto nodes =
        table_argument<std::int32_t>({nodes_value, "nodes", "int32 (node, 11)"}, kNodeNumbers);
    const auto leaves = typed_array<float>({leaves_value, "leaves", "float32 (leaf,)"}, 1);
    if (thresholds.size() != stage_sizes.size()) {
        fail_shape({thresholds_value, "thresholds", "one for each of stage_sizes"}, thresholds);
    }
    const auto trees = elements(tree_sizes);
    check_sizes("stage_sizes", elements(stage_sizes), 0, "tree_sizes", trees.size());
    check_sizes("tree_sizes", trees, 0, "nodes", extent(nodes, 0));
    check_sizes("tree_sizes", trees, 1, "leaves", elements(leaves).size());

    Cascade cascade{
        window_side("width", window_size.second), window_side("height", window_size.first), {}, {}};
    for (py::ssize_t i = 0; i < features.shape(0); ++i) {
        cascade.features.push_back(
            {features.at(i, 0), features.at(i, 1), features.at(i, 2), features.at(i, 3)});
    }
    std::size_t tree = 0;
    std::span<const std::int32_t> rows = elements(nodes);
    std::span<const float> values = elements(leaves);
    for (py::ssize_t s = 0; s < stage_sizes.size(); ++s) {
        Stage& stage = cascade.stages.emplace_back(Stage{{}, thresholds.at(s)});
        for (std::int32_t t = 0; t < stage_sizes.at(s); ++t, ++tree) {
            const auto size = static_cast<std::size_t>(trees[tree]);
            Tree& added = stage.trees.emplace_back();
            for (std::size_t i = 0; i < size; ++i) {
                if (rows[2] < 0) {
                    throw CascadeFormatError(
                        "stage " + std::to_string(s) + ", tree " + std::to_string(t) +
                        ": expected a feature of 0 or more, got " + std::to_string(rows[2]));
                }
                added.nodes.push_back(tree_node(rows.first(kNodeNumbers)));
                rows = rows.subspan(kNodeNumbers);
            }
            const std::span<const float> own = values.first(size + 1);
            added.leaves.assign(own.begin(), own.end());
            values = values.subspan(own.size());
        }
    }
    check_cascade(cascade);
    return cascade;
}

/// A copy, in the shape given.
template <class T>
py::array_t<T> copied(const std::vector<T>& values, const std::vector<py::ssize_t>& shape) {
    return py::array_t<T>(shape, values.data());
}

py::tuple cascade_arrays(const Cascade& cascade) {
    std::vector<std::int32_t> features;
    for (const LbpFeature& f : cascade.features) {
        features.insert(features.end(), {f.x, f.y, f.width, f.height});
    }
    std::vector<std::int32_t> stage_sizes;
    std::vector<float> thresholds;
    std::vector<std::int32_t> tree_sizes;
    std::vector<std::int32_t> nodes;
    std::vector<float> leaves;
    for (const Stage& stage : cascade.stages) {
        stage_sizes.push_back(static_cast<std::int32_t>(stage.trees.size()));
        thresholds.push_back(stage.threshold);
        for (const Tree& tree : stage.trees) {
            tree_sizes.push_back(static_cast<std::int32_t>(tree.nodes.size()));
            for (const TreeNode& node : tree.nodes) {
                nodes.insert(nodes.end(),
                             {node.left, node.right, static_cast<std::int32_t>(node.feature)});
                for (const std::uint32_t word : node.subset) {
                    nodes.push_back(std::bit_cast<std::int32_t>(word));
                }
            }
            leaves.insert(leaves.end(), tree.leaves.begin(), tree.leaves.end());
        }
    }
    const auto count = [](const auto& values, std::size_t columns = 1) {
        return static_cast<py::ssize_t>(values.size() / columns);
    };
    return py::make_tuple(
        py::make_tuple(cascade.height, cascade.width), copied(features, {count(features, 4), 4}),
        copied(stage_sizes, {count(stage_sizes)}), copied(thresholds, {count(thresholds)}),
        copied(tree_sizes, {count(tree_sizes)}),
        copied(nodes, {count(nodes, kNodeNumbers), py::ssize_t{kNodeNumbers}}),
        copied(leaves, {count(leaves)}));
}

}  // namespace

void bind_cascade(py::module_& module) {
    py::register_exception<CascadeFormatError>(module, "CascadeFormatError", PyExc_ValueError);
    // A plain type, as type checkers take it to be.
    py::class_<Cascade>(module, "Cascade", py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type)),
                        kCascadeDoc)
        .def_static("from_arrays", &from_arrays, py::arg("window_size"), py::arg("features"),
                    py::arg("stage_sizes"), py::arg("thresholds"), py::arg("tree_sizes"),
                    py::arg("nodes"), py::arg("leaves"), kFromArraysDoc)
        .def("to_arrays", &cascade_arrays, kToArraysDoc)
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
               "Search an image for the object a cascade was trained on.");
    module.def("group_windows", &group, py::arg("windows"), py::arg("stages"), py::arg("scores"),
               py::kw_only(), py::arg("min_neighbors") = 3, "Group neighbouring windows.");
}

}  // namespace lvcore::bindings
