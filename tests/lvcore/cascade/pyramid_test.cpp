#include "lvcore/cascade/pyramid.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"

namespace {

std::vector<std::uint8_t> resized(const std::vector<std::uint8_t>& pixels, std::size_t rows,
                                  std::size_t columns, std::size_t new_rows,
                                  std::size_t new_columns) {
    const auto row_taps = lvcore::linear_taps(rows, new_rows);
    const auto column_taps = lvcore::linear_taps(columns, new_columns);
    std::vector<std::uint8_t> band(new_rows * new_columns);
    std::vector<std::uint16_t> scratch(columns + 1);
    lvcore::resize_band({pixels.data(), rows, columns}, row_taps, column_taps, 0, new_rows, scratch,
                        band.data());
    return band;
}

TEST(halving_averages_four_pixels) {
    // (1 + 2 + 5 + 6) / 4 = 3.5 and (3 + 4 + 7 + 255) / 4 = 67.25
    const std::vector<std::uint8_t> expected = {4, 67};
    CHECK(resized({1, 2, 3, 4, 5, 6, 7, 255}, 2, 4, 1, 2) == expected);
}

TEST(resizing_interpolates_between_neighbours) {
    // 4 pixels to 3: centres at 1/6, 3/2 and 17/6; weights of the next 43, 128 and 213 / 256.
    const std::vector<std::uint8_t> expected = {17, 150, 233};
    CHECK(resized({0, 100, 200, 240}, 1, 4, 1, 3) == expected);
    CHECK(resized({9}, 1, 1, 1, 1) == std::vector<std::uint8_t>{9});
}

TEST(resizing_to_the_same_size_copies) {
    const std::vector<std::uint8_t> pixels = {0, 255, 3, 128, 7, 1};
    CHECK(resized(pixels, 2, 3, 2, 3) == pixels);
    CHECK(resized(pixels, 3, 2, 3, 2) == pixels);
}

TEST(floats_are_scaled_to_bytes) {
    const std::vector<float> floats = {-1.0F, 0.0F, 1.0F, -0.9F};
    const std::vector<std::uint8_t> expected = {0, 128, 255, 13};
    CHECK(lvcore::to_bytes(floats) == expected);
    const std::vector<float> flat(3, 1e30F);
    CHECK(lvcore::to_bytes(flat) == std::vector<std::uint8_t>(3, 0));
    const float most = std::numeric_limits<float>::max();
    const std::vector<float> far = {-most, most};
    CHECK(lvcore::to_bytes(far) == std::vector<std::uint8_t>({0, 255}));
    const std::vector<float> bad = {0.0F, std::nanf("")};
    CHECK_THROWS(std::invalid_argument, "finite", lvcore::to_bytes(bad));
}

}  // namespace
