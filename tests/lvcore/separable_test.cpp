#include "lvcore/separable.hpp"

#include <numeric>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::AxisTaps;
using lvcore::Edge;

void check_run(const AxisTaps::Run& run, std::size_t first, const std::vector<double>& weights) {
    CHECK(run.weights.size() == weights.size());
    CHECK(weights.empty() || run.first == first);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        CHECK_NEAR(run.weights[i], weights[i], 1e-7);
    }
}

TEST(unit_steps_interpolate_linearly_and_whole_pixels_need_one_tap) {
    AxisTaps taps;
    taps.assign(1.25, 1.0, 0, 2, 10, Edge::zero);
    check_run(taps[0], 1, {0.75, 0.25});
    check_run(taps[1], 2, {0.75, 0.25});
    CHECK(taps.begin() == 1 && taps.end() == 4);
    taps.assign(3.0 + 1e-12, -1.0, 2, 1, 10, Edge::zero);
    check_run(taps[0], 1, {1.0});
}

TEST(longer_steps_average_with_a_triangle) {
    AxisTaps taps;
    taps.assign(4.0, 2.0, 0, 1, 10, Edge::zero);
    check_run(taps[0], 3, {0.25, 0.5, 0.25});
    // Half way between pixels: distances 1/2 and 3/2 of a reach of 2.
    taps.assign(4.5, 2.0, 0, 1, 10, Edge::zero);
    check_run(taps[0], 3, {0.125, 0.375, 0.375, 0.125});
}

TEST(weights_outside_go_to_the_edge_pixel_or_are_dropped) {
    AxisTaps taps;
    taps.assign(-0.25, 1.0, 0, 1, 3, Edge::zero);
    check_run(taps[0], 0, {0.75});
    taps.assign(-0.25, 1.0, 0, 1, 3, Edge::nearest);
    check_run(taps[0], 0, {1.0});
    taps.assign(2.5, 2.0, 0, 1, 3, Edge::nearest);
    check_run(taps[0], 1, {0.125, 0.875});
    for (const double far : {-7.0, 50.0, 1e300, -1e300}) {
        taps.assign(far, 1.0, 0, 1, 3, Edge::zero);
        check_run(taps[0], 0, {});
        CHECK(taps.begin() == taps.end());
        taps.assign(far, 1.0, 0, 1, 3, Edge::nearest);
        check_run(taps[0], far < 0 ? 0 : 2, {1.0});
    }
    taps.assign(0.0, 4096.0, 0, 2, 1, Edge::nearest);
    check_run(taps[0], 0, {1.0});
    check_run(taps[1], 0, {1.0});
}

TEST(both_axes_are_filtered_and_turned_on_request) {
    // 3 x 5 pixels, value 10 r + c, so that linear filters give 10 r + c at any centre.
    std::vector<float> pixels;
    for (int r = 0; r < 3; ++r) {
        for (int c = 0; c < 5; ++c) {
            pixels.push_back(static_cast<float>(10 * r + c));
        }
    }
    AxisTaps rows;
    AxisTaps columns;
    rows.assign(0.5, 1.0, 0, 2, 3, Edge::nearest);
    columns.assign(0.25, 0.5, 0, 7, 5, Edge::nearest);
    lvcore::SeparableFilter filter;
    std::vector<float> straight(14, -1.0F);
    std::vector<float> turned(14, -1.0F);
    filter.apply(pixels.data(), 5, rows, columns, false, straight.data(), 7);
    filter.apply(pixels.data(), 5, rows, columns, true, turned.data(), 2);
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t j = 0; j < 7; ++j) {
            const double expected =
                10 * (0.5 + static_cast<double>(i)) + 0.25 + 0.5 * static_cast<double>(j);
            CHECK_NEAR(straight[i * 7 + j], expected, 1e-5);
            CHECK_NEAR(turned[j * 2 + i], expected, 1e-5);
        }
    }
}

}  // namespace
