#include "lvcore/cascade/stumps.hpp"

#include <array>
#include <random>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::Instructions;
using lvcore::kLanes;

struct Result {
    unsigned passed;
    std::array<double, kLanes> sums;
};

Result evaluate(Instructions instructions, const lvcore::StumpStage& stage,
                const std::uint32_t* window, unsigned lanes) {
    Result result{};
    result.passed =
        lvcore::lane_sums(instructions)(stage, window, lanes, result.sums.data()) & lanes;
    return result;
}

TEST(all_versions_of_stumps_give_the_same_bits) {
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
            const auto portable = evaluate(Instructions::portable, stage, window, lanes);
            const auto best = evaluate(lvcore::best_instructions(), stage, window, lanes);
            CHECK(portable.passed == best.passed);
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                if (((lanes >> lane) & 1U) != 0) {
                    CHECK(portable.sums[lane] == best.sums[lane]);
                    CHECK((portable.sums[lane] >= 0.1) == (((portable.passed >> lane) & 1U) != 0));
                }
            }
        }
    }
}

}  // namespace
