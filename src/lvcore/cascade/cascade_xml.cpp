#include "lvcore/cascade/cascade_xml.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>
#include <utility>
#include <vector>

#include "lvcore/cascade/xml.hpp"

namespace lvcore {

namespace {

constexpr std::size_t kNodeNumbers = 3 + std::tuple_size_v<LbpSubset>;

[[noreturn]] void fail(const std::string& place, const std::string& expected,
                       const std::string& got) {
    throw CascadeFormatError(place + ": expected " + expected + ", got " + got);
}

/// An element and where it is, for messages.
class Node {
  public:
    Node(const std::vector<XmlElement>& elements, std::size_t index, std::string place)
        : elements_(&elements), index_(index), place_(std::move(place)) {}

    [[nodiscard]] const std::string& place() const { return place_; }
    [[nodiscard]] std::string_view text() const { return (*elements_)[index_].text; }

    /// The one child of that name.
    [[nodiscard]] Node child(const std::string& name) const {
        std::size_t found = 0;
        for (const std::size_t i : children()) {
            if ((*elements_)[i].name == name) {
                if (found != 0) {
                    fail(place_, "one " + name, "two");
                }
                found = i;
            }
        }
        if (found == 0) {
            fail(place_, "an element " + name, "none");
        }
        return {*elements_, found, place_.empty() ? name : place_ + ", " + name};
    }

    /// The items of a list, each named `item` and its number.
    [[nodiscard]] std::vector<Node> items(const std::string& item, std::size_t most) const {
        std::vector<Node> nodes;
        for (const std::size_t i : children()) {
            if ((*elements_)[i].name != "_") {
                fail(place_, "a list of <_>", quoted((*elements_)[i].name));
            }
            if (nodes.size() == most) {
                fail(place_, "at most " + std::to_string(most), "more");
            }
            nodes.emplace_back(*elements_, i, item + " " + std::to_string(nodes.size()));
        }
        return nodes;
    }

    [[nodiscard]] std::vector<std::int32_t> integers() const {
        std::vector<std::int32_t> numbers;
        const std::string_view all = text();
        const char* at = all.data();
        const char* const end = at + all.size();
        while (true) {
            at = std::find_if(
                at, end, [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
            if (at == end) {
                return numbers;
            }
            std::int32_t number = 0;
            const auto [next, error] = std::from_chars(at, end, number);
            const bool parted =
                next == end || *next == ' ' || *next == '\t' || *next == '\r' || *next == '\n';
            if (error != std::errc() || !parted) {
                fail(place_, "whole numbers of 32 bits",
                     quoted({at, static_cast<std::size_t>(end - at)}));
            }
            numbers.push_back(number);
            at = next;
        }
    }

    [[nodiscard]] std::int32_t integer() const {
        const std::vector<std::int32_t> numbers = integers();
        if (numbers.size() != 1) {
            fail(place_, "one number", std::to_string(numbers.size()));
        }
        return numbers.front();
    }

    /// Numbers in double precision, then single: as OpenCV reads them.
    [[nodiscard]] std::vector<float> reals() const {
        std::vector<float> numbers;
        std::istringstream in{std::string(text())};
        in.imbue(std::locale::classic());
        double number = 0;
        while (!(in >> std::ws).eof()) {
            if (!(in >> number) ||
                !(std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max()))) {
                fail(place_, "numbers", quoted(text()));
            }
            numbers.push_back(static_cast<float>(number));
        }
        return numbers;
    }

    void must_say(std::string_view expected) const {
        if (text() != expected) {
            fail(place_, std::string(expected), quoted(text()));
        }
    }

  private:
    [[nodiscard]] std::vector<std::size_t> children() const {
        std::vector<std::size_t> indices;
        for (std::size_t i = (*elements_)[index_].first_child; i != 0; i = (*elements_)[i].next) {
            indices.push_back(i);
        }
        return indices;
    }

    const std::vector<XmlElement>* elements_;
    std::size_t index_;
    std::string place_;
};

std::uint32_t unsigned_integer(const Node& node) {
    const std::int32_t number = node.integer();
    if (number < 0) {
        fail(node.place(), "0 or more", std::to_string(number));
    }
    return static_cast<std::uint32_t>(number);
}

Tree read_tree(const Node& node) {
    const Node inner = node.child("internalNodes");
    const std::vector<std::int32_t> numbers = inner.integers();
    if (numbers.empty() || numbers.size() % kNodeNumbers != 0 ||
        numbers.size() / kNodeNumbers > kMaxNodes) {
        fail(inner.place(), "11 numbers for each of 1 to " + std::to_string(kMaxNodes) + " nodes",
             std::to_string(numbers.size()) + " numbers");
    }
    Tree tree;
    for (std::size_t i = 0; i < numbers.size(); i += kNodeNumbers) {
        if (numbers[i + 2] < 0) {
            fail(inner.place(), "a feature of 0 or more", std::to_string(numbers[i + 2]));
        }
        TreeNode& next = tree.nodes.emplace_back();
        next.left = numbers[i];
        next.right = numbers[i + 1];
        next.feature = static_cast<std::uint32_t>(numbers[i + 2]);
        for (std::size_t word = 0; word < next.subset.size(); ++word) {
            next.subset[word] = std::bit_cast<std::uint32_t>(numbers[i + 3 + word]);
        }
    }
    tree.leaves = node.child("leafValues").reals();
    return tree;
}

Stage read_stage(const Node& node) {
    const Node threshold = node.child("stageThreshold");
    const std::vector<float> thresholds = threshold.reals();
    if (thresholds.size() != 1) {
        fail(threshold.place(), "one number", std::to_string(thresholds.size()));
    }
    Stage stage{{}, thresholds.front()};
    for (const Node& tree :
         node.child("weakClassifiers").items(node.place() + ", tree", kMaxTrees)) {
        stage.trees.push_back(read_tree(tree));
    }
    return stage;
}

LbpFeature read_feature(const Node& node) {
    const Node rect = node.child("rect");
    const std::vector<std::int32_t> numbers = rect.integers();
    if (numbers.size() != 4) {
        fail(rect.place(), "four numbers", std::to_string(numbers.size()));
    }
    return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

/// How many questions a tree asks at most.
std::size_t depth_of(const Tree& tree) {
    std::vector<std::size_t> depths(tree.nodes.size(), 1);
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
        for (const std::int32_t next : {tree.nodes[i].left, tree.nodes[i].right}) {
            if (next > 0) {
                depths[static_cast<std::size_t>(next)] = depths[i] + 1;
            }
        }
    }
    return *std::max_element(depths.begin(), depths.end());
}

/// Every bit of the number, with a point, so that it is read as no integer.
std::string real_text(float number) {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out.precision(std::numeric_limits<double>::max_digits10);
    out << static_cast<double>(number);
    std::string text = out.str();
    return text.find_first_of(".e") == std::string::npos ? text + "." : text;
}

void write_tree(std::ostringstream& out, const Tree& tree) {
    out << "        <_>\n          <internalNodes>";
    for (const TreeNode& node : tree.nodes) {
        out << "\n            " << node.left << " " << node.right << " " << node.feature;
        for (const std::uint32_t word : node.subset) {
            out << " " << std::bit_cast<std::int32_t>(word);
        }
    }
    out << "</internalNodes>\n          <leafValues>\n           ";
    for (const float leaf : tree.leaves) {
        out << " " << real_text(leaf);
    }
    out << "</leafValues></_>\n";
}

}  // namespace

Cascade read_cascade(std::string_view xml) {
    const std::vector<XmlElement> elements =
        read_xml(xml, {kMaxXmlSize, kMaxXmlElements, kMaxXmlDepth});
    if (elements.front().name != "opencv_storage" || elements.front().first_child == 0) {
        fail("XML", "opencv_storage with a cascade", quoted(elements.front().name));
    }
    // OpenCV takes the first element, whatever its name.
    const Node root(elements, elements.front().first_child, "cascade");
    root.child("stageType").must_say("BOOST");
    root.child("featureType").must_say("LBP");
    root.child("featureParams").child("maxCatCount").must_say("256");
    Cascade cascade{
        unsigned_integer(root.child("width")), unsigned_integer(root.child("height")), {}, {}};
    for (const Node& stage : root.child("stages").items("stage", kMaxStages)) {
        cascade.stages.push_back(read_stage(stage));
    }
    for (const Node& feature : root.child("features").items("feature", kMaxFeatures)) {
        cascade.features.push_back(read_feature(feature));
    }
    check_cascade(cascade);
    return cascade;
}

std::string write_cascade(const Cascade& cascade) {
    check_cascade(cascade);
    std::size_t most_trees = 0;
    std::size_t depth = 0;
    for (const Stage& stage : cascade.stages) {
        most_trees = std::max(most_trees, stage.trees.size());
        for (const Tree& tree : stage.trees) {
            depth = std::max(depth, depth_of(tree));
        }
    }
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << "<?xml version=\"1.0\"?>\n<opencv_storage>\n"
        << "<cascade type_id=\"opencv-cascade-classifier\">\n"
        << "  <stageType>BOOST</stageType>\n  <featureType>LBP</featureType>\n"
        << "  <height>" << cascade.height << "</height>\n  <width>" << cascade.width << "</width>\n"
        << "  <stageParams>\n    <maxDepth>" << depth << "</maxDepth>\n    <maxWeakCount>"
        << most_trees << "</maxWeakCount></stageParams>\n"
        << "  <featureParams>\n    <maxCatCount>256</maxCatCount></featureParams>\n"
        << "  <stageNum>" << cascade.stages.size() << "</stageNum>\n  <stages>\n";
    for (std::size_t s = 0; s < cascade.stages.size(); ++s) {
        const Stage& stage = cascade.stages[s];
        out << "    <!-- stage " << s << " -->\n    <_>\n      <maxWeakCount>" << stage.trees.size()
            << "</maxWeakCount>\n      <stageThreshold>" << real_text(stage.threshold)
            << "</stageThreshold>\n      <weakClassifiers>\n";
        for (const Tree& tree : stage.trees) {
            write_tree(out, tree);
        }
        out << "      </weakClassifiers></_>\n";
    }
    out << "  </stages>\n  <features>\n";
    for (const LbpFeature& feature : cascade.features) {
        out << "    <_>\n      <rect>\n        " << feature.x << " " << feature.y << " "
            << feature.width << " " << feature.height << "</rect></_>\n";
    }
    out << "  </features></cascade>\n</opencv_storage>\n";
    return out.str();
}

}  // namespace lvcore
