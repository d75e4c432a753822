#include "lvcore/boosting/cascade_train.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "lvcore/boosting/code_matrix.hpp"

namespace {

using lvcore::Cascade;
using lvcore::CodeMatrix;
using lvcore::GentleBoost;
using lvcore::LbpFeature;
using lvcore::Miner;
using lvcore::MiningImage;
using lvcore::MiningOptions;
using lvcore::TreeOptions;

/// Pseudorandom pixels, the same in every run.
std::vector<std::uint8_t> scattered(std::size_t count, std::uint32_t seed) {
    std::vector<std::uint8_t> pixels(count);
    for (std::uint8_t& pixel : pixels) {
        seed = seed * 1664525U + 1013904223U;
        pixel = static_cast<std::uint8_t>(seed >> 24U);
    }
    return pixels;
}

const Cascade kPassesAll{5, 4, {}, {}};
const auto kNothing = [](std::size_t) {};

}  // namespace

TEST(code_matrix_holds_lbp_codes) {
    // More than a block of windows, and not a multiple of it.
    constexpr std::size_t kCount = 131;
    const auto windows = scattered(kCount * 8 * 9, 1);
    const std::vector<LbpFeature> features = lvcore::all_lbp_features(9, 8);
    const CodeMatrix codes(features, windows, 8, 9, 2);
    CHECK(codes.features() == features.size() && codes.windows() == kCount);
    for (std::size_t n = 0; n < kCount; ++n) {
        const auto integral = lvcore::integrate(std::span(windows).subspan(n * 72, 72), 8, 9);
        for (std::size_t f = 0; f < features.size(); ++f) {
            CHECK(codes.row(f)[n] ==
                  lvcore::lbp_code(integral.sums.data(), lvcore::lbp_corners(features[f], 10)));
        }
    }
}

TEST(code_matrix_of_bright_pixels_in_the_largest_window) {
    // 2^20 pixels of 255, except the very last, which is in the last block of the last feature
    // alone.
    std::vector<std::uint8_t> window(1024 * 1024, 255);
    window.back() = 254;
    const std::vector<LbpFeature> features = {{0, 0, 341, 341}, {1, 1, 341, 341}};
    const CodeMatrix codes(features, window, 1024, 1024, 1);
    CHECK(codes.row(0)[0] == 255);
    CHECK(codes.row(1)[0] == 255 - 8);
}

TEST(code_matrix_checks_its_arguments) {
    const std::vector<std::uint8_t> pixels(24);
    const std::vector<LbpFeature> inside = {{0, 0, 1, 1}};
    const std::vector<LbpFeature> outside = {{0, 2, 1, 1}};
    CHECK_THROWS(std::invalid_argument, "multiple of 16", CodeMatrix(inside, pixels, 4, 4, 1));
    CHECK_THROWS(std::invalid_argument, "inside", CodeMatrix(outside, pixels, 4, 3, 1));
    CHECK_THROWS(std::invalid_argument, "sides", CodeMatrix(inside, pixels, 0, 4, 1));
    CHECK_THROWS(std::invalid_argument, "sides", CodeMatrix(inside, pixels, 1, 2000, 1));
}

TEST(gentle_boost_by_hand) {
    // One feature; windows are flat (code 255) or bright in the centre (code 0).
    std::vector<std::uint8_t> windows(5 * 9, 10);
    for (const std::size_t bright : {2U, 4U}) {
        windows[bright * 9 + 4] = 20;
    }
    const std::vector<LbpFeature> features = {{0, 0, 1, 1}};
    const CodeMatrix codes(features, windows, 3, 3, 1);
    // Flat: positives of weight 1 and 3, negative of 1. Bright: positive of 1, negative of 4.
    GentleBoost boost(codes, 3, {1, 3, 1, 1, 4}, TreeOptions{1, 1.0, 1});
    CHECK_NEAR(boost.weights()[1], 0.3, 1e-15);
    const auto tree = boost.add();
    CHECK(tree && tree->nodes.size() == 1 && tree->leaves.size() == 2);
    // Means: bright (1 - 4) / 5, flat (4 - 1) / 5. The lower goes left, and so would codes without
    // samples if 0 were below the cut; here it is above.
    CHECK(lvcore::contains(tree->nodes[0].subset, 0));
    CHECK(!lvcore::contains(tree->nodes[0].subset, 255));
    CHECK(!lvcore::contains(tree->nodes[0].subset, 7));
    CHECK(tree->nodes[0].left == 0 && tree->nodes[0].right == -1);
    CHECK_NEAR(tree->leaves[0], -0.6, 1e-7);
    CHECK_NEAR(tree->leaves[1], 0.6, 1e-7);
    CHECK_NEAR(boost.scores()[0], 0.6, 1e-7);
    CHECK_NEAR(boost.scores()[4], -0.6, 1e-7);
    // Weights of right samples shrink by e^-0.6: 1 + 3 + 4; of wrong ones grow by e^0.6: 1 + 1.
    const double sum = 8 * std::exp(-0.6) + 2 * std::exp(0.6);
    CHECK_NEAR(boost.weights()[1], 3 * std::exp(-0.6) / sum, 1e-7);
    CHECK_NEAR(boost.weights()[2], std::exp(0.6) / sum, 1e-7);
}

TEST(codes_without_samples_count_as_mean_zero) {
    // Flat windows are all positive; windows bright in the centre are positive by 3 to 2.
    std::vector<std::uint8_t> windows(3 * 9, 10);
    windows[1 * 9 + 4] = 20;
    windows[2 * 9 + 4] = 20;
    const std::vector<LbpFeature> features = {{0, 0, 1, 1}};
    const CodeMatrix codes(features, windows, 3, 3, 1);
    GentleBoost boost(codes, 2, {5, 3, 2}, TreeOptions{1, 1.0, 1});
    const auto tree = boost.add();
    CHECK(tree && lvcore::contains(tree->nodes[0].subset, 0));
    CHECK(lvcore::contains(tree->nodes[0].subset, 7));
    CHECK(!lvcore::contains(tree->nodes[0].subset, 255));
}

TEST(gentle_boost_stops_if_no_feature_separates_the_classes) {
    const std::vector<std::uint8_t> windows(4 * 9, 10);
    const std::vector<LbpFeature> features = {{0, 0, 1, 1}};
    const CodeMatrix codes(features, windows, 3, 3, 1);
    GentleBoost boost(codes, 2, {1, 1, 1, 1}, TreeOptions{});
    CHECK(!boost.add());
}

TEST(gentle_boost_checks_its_arguments) {
    const std::vector<std::uint8_t> windows(2 * 9, 10);
    const std::vector<LbpFeature> features = {{0, 0, 1, 1}};
    const CodeMatrix codes(features, windows, 3, 3, 1);
    const auto with = [&](std::vector<double> weights, TreeOptions options) {
        return GentleBoost(codes, 1, std::move(weights), options);
    };
    CHECK_THROWS(std::invalid_argument, "one per window, 2, got 1", with({1}, {}));
    CHECK_THROWS(std::invalid_argument, "each class", with({1, 0}, {}));
    CHECK_THROWS(std::invalid_argument, "finite", with({1, NAN}, {}));
    CHECK_THROWS(std::invalid_argument, "finite", with({1, -1}, {}));
    CHECK_THROWS(std::invalid_argument, "depth", with({1, 1}, {0, 1.0, 1}));
    CHECK_THROWS(std::invalid_argument, "weight_trim", with({1, 1}, {1, 1.5, 1}));
}

TEST(miner_draws_every_window_once) {
    const auto pixels = scattered(6 * 7, 2);
    MiningOptions options;
    options.search.scale_factor = 3;  // one level
    Miner miner({{{pixels.data(), 6, 7}, {}}}, 4, 5, options);
    CHECK(miner.total() == 9);
    miner.draw(kPassesAll, 100, kNothing);
    CHECK(miner.drawn() == 9);
    CHECK_NEAR(miner.acceptance(), 1, 0);
    std::vector<std::string> expected;
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t column = 0; column < 3; ++column) {
            auto& window = expected.emplace_back();
            for (std::size_t r = 0; r < 4; ++r) {
                const auto* from = pixels.data() + (row + r) * 7 + column;
                window.append(from, from + 5);
            }
        }
    }
    const auto drawn = miner.windows();
    std::vector<std::string> got;
    for (std::size_t n = 0; n < 9; ++n) {
        got.emplace_back(drawn.begin() + static_cast<std::ptrdiff_t>(n * 20),
                         drawn.begin() + static_cast<std::ptrdiff_t>(n * 20 + 20));
    }
    CHECK(got != expected);  // in another order
    std::sort(got.begin(), got.end());
    std::sort(expected.begin(), expected.end());
    CHECK(got == expected);
}

TEST(miner_draws_a_prefix_of_one_order) {
    std::vector<std::vector<std::uint8_t>> pixels;
    std::vector<MiningImage> images;
    for (std::uint32_t i = 0; i < 5; ++i) {
        pixels.push_back(scattered(40 * 30, i));
    }
    for (const auto& image : pixels) {
        images.push_back({{image.data(), 40, 30}, {}});
    }
    MiningOptions options;
    options.threads = 3;
    Miner at_once(images, 4, 5, options);
    at_once.draw(kPassesAll, 600, kNothing);
    CHECK(at_once.drawn() == 600);
    options.threads = 1;
    Miner in_parts(images, 4, 5, options);
    for (const std::size_t count : {7U, 100U, 600U}) {
        in_parts.draw(kPassesAll, count, kNothing);
    }
    CHECK(in_parts.windows() == at_once.windows());
    options.seed = 1;
    Miner otherwise(images, 4, 5, options);
    otherwise.draw(kPassesAll, 600, kNothing);
    CHECK(otherwise.windows() != at_once.windows());
}
