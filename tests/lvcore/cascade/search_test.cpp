#include "lvcore/cascade/search.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::SearchOptions;
using lvcore::WindowSize;

TEST(scales_are_between_the_sizes_or_nearest_to_the_smallest) {
    const auto scales = [](const SearchOptions& options) {
        return lvcore::search_scales(100, 100, {10, 20}, options);
    };
    // The height of the window, 20, reaches that of the image at scale 5.
    CHECK(scales({.scale_factor = 2}) == std::vector<float>({1, 2, 4}));
    CHECK(scales({.scale_factor = 2, .min_size = {11, 0}}) == std::vector<float>({2, 4}));
    CHECK(scales({.scale_factor = 2, .max_size = WindowSize{100, 79}}) ==
          std::vector<float>({1, 2}));
    CHECK(scales({.scale_factor = 2, .min_size = {25, 50}, .max_size = WindowSize{25, 50}}) ==
          std::vector<float>({2}));
}

TEST(default_steps_are_those_of_opencv) {
    const SearchOptions every_fifth = {.step = 5};
    CHECK(every_fifth.step_at(1) == 5);
    CHECK(every_fifth.step_at(3) == 5);
    const SearchOptions as_opencv = {.step = 0};
    CHECK(as_opencv.step_at(1.99F) == 2);
    CHECK(as_opencv.step_at(2) == 1);
}

TEST(check_search_rejects_invalid_options) {
    const auto check = [](const SearchOptions& options) { lvcore::check_search(options); };
    check({.scale_factor = 1.005, .step = 1024});
    CHECK_THROWS(std::invalid_argument, "scale_factor", check({.scale_factor = 1.004}));
    CHECK_THROWS(std::invalid_argument, "scale_factor", check({.scale_factor = NAN}));
    CHECK_THROWS(std::invalid_argument, "scale_factor", check({.scale_factor = INFINITY}));
    CHECK_THROWS(std::invalid_argument, "step", check({.step = 1025}));
}

}  // namespace
