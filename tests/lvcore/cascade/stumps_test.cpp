#include "lvcore/cascade/stumps.hpp"

#include <array>
#include <random>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::kLanes;

TEST(every_way_to_evaluate_stumps_gives_the_same_bits) {
    std::mt19937 random(1);
    const auto below = [&](std::uint32_t end) {
        return static_cast<std::uint32_t>(random()) % end;
    };
    constexpr std::size_t kColumns = 61;
    // Few grey values, so that blocks are often equal.
    for (const std::uint32_t greys : {2U, 256U}) {
        std::vector<std::uint8_t> pixels(50 * kColumns);
        for (std::uint8_t& pixel : pixels) {
            pixel = static_cast<std::uint8_t>(below(greys));
        }
        const lvcore::IntegralImage integral = lvcore::integrate(pixels, 50, kColumns);
        for (int trial = 0; trial < 200; ++trial) {
            lvcore::StumpStage stage{{}, 0.1};
            for (std::uint32_t i = below(12) + 1; i > 0; --i) {
                const auto size = [&] { return static_cast<std::int32_t>(below(8) + 1); };
                lvcore::Stump stump{};
                stump.corners =
                    lvcore::lbp_corners({static_cast<std::int32_t>(below(10)),
                                         static_cast<std::int32_t>(below(10)), size(), size()},
                                        integral.stride);
                for (std::uint32_t& word : stump.subset) {
                    word = static_cast<std::uint32_t>(random());
                }
                stump.inside = static_cast<double>(below(1000)) / 999.0 - 0.5;
                stump.outside = static_cast<double>(below(1000)) / 999.0 - 0.5;
                stage.stumps.push_back(stump);
            }
            const std::uint32_t* window =
                integral.sums.data() + below(15) * integral.stride + below(10);
            const unsigned lanes = below(255) + 1;
            std::array<double, kLanes> portable{};
            std::array<double, kLanes> fastest{};
            const unsigned passed =
                lvcore::portable_lane_sums(stage, window, lanes, portable.data());
            const unsigned also =
                lvcore::fastest_lane_sums()(stage, window, lanes, fastest.data()) & lanes;
            CHECK(passed == also);
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                if (((lanes >> lane) & 1U) != 0) {
                    CHECK(portable[lane] == fastest[lane]);
                    CHECK((portable[lane] >= 0.1) == (((passed >> lane) & 1U) != 0));
                }
            }
        }
    }
}

}  // namespace
