#include "lvcore/cascade/cascade.hpp"

#include <limits>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::Cascade;
using lvcore::CascadeFormatError;
using lvcore::LbpSubset;

constexpr LbpSubset kNone{};

/// A 3 x 3 window whose only feature is the window itself, and two stages: a stump that tests for
/// code 0, and a tree that tests for code 0, then for code 1.
Cascade two_stages() {
    LbpSubset zero{};
    zero[0] = 1;
    LbpSubset one{};
    one[0] = 2;
    const lvcore::Stage first{{{{{0, zero, 0, -1}}, {-1.0F, 1.0F}}}, 0.5F};
    const lvcore::Stage second{{{{{0, zero, 0, 1}, {0, one, -1, -2}}, {4.0F, 8.0F, 16.0F}}}, 9.0F};
    return {3, 3, {{0, 0, 1, 1}}, {first, second}};
}

lvcore::CascadeResult run(const std::vector<std::uint8_t>& pixels, std::size_t first = 0) {
    const Cascade cascade = two_stages();
    lvcore::check_cascade(cascade);
    const lvcore::IntegralImage integral = lvcore::integrate(pixels, 3, 3);
    return evaluate(cascade, lvcore::cascade_corners(cascade, integral.stride),
                    integral.sums.data(), first);
}

TEST(windows_pass_through_stages_and_trees) {
    const std::vector<std::uint8_t> code_0 = {0, 0, 0, 0, 1, 0, 0, 0, 0};
    const std::vector<std::uint8_t> code_1 = {0, 0, 0, 1, 1, 0, 0, 0, 0};
    const std::vector<std::uint8_t> code_2 = {0, 0, 0, 0, 1, 0, 1, 0, 0};
    CHECK(run(code_0).stages_passed == 0);
    CHECK_NEAR(run(code_0).score, -1, 0);
    CHECK(run(code_0, 1).stages_passed == 1);
    CHECK_NEAR(run(code_0, 1).score, 4, 0);
    CHECK(run(code_1).stages_passed == 1);
    CHECK_NEAR(run(code_1).score, 8, 0);
    CHECK(run(code_2).stages_passed == 2);
    CHECK_NEAR(run(code_2).score, 16, 0);
}

TEST(a_sum_a_little_below_the_threshold_passes) {
    CHECK_NEAR((lvcore::Stage{{}, 1.0F}).pass_mark(), 0.99999, 1e-7);
}

TEST(invalid_cascades_are_rejected) {
    const auto refused = [](const char* part, const auto& spoil) {
        Cascade cascade = two_stages();
        spoil(cascade);
        CHECK_THROWS(CascadeFormatError, part, (lvcore::check_cascade(cascade), 0));
    };
    const float nan = std::numeric_limits<float>::quiet_NaN();
    refused("width: expected 3 to 1024, got 2", [](Cascade& c) { c.width = 2; });
    refused("height: expected 3 to 1024, got 1025", [](Cascade& c) { c.height = 1025; });
    refused("features", [](Cascade& c) { c.features.clear(); });
    refused("feature 0", [](Cascade& c) { c.features[0].x = 1; });
    refused("feature 0", [](Cascade& c) { c.features[0].y = -1; });
    refused("feature 0", [](Cascade& c) { c.features[0].width = 0; });
    refused("feature 0", [](Cascade& c) { c.features[0].height = 1 << 30; });
    refused("stages", [](Cascade& c) { c.stages.clear(); });
    refused("stage 1: threshold", [&](Cascade& c) { c.stages[1].threshold = nan; });
    refused("stage 1: trees", [](Cascade& c) { c.stages[1].trees.clear(); });
    refused("stage 1, tree 0: nodes", [](Cascade& c) { c.stages[1].trees[0].nodes.clear(); });
    refused("leaves: expected 3, got 4",
            [](Cascade& c) { c.stages[1].trees[0].leaves.push_back(0); });
    refused("stage 0, tree 0: leaf", [&](Cascade& c) { c.stages[0].trees[0].leaves[1] = nan; });
    refused("feature: expected below 1, got 1",
            [](Cascade& c) { c.stages[0].trees[0].nodes[0].feature = 1; });
    // A node must not lead backwards, to itself or beyond the leaves.
    refused("node 1", [](Cascade& c) { c.stages[1].trees[0].nodes[1].left = 1; });
    refused("node 0", [](Cascade& c) { c.stages[1].trees[0].nodes[0].right = 2; });
    refused("node 0", [](Cascade& c) { c.stages[0].trees[0].nodes[0].right = -2; });
}

TEST(subsets_contain_the_codes_whose_bits_are_set) {
    LbpSubset subset = kNone;
    subset[7] = 1U << 31U;
    subset[1] = 1;
    CHECK(lvcore::contains(subset, 255));
    CHECK(lvcore::contains(subset, 32));
    CHECK(!lvcore::contains(subset, 31));
    CHECK(!lvcore::contains(subset, 0));
}

}  // namespace
