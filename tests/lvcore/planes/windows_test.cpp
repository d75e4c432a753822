#include "lvcore/planes/windows.hpp"

#include <cmath>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::CineView;
using lvcore::Edge;
using lvcore::Normalise;
using lvcore::WindowRequest;

/// 2 slices x 3 phases of 6 x 7 pixels with values 1000 slice + 100 phase + 10 row + column.
std::vector<float> cine() {
    std::vector<float> pixels;
    for (int z = 0; z < 2; ++z) {
        for (int t = 0; t < 3; ++t) {
            for (int r = 0; r < 6; ++r) {
                for (int c = 0; c < 7; ++c) {
                    pixels.push_back(static_cast<float>(1000 * z + 100 * t + 10 * r + c));
                }
            }
        }
    }
    return pixels;
}

struct Request {
    std::vector<std::int64_t> slices = {1};
    std::vector<double> squares = {2, 3, 2};
    std::vector<std::int64_t> phases = {2, 0};
    std::size_t phases_per_window = 2;
    std::size_t size = 2;
    Normalise normalise = Normalise::none;
    Edge edge = Edge::nearest;

    [[nodiscard]] lvcore::FloatBuffer run() const {
        const auto pixels = cine();
        return lvcore::extract_windows(
            CineView{pixels.data(), 2, 3, 6, 7},
            WindowRequest{slices, squares, phases, phases_per_window, size, normalise, edge}, 2);
    }
};

void check_values(const lvcore::FloatBuffer& got, const std::vector<double>& expected) {
    CHECK(got.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK_NEAR(got.data()[i], expected[i], 1e-4);
    }
}

TEST(a_window_of_its_own_size_is_a_copy) {
    check_values(Request{}.run(), {1223, 1224, 1233, 1234, 1023, 1024, 1033, 1034});
}

TEST(each_window_may_have_its_own_phases) {
    Request request{.slices = {0, 1}, .squares = {0, 0, 1, 5, 6, 1}, .phases = {1, 2}};
    request.phases_per_window = 1;
    request.size = 1;
    check_values(request.run(), {100, 1256});
}

TEST(shrinking_windows_are_averaged) {
    // Side 4 to 1: the centre is at edge 3, index 2.5, and 10 r + c is linear.
    Request request{.squares = {1, 2, 3}, .phases = {0}};
    request.phases_per_window = 1;
    request.size = 1;
    check_values(request.run(), {1000 + 20 + 3});
}

TEST(normalisation_follows_its_definition) {
    Request request{.normalise = Normalise::mean};
    // Mean over both phases: (1228.5 + 1028.5) / 2.
    check_values(request.run(), {94.5, 95.5, 104.5, 105.5, -105.5, -104.5, -95.5, -94.5});
    request.normalise = Normalise::mean_std;
    // Deviations -5.5, -4.5, 4.5, 5.5: variance (30.25 + 20.25) / 2 = 25.25.
    const double s = std::sqrt(25.25);
    check_values(request.run(),
                 {-5.5 / s, -4.5 / s, 4.5 / s, 5.5 / s, -5.5 / s, -4.5 / s, 4.5 / s, 5.5 / s});
    request.squares = {2, 3, 1e-9};
    request.normalise = Normalise::mean_std;
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK_NEAR(request.run().data()[i], 0, 0.05);
    }
}

TEST(pixels_outside_are_zero_or_the_nearest) {
    Request request{.slices = {0}, .squares = {-1, 6, 2}, .phases = {1}};
    request.phases_per_window = 1;
    check_values(request.run(), {106, 106, 106, 106});
    request.edge = Edge::zero;
    check_values(request.run(), {0, 0, 106, 0});
    request.squares = {-1e300, 1e300, 8000};
    check_values(request.run(), {0, 0, 0, 0});
}

TEST(halves_are_the_floats_rounded) {
    const Request request;
    const auto pixels = cine();
    const WindowRequest windows{
        request.slices, request.squares,   request.phases, request.phases_per_window,
        request.size,   request.normalise, request.edge};
    const CineView images{pixels.data(), 2, 3, 6, 7};
    std::vector<lvcore::Half> halves(8);
    lvcore::extract_windows_into(std::span(halves), images, windows, 1);
    // Halves are 1 apart from 1024 (0x6400) to 2048, and 1/2 apart below.
    const std::vector<std::uint16_t> expected = {0x64c7, 0x64c8, 0x64d1, 0x64d2,
                                                 0x63fe, 0x6400, 0x6409, 0x640a};
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK(halves[i].bits == expected[i]);
    }
    halves.resize(7);
    CHECK_THROWS(std::invalid_argument, "out",
                 lvcore::extract_windows_into(std::span(halves), images, windows, 1));
}

TEST(windows_are_proposed_around_a_square) {
    const std::vector<double> square = {10, 20, 8};
    const std::vector<double> factors = {1, 0.25};
    const auto propose = [&](lvcore::WindowGrid grid, std::optional<lvcore::Extent> inside) {
        return lvcore::propose_windows(std::span<const double, 3>(square.data(), 3), grid, inside);
    };
    CHECK(
        (propose({factors, 1, 0.5, 4}, std::nullopt) == std::vector<double>{10, 20, 8, 12, 22, 4}));
    CHECK((propose({factors, 2, 0.25, 0}, lvcore::Extent{18, 24}) ==
           std::vector<double>{11, 21, 2, 15, 21, 2}));
    CHECK_THROWS(std::invalid_argument, "moves", propose({factors, 0, 0.5, 4}, std::nullopt));
    CHECK_THROWS(std::invalid_argument, "reach", propose({factors, 1, -0.5, 4}, std::nullopt));
}

TEST(extract_windows_rejects_invalid_arguments) {
    const double nan = std::nan("");
    CHECK_THROWS(std::out_of_range, "slices", Request{.slices = {2}}.run());
    CHECK_THROWS(std::out_of_range, "slices", Request{.slices = {-1}}.run());
    CHECK_THROWS(std::out_of_range, "phases", (Request{.phases = {0, 3}}.run()));
    CHECK_THROWS(std::invalid_argument, "phases", (Request{.phases = {0, 1, 2}}.run()));
    CHECK_THROWS(std::invalid_argument, "squares", (Request{.squares = {0, 0}}.run()));
    for (const std::vector<double>& square :
         {std::vector<double>{0, 0, 0}, {0, 0, -1}, {nan, 0, 1}, {0, 0, nan}, {0, 0, 8193}}) {
        CHECK_THROWS(std::invalid_argument, "squares", Request{.squares = square}.run());
    }
    Request none;
    none.size = 0;
    CHECK_THROWS(std::invalid_argument, "size", none.run());
}

}  // namespace
