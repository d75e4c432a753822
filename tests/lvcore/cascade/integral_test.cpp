#include "lvcore/cascade/integral.hpp"

#include <vector>

#include "check.hpp"

namespace {

using lvcore::LbpFeature;

TEST(entries_are_sums_of_the_pixels_above_and_left) {
    const std::vector<std::uint8_t> pixels = {1, 2, 3, 4, 5, 255};
    const lvcore::IntegralImage integral = lvcore::integrate(pixels, 2, 3);
    const std::vector<std::uint32_t> expected = {0, 0, 0, 0, 0, 1, 3, 6, 0, 5, 12, 270};
    CHECK(integral.stride == 4);
    CHECK(integral.sums == expected);
}

TEST(integrate_rejects_wrong_sizes) {
    const std::vector<std::uint8_t> pixels(6);
    CHECK_THROWS(std::invalid_argument, "image: expected 8 pixels, got 6",
                 lvcore::integrate(pixels, 2, 4));
    CHECK_THROWS(std::invalid_argument, "image", lvcore::integrate(pixels, 0, 6));
    CHECK_THROWS(std::invalid_argument, "image", lvcore::integrate(pixels, 6, 0));
}

/// The code of 3 x 3 blocks with these values; each block is 2 x 1 pixels, at (1, 1).
int code_of(const std::vector<int>& blocks) {
    std::vector<std::uint8_t> pixels(8 * 5, 77);
    for (std::size_t i = 0; i < 9; ++i) {
        const std::size_t at = (1 + i / 3) * 8 + 1 + 2 * (i % 3);
        pixels[at] = static_cast<std::uint8_t>(blocks[i] / 2);
        pixels[at + 1] = static_cast<std::uint8_t>(blocks[i] - blocks[i] / 2);
    }
    const lvcore::IntegralImage integral = lvcore::integrate(pixels, 5, 8);
    const LbpFeature feature{1, 1, 2, 1};
    return lvcore::lbp_code(integral.sums.data(), lvcore::lbp_corners(feature, integral.stride));
}

TEST(bits_go_clockwise_from_the_top_left) {
    const std::vector<std::size_t> clockwise = {0, 1, 2, 5, 8, 7, 6, 3};
    for (std::size_t i = 0; i < 8; ++i) {
        std::vector<int> blocks(9, 10);
        blocks[4] = 11;
        CHECK(code_of(blocks) == 0);
        blocks[clockwise[i]] = 11;  // equal to the centre is enough
        CHECK(code_of(blocks) == 128 >> i);
        blocks[clockwise[i]] = 500;
        CHECK(code_of(blocks) == 128 >> i);
    }
    CHECK(code_of(std::vector<int>(9, 0)) == 255);
}

TEST(features_have_every_position_and_size) {
    // Blocks of w have 25 - 3 w positions along 24 pixels: 22 + 19 + ... + 1 = 92 on each axis.
    CHECK(lvcore::all_lbp_features(24, 24).size() == 92 * 92);
    CHECK(lvcore::all_lbp_features(3, 3) == std::vector<LbpFeature>({{0, 0, 1, 1}}));
    CHECK(lvcore::all_lbp_features(2, 9).empty());
    const std::vector<LbpFeature> expected = {
        {0, 0, 1, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 1, 1}};
    CHECK(lvcore::all_lbp_features(4, 4) == expected);
}

}  // namespace
