#include "lvcore/cascade/detection.hpp"

#include <random>
#include <tuple>
#include <vector>

#include "check.hpp"

namespace {

using lvcore::Cascade;
using lvcore::Detection;
using lvcore::DetectionOptions;

/// A cascade of one node whose windows all pass, all fail, or pass depending on their code.
Cascade one_question(std::uint32_t width, std::uint32_t height, float threshold) {
    const lvcore::LbpSubset half = {0xFFFFFFFFU, 0, 0xFFFFFFFFU, 0, 0xFFFFFFFFU, 0, 0xFFFFFFFFU, 0};
    // The feature that extends to the far corner of the window.
    const auto w = static_cast<std::int32_t>(width / 3);
    const auto h = static_cast<std::int32_t>(height / 3);
    const lvcore::LbpFeature feature{static_cast<std::int32_t>(width) - 3 * w,
                                     static_cast<std::int32_t>(height) - 3 * h, w, h};
    return {width, height, {feature}, {{{{{{0, half, 0, -1}}, {1.0F, -1.0F}}}, threshold}}};
}

std::vector<std::uint8_t> noise(std::size_t count) {
    std::mt19937 random(5);
    std::vector<std::uint8_t> pixels(count);
    for (std::uint8_t& pixel : pixels) {
        pixel = static_cast<std::uint8_t>(random());
    }
    return pixels;
}

TEST(detection_covers_every_position_and_size) {
    const std::vector<std::uint8_t> pixels = noise(70 * 70);
    for (const std::uint32_t width : {3U, 4U, 11U}) {
        for (const std::uint32_t height : {3U, 7U}) {
            const Cascade cascade = one_question(width, height, -5);
            for (std::size_t rows = 1; rows < 70; rows += 6) {
                for (std::size_t columns = 1; columns < 70; columns += 5) {
                    for (const std::size_t step : {1U, 2U, 3U, 100U}) {
                        DetectionOptions options;
                        options.search.scale_factor = 100;
                        options.search.step = step;
                        const auto found =
                            lvcore::detect({pixels.data(), rows, columns}, cascade, options, 1);
                        const std::size_t down = rows < height ? 0 : (rows - height) / step + 1;
                        const std::size_t across =
                            columns < width ? 0 : (columns - width) / step + 1;
                        CHECK(found.size() == down * across);
                    }
                }
            }
        }
    }
}

TEST(detection_does_not_depend_on_threads) {
    const std::vector<std::uint8_t> pixels = noise(200 * 150);
    const Cascade cascade = one_question(9, 10, 0);
    for (const std::size_t step : {0U, 1U}) {
        DetectionOptions options;
        options.search.step = step;
        const auto alone = lvcore::detect({pixels.data(), 200, 150}, cascade, options, 1);
        const auto many = lvcore::detect({pixels.data(), 200, 150}, cascade, options, 5);
        CHECK(alone.size() > 100);
        CHECK(alone.size() == many.size());
        const auto fields_of = [](const Detection& d) {
            return std::tuple(d.x, d.y, d.width, d.height, d.stages, d.count, d.score);
        };
        for (std::size_t i = 0; i < alone.size(); ++i) {
            CHECK(fields_of(alone[i]) == fields_of(many[i]));
        }
    }
}

TEST(detect_rejects_invalid_arguments) {
    const std::vector<std::uint8_t> pixels(9);
    const Cascade sound = one_question(3, 3, 0);
    const auto run = [&](const DetectionOptions& options) {
        return lvcore::detect({pixels.data(), 3, 3}, sound, options, 1);
    };
    CHECK_THROWS(std::invalid_argument, "image",
                 lvcore::detect({pixels.data(), 0, 3}, sound, {}, 1));
    CHECK_THROWS(std::invalid_argument, "scale_factor", run({.search = {.scale_factor = 1}}));
    CHECK_THROWS(std::invalid_argument, "step", run({.search = {.step = 1025}}));
    CHECK_THROWS(std::invalid_argument, "min_stages", run({.min_stages = 2}));
    Cascade unsound = sound;
    unsound.features[0].x = 1;
    CHECK_THROWS(lvcore::CascadeFormatError, "feature 0",
                 lvcore::detect({pixels.data(), 3, 3}, unsound, {}, 1));
}

}  // namespace
