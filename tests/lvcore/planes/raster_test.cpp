#include "lvcore/planes/raster.hpp"

#include <vector>

#include "check.hpp"

namespace {

TEST(a_rectangle_covers_fractions_of_pixels) {
    const std::vector<double> points = {0.5, 0.25, 0.5, 2, 2, 2, 2, 0.25};
    const lvcore::FloatBuffer area = lvcore::contour_coverage(points, 2, 3);
    const std::vector<float> expected = {0.375F, 0.5F, 0, 0.75F, 1, 0};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK_NEAR(area.data()[i], expected[i], 1e-7);
    }
}

TEST(a_contour_far_outside_covers_all_or_nothing) {
    const std::vector<double> around = {-9e6, -9e6, -9e6, 9e6, 9e6, 9e6, 9e6, -9e6};
    const std::vector<double> beside = {5, 5, 5, 9, 9, 9, 9, 5};
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(lvcore::contour_coverage(around, 2, 3).data()[i] == 1.0F);
        CHECK(lvcore::contour_coverage(beside, 2, 3).data()[i] == 0.0F);
    }
    CHECK(lvcore::contour_coverage(around, 0, 3).size() == 0);
}

TEST(points_that_do_not_form_a_polygon_are_rejected) {
    const std::vector<double> two = {0, 0, 1, 1};
    const std::vector<double> far = {0, 0, 1, 1, 0, 2e7};
    const std::vector<double> nan = {0, 0, 1, 1, 0, std::nan("")};
    CHECK_THROWS(std::invalid_argument, "at least 3", lvcore::contour_coverage(two, 2, 2));
    CHECK_THROWS(std::invalid_argument, "finite", lvcore::contour_coverage(far, 2, 2));
    CHECK_THROWS(std::invalid_argument, "finite", lvcore::contour_coverage(nan, 2, 2));
}

}  // namespace
