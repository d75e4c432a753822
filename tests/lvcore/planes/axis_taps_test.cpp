#include "lvcore/planes/axis_taps.hpp"

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
    taps.assign({1.25, 1.0, 0, 2, 10}, Edge::zero);
    check_run(taps[0], 1, {0.75, 0.25});
    check_run(taps[1], 2, {0.75, 0.25});
    CHECK(taps.begin() == 1 && taps.end() == 4);
    taps.assign({3.0 + 1e-12, -1.0, 2, 1, 10}, Edge::zero);
    check_run(taps[0], 1, {1.0});
}

TEST(longer_steps_average_with_a_triangle) {
    AxisTaps taps;
    taps.assign({4.0, 2.0, 0, 1, 10}, Edge::zero);
    check_run(taps[0], 3, {0.25, 0.5, 0.25});
    // Halfway between pixels: distances 1/2 and 3/2 with a reach of 2.
    taps.assign({4.5, 2.0, 0, 1, 10}, Edge::zero);
    check_run(taps[0], 3, {0.125, 0.375, 0.375, 0.125});
}

TEST(longer_steps_balance_about_the_centre) {
    AxisTaps taps;
    for (const double step : {1.01, 1.25, 1.9, 2.7, 7.4}) {
        taps.assign({20.0, step, 0, 9, 100}, Edge::zero);
        for (std::size_t i = 0; i < taps.size(); ++i) {
            double sum = 0.0;
            double middle = 0.0;
            for (std::size_t t = 0; t < taps[i].weights.size(); ++t) {
                const double weight = static_cast<double>(taps[i].weights[t]);
                CHECK(weight >= 0.0);
                sum += weight;
                middle += weight * static_cast<double>(taps[i].first + t);
            }
            CHECK_NEAR(sum, 1.0, 1e-6);
            CHECK_NEAR(middle, 20.0 + step * static_cast<double>(i), 1e-5);
        }
    }
}

TEST(weights_outside_go_to_the_edge_pixel_or_to_all_pixels_inside) {
    AxisTaps taps;
    taps.assign({-0.25, 1.0, 0, 1, 3}, Edge::zero);
    check_run(taps[0], 0, {1.0});
    taps.assign({2.5, 2.0, 0, 1, 3}, Edge::zero);  // 0.125 and 0.375 of 0.5 inside
    check_run(taps[0], 1, {0.25, 0.75});
    taps.assign({2.5 + 1e-12, 2.0, 0, 1, 3}, Edge::zero);  // on the outer edge, within rounding
    CHECK(taps[0].weights.size() == 2);
    for (const double off : {-0.501, 2.501}) {
        taps.assign({off, 2.0, 0, 1, 3}, Edge::zero);
        check_run(taps[0], 0, {});
    }
    taps.assign({-0.25, 1.0, 0, 1, 3}, Edge::nearest);
    check_run(taps[0], 0, {1.0});
    taps.assign({2.5, 2.0, 0, 1, 3}, Edge::nearest);
    check_run(taps[0], 1, {0.125, 0.875});
    for (const double far : {-7.0, 50.0, 1e300, -1e300}) {
        taps.assign({far, 1.0, 0, 1, 3}, Edge::zero);
        check_run(taps[0], 0, {});
        CHECK(taps.begin() == taps.end());
        taps.assign({far, 1.0, 0, 1, 3}, Edge::nearest);
        check_run(taps[0], far < 0 ? 0 : 2, {1.0});
    }
    taps.assign({0.0, 4096.0, 0, 2, 1}, Edge::nearest);
    check_run(taps[0], 0, {1.0});
    check_run(taps[1], 0, {1.0});
}

}  // namespace
