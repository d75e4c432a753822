#include "lvcore/planes/separable.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::Edge;
using lvcore::SeparableFilter;

/// `rows` x `columns` pixels of value 10 r + c, so that linear filters give 10 r + c at any centre.
std::vector<float> ramp(std::size_t rows, std::size_t columns) {
    std::vector<float> pixels;
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            pixels.push_back(static_cast<float>(10 * r + c));
        }
    }
    return pixels;
}

TEST(both_axes_are_filtered_and_optionally_transposed) {
    const std::vector<float> pixels = ramp(3, 5);
    SeparableFilter filter;
    filter.assign({0.5, 1.0, 0, 2, 3}, {0.25, 0.5, 0, 7, 5}, Edge::nearest);
    std::vector<float> straight(14, -1.0F);
    std::vector<float> turned(14, -1.0F);
    filter.apply(pixels.data(), false, straight.data(), 7);
    filter.apply(pixels.data(), true, turned.data(), 2);
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t j = 0; j < 7; ++j) {
            const double expected =
                10 * (0.5 + static_cast<double>(i)) + 0.25 + 0.5 * static_cast<double>(j);
            CHECK_NEAR(straight[i * 7 + j], expected, 1e-5);
            CHECK_NEAR(turned[j * 2 + i], expected, 1e-5);
        }
    }
}

TEST(filters_longer_than_the_input_use_its_pixels_alone) {
    // A row of two pixels, 0 and 1, and filters that reach four pixels to either side.
    const std::vector<float> pixels = {0.0F, 1.0F};
    SeparableFilter filter;
    filter.assign({0.0, 1.0, 0, 1, 1}, {0.5, 4.0, 0, 1, 2}, Edge::zero);
    float out = -1.0F;
    filter.apply(pixels.data(), false, &out, 1);
    CHECK_NEAR(out, 0.5, 1e-6);
    filter.assign({0.0, 1.0, 0, 1, 1}, {0.0, 4.0, 0, 1, 2}, Edge::zero);
    filter.apply(pixels.data(), false, &out, 1);
    CHECK_NEAR(out, 0.75 / 1.75, 1e-6);
}

TEST(outputs_off_the_image_are_zero_and_nan_does_not_spread) {
    std::vector<float> pixels = ramp(2, 9);
    pixels[4] = std::numeric_limits<float>::quiet_NaN();
    SeparableFilter filter;
    filter.assign({-1.0, 1.0, 0, 4, 2}, {-2.0, 1.0, 0, 13, 9}, Edge::zero);
    std::vector<float> out(52, -1.0F);
    filter.apply(pixels.data(), false, out.data(), 13);
    for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 13; ++j) {
            const bool inside = i >= 1 && i < 3 && j >= 2 && j < 11;
            const float value = out[i * 13 + j];
            const float expected = inside ? pixels[(i - 1) * 9 + j - 2] : 0.0F;
            CHECK(value == expected || (std::isnan(value) && std::isnan(expected)));
        }
    }
}

}  // namespace
