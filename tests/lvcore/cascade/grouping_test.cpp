#include "lvcore/cascade/grouping.hpp"

#include <vector>

#include "check.hpp"

namespace {

using lvcore::Detection;

Detection window(std::int32_t x, std::int32_t y, std::int32_t side, std::uint32_t stages = 1,
                 double score = 0) {
    return {x, y, side, side, stages, 1, score};
}

TEST(chains_of_neighbours_form_one_group) {
    // 0.2 x 10 is 2: each window is a neighbour of the next one only.
    const std::vector<Detection> chain = {window(4, 0, 10), window(0, 0, 10, 3, -1.0),
                                          window(2, 1, 10, 3, -0.5), window(7, 0, 10)};
    const auto groups = lvcore::group_detections(chain, 2);
    CHECK(groups.size() == 1);
    CHECK(groups[0].x == 2 && groups[0].y == 0 && groups[0].width == 10);
    CHECK(groups[0].count == 3);
    CHECK(groups[0].stages == 3);
    CHECK_NEAR(groups[0].score, -0.5, 0);
    CHECK(lvcore::group_detections(chain, 3).empty());
    CHECK(lvcore::group_detections(chain, 0).size() == 4);
    CHECK(lvcore::group_detections({}, 1).empty());
}

TEST(a_group_inside_one_of_more_windows_is_dropped) {
    std::vector<Detection> windows(4, window(0, 0, 100));
    windows.resize(6, window(30, 30, 20));
    CHECK(lvcore::group_detections(windows, 1).size() == 1);
    windows.resize(8, window(30, 30, 20));  // as many as the outer one: both stay
    CHECK(lvcore::group_detections(windows, 1).size() == 2);
}

TEST(windows_are_clipped_at_the_edges) {
    std::vector<Detection> windows = {window(-2, 5, 10), window(15, 0, 10), window(20, 0, 10)};
    lvcore::clip_detections(windows, 12, 20);
    CHECK(windows.size() == 2);
    CHECK(windows[0].x == 0 && windows[0].width == 8 && windows[0].y == 5 &&
          windows[0].height == 7);
    CHECK(windows[1].x == 15 && windows[1].width == 5 && windows[1].height == 10);
}

}  // namespace
