#include "lvcore/planes/resample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::Edge;
using lvcore::ImageBatch;

/// Pixel (r, c) of image n holds 100 n + 10 r + c.
template <class Pixel>
std::vector<Pixel> ramp(std::size_t images, std::size_t rows, std::size_t columns) {
    std::vector<Pixel> pixels;
    for (std::size_t n = 0; n < images; ++n) {
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < columns; ++c) {
                pixels.push_back(static_cast<Pixel>(100 * n + 10 * r + c));
            }
        }
    }
    return pixels;
}

template <class Pixel>
void check_ramp_under(const std::vector<double>& map, std::size_t rows, std::size_t columns) {
    const auto pixels = ramp<Pixel>(2, 9, 8);
    const std::vector<std::int64_t> sources = {1};
    const auto out = lvcore::resample(ImageBatch<Pixel>{pixels.data(), 2, 9, 8},
                                      {map, sources, rows, columns, Edge::zero}, 2);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            const double y = static_cast<double>(r);
            const double x = static_cast<double>(c);
            const double row = map[0] * y + map[1] * x + map[2];
            const double column = map[3] * y + map[4] * x + map[5];
            CHECK_NEAR(out.data()[r * columns + c], 100 + 10 * row + column, 1e-4);
        }
    }
}

TEST(a_linear_image_is_reproduced_under_any_map) {
    const double cos = std::cos(0.3);
    const double sin = std::sin(0.3);
    for (const std::vector<double>& map : {
             std::vector<double>{1, 0, 2.25, 0, 1, 3.5},           // shift
             std::vector<double>{-0.5, 0, 6, 0, 0.75, 1},          // flip and zoom
             std::vector<double>{0, 1, 2, -1, 0, 6},               // quarter turn
             std::vector<double>{cos, -sin, 3, sin, cos, 2},       // rotation
             std::vector<double>{0.5, 0.25, 2, 0, 1, 1.5},         // shear
             std::vector<double>{1.2 * cos, -sin, 3, sin, cos, 2}  // rotation and shrinking
         }) {
        check_ramp_under<float>(map, 4, 3);
        check_ramp_under<std::uint8_t>(map, 4, 3);
        check_ramp_under<std::uint16_t>(map, 4, 3);
        check_ramp_under<std::int16_t>(map, 4, 3);
    }
}

TEST(edges_are_zero_or_nearest_under_rotation) {
    const auto pixels = ramp<float>(1, 3, 3);
    const ImageBatch<float> images{pixels.data(), 1, 3, 3};
    const std::vector<std::int64_t> sources = {0};
    const double h = std::numbers::sqrt2 / 2;
    // Outputs (0, 0), (0, 1), … go down and right from pixel (2, 2): to 2.35, on the image, then
    // off.
    const std::vector<double> map = {h / 2, h / 2, 2, -h / 2, h / 2, 2};
    const auto zero = lvcore::resample(images, {map, sources, 1, 3, Edge::zero}, 1);
    CHECK_NEAR(zero.data()[0], 22, 1e-5);
    CHECK_NEAR(zero.data()[1], 22, 1e-5);
    CHECK(zero.data()[2] == 0.0F);
    const auto nearest = lvcore::resample(images, {map, sources, 1, 3, Edge::nearest}, 1);
    CHECK_NEAR(nearest.data()[1], 22, 1e-5);
    CHECK_NEAR(nearest.data()[2], 22, 1e-5);
}

TEST(resampling_does_not_depend_on_threads) {
    const auto pixels = ramp<std::uint16_t>(1, 90, 70);
    const ImageBatch<std::uint16_t> images{pixels.data(), 1, 90, 70};
    // More outputs under one map than fit in a task, and a last one under another map.
    const std::vector<std::int64_t> sources(41, 0);
    for (const std::vector<double>& map : {std::vector<double>{0.7, 0, 3, 0, 0.9, 1},
                                           std::vector<double>{0.9, -0.4, 20, 0.4, 0.9, 5},
                                           std::vector<double>{2.5, -0.4, 0, 0.4, 2.5, 0}}) {
        std::vector<double> matrices;
        for (std::size_t n = 0; n < sources.size(); ++n) {
            matrices.insert(matrices.end(), map.begin(), map.end());
        }
        matrices.back() += 0.5;
        const lvcore::ResampleRequest request{matrices, sources, 100, 110, Edge::zero};
        const auto expected = lvcore::resample(images, request, 1);
        for (const std::size_t threads : {2U, 3U, 8U}) {
            std::vector<float> out(expected.size(), -1.0F);
            lvcore::resample_into(out, images, request, threads);
            CHECK(std::equal(out.begin(), out.end(), expected.data()));
        }
    }
}

TEST(far_maps_stay_within_the_image) {
    const auto pixels = ramp<std::int16_t>(1, 3, 3);
    const ImageBatch<std::int16_t> images{pixels.data(), 1, 3, 3};
    const std::vector<std::int64_t> sources = {0};
    for (const double far : {1e9, -1e9, 1e308, -1e308}) {
        for (const std::vector<double>& map :
             {std::vector<double>{1, 0, far, 0, 1, far}, std::vector<double>{0, 1, far, 1, 0, 0},
              std::vector<double>{1, 0.5, far, -0.5, 1, 0},
              std::vector<double>{1, 0.5, 0, 1e-6, 1, far}}) {
            const auto zero = lvcore::resample(images, {map, sources, 40, 5, Edge::zero}, 1);
            const auto nearest = lvcore::resample(images, {map, sources, 40, 5, Edge::nearest}, 1);
            for (std::size_t i = 0; i < 200; ++i) {
                CHECK(zero.data()[i] == 0.0F);
                CHECK(nearest.data()[i] >= 0.0F && nearest.data()[i] <= 22.0F);
            }
        }
    }
}

TEST(resample_rejects_invalid_arguments) {
    const auto pixels = ramp<float>(1, 3, 3);
    const ImageBatch<float> images{pixels.data(), 1, 3, 3};
    const std::vector<double> identity = {1, 0, 0, 0, 1, 0};
    const auto run = [&](std::vector<double> map, std::int64_t source, std::size_t rows = 2) {
        const std::vector<std::int64_t> sources = {source};
        return lvcore::resample(images, {map, sources, rows, 2, Edge::zero}, 1);
    };
    CHECK_THROWS(std::out_of_range, "sources", run(identity, 1));
    CHECK_THROWS(std::out_of_range, "sources", run(identity, -1));
    CHECK_THROWS(std::invalid_argument, "matrices", run({1, 0, 0}, 0));
    CHECK_THROWS(std::invalid_argument, "finite",
                 run({1, 0, std::numeric_limits<double>::infinity(), 0, 1, 0}, 0));
    CHECK_THROWS(std::invalid_argument, "4096", run({5000, 0, 0, 0, 1, 0}, 0));
    CHECK_THROWS(std::invalid_argument, "64", run({50, 50, 0, -50, 50, 0}, 0));
    CHECK_THROWS(std::invalid_argument, "shape", run(identity, 0, std::size_t{1} << 60));
    const std::vector<std::int64_t> first = {0};
    std::vector<float> three(3);
    CHECK_THROWS(std::invalid_argument, "out",
                 lvcore::resample_into(three, images, {identity, first, 2, 2, Edge::zero}, 1));
    const ImageBatch<float> no_pixels{pixels.data(), 1, 0, 3};
    CHECK_THROWS(std::invalid_argument, "images",
                 lvcore::resample(no_pixels, {identity, first, 2, 2, Edge::zero}, 1));
}

}  // namespace
