#include "lvcore/cascade/cascade.hpp"

#include <cmath>
#include <string>

namespace lvcore {

namespace {

[[noreturn]] void fail(const std::string& place, const std::string& expected,
                       const std::string& got) {
    throw CascadeFormatError(place + ": expected " + expected + ", got " + got);
}

void check_count(const std::string& place, std::size_t count, std::size_t most) {
    if (count == 0 || count > most) {
        fail(place, "1 to " + std::to_string(most), std::to_string(count));
    }
}

void check_feature(const Cascade& cascade, std::size_t index) {
    const LbpFeature& f = cascade.features[index];
    const auto fits = [](std::int32_t start, std::int32_t size, std::uint32_t window) {
        return start >= 0 && size >= 1 &&
               std::int64_t{start} + 3 * std::int64_t{size} <= std::int64_t{window};
    };
    if (!fits(f.x, f.width, cascade.width) || !fits(f.y, f.height, cascade.height)) {
        fail("feature " + std::to_string(index), "3 x 3 blocks inside the window",
             std::to_string(f.x) + " " + std::to_string(f.y) + " " + std::to_string(f.width) + " " +
                 std::to_string(f.height));
    }
}

void check_tree(const Cascade& cascade, const Tree& tree, const std::string& place) {
    check_count(place + ": nodes", tree.nodes.size(), kMaxNodes);
    if (tree.leaves.size() != tree.nodes.size() + 1) {
        fail(place + ": leaves", std::to_string(tree.nodes.size() + 1),
             std::to_string(tree.leaves.size()));
    }
    for (const float leaf : tree.leaves) {
        if (!std::isfinite(leaf)) {
            fail(place + ": leaf", "a finite number", std::to_string(leaf));
        }
    }
    const auto nodes = static_cast<std::int32_t>(tree.nodes.size());
    for (std::int32_t i = 0; i < nodes; ++i) {
        const TreeNode& node = tree.nodes[static_cast<std::size_t>(i)];
        if (node.feature >= cascade.features.size()) {
            fail(place + ": feature", "below " + std::to_string(cascade.features.size()),
                 std::to_string(node.feature));
        }
        for (const std::int32_t next : {node.left, node.right}) {
            // A node leads only to later nodes, so every walk ends.
            if (next < -nodes || next >= nodes || (next > 0 && next <= i)) {
                fail(place + ": node " + std::to_string(i), "a later node or a leaf",
                     std::to_string(next));
            }
        }
    }
}

}  // namespace

void check_cascade(const Cascade& cascade) {
    for (const auto& [name, side] :
         {std::pair{"width", cascade.width}, std::pair{"height", cascade.height}}) {
        if (side < 3 || side > kMaxCascadeWindow) {
            fail(name, "3 to " + std::to_string(kMaxCascadeWindow), std::to_string(side));
        }
    }
    check_count("features", cascade.features.size(), kMaxFeatures);
    for (std::size_t i = 0; i < cascade.features.size(); ++i) {
        check_feature(cascade, i);
    }
    check_count("stages", cascade.stages.size(), kMaxStages);
    for (std::size_t s = 0; s < cascade.stages.size(); ++s) {
        const Stage& stage = cascade.stages[s];
        const std::string place = "stage " + std::to_string(s);
        if (!std::isfinite(stage.threshold)) {
            fail(place + ": threshold", "a finite number", std::to_string(stage.threshold));
        }
        check_count(place + ": trees", stage.trees.size(), kMaxTrees);
        for (std::size_t t = 0; t < stage.trees.size(); ++t) {
            check_tree(cascade, stage.trees[t], place + ", tree " + std::to_string(t));
        }
    }
}

CascadeResult evaluate(const Cascade& cascade, const std::vector<LbpCorners>& corners,
                       const std::uint32_t* window, std::size_t first) {
    double score = 0;
    for (std::size_t s = first; s < cascade.stages.size(); ++s) {
        const Stage& stage = cascade.stages[s];
        score = 0;
        for (const Tree& tree : stage.trees) {
            std::int32_t next = 0;
            do {
                const TreeNode& node = tree.nodes[static_cast<std::size_t>(next)];
                next = contains(node.subset, lbp_code(window, corners[node.feature])) ? node.left
                                                                                      : node.right;
            } while (next > 0);
            score += static_cast<double>(tree.leaves[static_cast<std::size_t>(-next)]);
        }
        if (score < static_cast<double>(stage.pass_mark())) {
            return {static_cast<std::uint32_t>(s), score};
        }
    }
    return {static_cast<std::uint32_t>(cascade.stages.size()), score};
}

std::vector<LbpCorners> cascade_corners(const Cascade& cascade, std::size_t stride) {
    std::vector<LbpCorners> corners;
    corners.reserve(cascade.features.size());
    for (const LbpFeature& feature : cascade.features) {
        corners.push_back(lbp_corners(feature, stride));
    }
    return corners;
}

}  // namespace lvcore
