#include "lvcore/networks/convolution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "lvcore/networks/upsampling.hpp"
#include "networks/layers.hpp"

namespace {

using lvcore::Activation;
using lvcore::Convolution;
using lvcore::FeatureMap;
using lvcore::Instructions;
using lvcore::MapView;
using networks::kAll;
using networks::Layer;
using networks::random_floats;
using networks::random_layer;

/// One output by the definition, with zeros outside the map.
double expected_at(const Layer& layer, MapView<const float> in, std::size_t rows,
                   std::size_t columns, std::size_t y, std::size_t x, std::size_t o) {
    double sum = static_cast<double>(layer.bias[o]);
    const std::size_t border = layer.kernel / 2;
    for (std::size_t i = 0; i < layer.channels_in; ++i) {
        for (std::size_t ky = 0; ky < layer.kernel; ++ky) {
            for (std::size_t kx = 0; kx < layer.kernel; ++kx) {
                const std::size_t from_y = y + ky - border;  // wraps around if negative
                const std::size_t from_x = x + kx - border;
                if (from_y < rows && from_x < columns) {
                    const std::size_t place =
                        ((o * layer.channels_in + i) * layer.kernel + ky) * layer.kernel + kx;
                    sum += static_cast<double>(layer.weights[place]) *
                           static_cast<double>(in.at(from_y, from_x)[i]);
                }
            }
        }
    }
    return sum;
}

void check_convolution(std::size_t rows, std::size_t columns, std::size_t in, std::size_t out,
                       std::size_t kernel, Activation activation, Instructions instructions) {
    std::mt19937 random(static_cast<unsigned>(rows + 10 * columns + 100 * in + 1000 * out));
    const Layer layer = random_layer(out, in, kernel, random);
    const Convolution convolution("layer", layer.view(), activation, instructions);
    // One more channel than is read and written on either side.
    FeatureMap source(rows, columns, in + 2, convolution.border());
    FeatureMap target(rows, columns, out + 2, 1);
    const MapView<float> given = source.view().from_channel(1);
    const MapView<float> made = target.view();
    constexpr float kUntouched = -77.0F;
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            const std::vector<float> pixel = random_floats(in, random);
            std::copy(pixel.begin(), pixel.end(), given.at(y, x));
            given.at(y, x)[in] = std::numeric_limits<float>::quiet_NaN();
            std::fill_n(made.at(y, x), out + 2, kUntouched);
        }
    }
    std::vector<float> scratch(convolution.scratch_size());
    convolution.apply(given, rows, columns, made.from_channel(1), scratch.data());
    const double tolerance = 2e-6 * std::sqrt(static_cast<double>(in * kernel * kernel)) + 1e-6;
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            CHECK(made.at(y, x)[0] == kUntouched);
            CHECK(made.at(y, x)[out + 1] == kUntouched);
            for (std::size_t o = 0; o < out; ++o) {
                double expected = expected_at(layer, given, rows, columns, y, x, o);
                if (activation == Activation::relu) {
                    expected = std::max(expected, 0.0);
                }
                CHECK_NEAR(made.at(y, x)[o + 1], expected, 10 * tolerance);
            }
        }
    }
}

TEST(convolutions_follow_their_definition) {
    for (const Instructions instructions : kAll) {
        if (!lvcore::available(instructions)) {
            continue;
        }
        for (const std::size_t kernel : {1U, 3U, 5U}) {
            for (const std::size_t out : {1U, 2U, 4U, 5U, 8U, 11U, 16U, 17U, 32U, 37U, 64U}) {
                check_convolution(3, 7, 3, out, kernel, Activation::relu, instructions);
            }
            for (const std::size_t columns : {1U, 2U, 6U, 12U, 13U, 15U, 25U, 29U}) {
                check_convolution(2, columns, 4, 18, kernel, Activation::none, instructions);
                check_convolution(5, columns, 1, 3, kernel, Activation::relu, instructions);
            }
        }
        check_convolution(12, 12, 64, 64, 3, Activation::relu, instructions);
        check_convolution(24, 25, 6, 32, 5, Activation::relu, instructions);
        // With tiles: channels that do and do not fill vectors, tiles that do and do not fill a
        // batch.
        check_convolution(16, 16, 32, 64, 3, Activation::relu, instructions);
        check_convolution(4, 4, 16, 16, 3, Activation::none, instructions);
        check_convolution(8, 20, 23, 39, 3, Activation::none, instructions);
        check_convolution(8, 10, 23, 39, 5, Activation::relu, instructions);
        // Tiles that overlap.
        check_convolution(6, 6, 64, 64, 3, Activation::relu, instructions);
        check_convolution(7, 13, 23, 39, 3, Activation::relu, instructions);
        check_convolution(9, 7, 8, 16, 5, Activation::none, instructions);
        check_convolution(1, 1, 1, 1, 7, Activation::none, instructions);
    }
}

TEST(a_small_convolution_by_hand) {
    // A row of 1, 2, 3 and weights 10, 100, 1000 in the middle row of the kernel.
    const Layer layer{1, 1, 3, {0, 0, 0, 10, 100, 1000, 0, 0, 0}, {0.5F}};
    const Convolution convolution("layer", layer.view(), Activation::none,
                                  lvcore::best_instructions());
    FeatureMap in(1, 3, 1, 1);
    FeatureMap out(1, 3, 1, 0);
    for (std::size_t x = 0; x < 3; ++x) {
        in.view().at(0, x)[0] = static_cast<float>(x + 1);
    }
    convolution.apply(in.view(), 1, 3, out.view(), nullptr);
    CHECK_NEAR(out.view().at(0, 0)[0], 2100.5, 0);
    CHECK_NEAR(out.view().at(0, 1)[0], 3210.5, 0);
    CHECK_NEAR(out.view().at(0, 2)[0], 320.5, 0);
}

TEST(invalid_layers_are_rejected) {
    const auto make = [](const Layer& layer) {
        return Convolution("some", layer.view(), Activation::none, Instructions::portable);
    };
    const std::vector<float> nine(9, 1.0F);
    CHECK_THROWS(std::invalid_argument, "some.weight: expected",
                 make({1, 1, 2, {1, 1, 1, 1}, {0}}));
    CHECK_THROWS(std::invalid_argument, "some.weight: expected", make({1, 2, 3, nine, {0}}));
    CHECK_THROWS(std::invalid_argument, "some.weight: expected", make({0, 1, 3, {}, {}}));
    CHECK_THROWS(std::invalid_argument, "some.weight: expected", make({1, 0, 3, {}, {0}}));
    CHECK_THROWS(std::invalid_argument, "some.bias: expected 1", make({1, 1, 3, nine, {}}));
    CHECK_THROWS(std::invalid_argument, "some.bias: expected finite",
                 make({1, 1, 3, nine, {std::numeric_limits<float>::infinity()}}));
    for (const Instructions instructions : kAll) {
        if (!lvcore::available(instructions)) {
            CHECK_THROWS(std::invalid_argument, "instructions: expected",
                         Convolution("some", Layer{1, 1, 3, nine, {0}}.view(), Activation::none,
                                     instructions));
        }
    }
}

TEST(instructions_have_names) {
    CHECK(lvcore::name_of(Instructions::portable) == "portable");
    CHECK(lvcore::name_of(Instructions::avx2) == "avx2");
    CHECK(lvcore::name_of(Instructions::avx512) == "avx512");
    CHECK(lvcore::available(Instructions::portable));
    CHECK(lvcore::available(lvcore::best_instructions()));
}

TEST(max_pooling_ignores_an_odd_last_row_or_column) {
    FeatureMap in(5, 5, 3, 0);
    FeatureMap out(2, 2, 3, 1);
    for (std::size_t y = 0; y < 5; ++y) {
        for (std::size_t x = 0; x < 5; ++x) {
            for (std::size_t c = 0; c < 3; ++c) {
                // The largest is in a different corner for each channel.
                const float down = c == 0 ? 1.0F : -1.0F;
                const float right = c == 1 ? 1.0F : -1.0F;
                in.view().at(y, x)[c] =
                    10 * down * static_cast<float>(y) + right * static_cast<float>(x);
            }
        }
    }
    lvcore::max_pool(in.view(), 2, 2, 3, out.view());
    for (std::size_t y = 0; y < 2; ++y) {
        for (std::size_t x = 0; x < 2; ++x) {
            const auto top = static_cast<double>(20 * y);
            const auto left = static_cast<double>(2 * x);
            CHECK_NEAR(out.view().at(y, x)[0], top + 10 - left, 0);
            CHECK_NEAR(out.view().at(y, x)[1], -top + left + 1, 0);
            CHECK_NEAR(out.view().at(y, x)[2], -top - left, 0);
        }
    }
}

TEST(max_pooling_and_relu_keep_nan) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr std::size_t kChannels = 11;
    for (std::size_t corner = 0; corner < 4; ++corner) {
        FeatureMap in(2, 2, kChannels, 0);
        FeatureMap out(1, 1, kChannels, 0);
        for (std::size_t c = 0; c < kChannels; ++c) {
            in.view().at(corner / 2, corner % 2)[c] = kNan;
        }
        lvcore::max_pool(in.view(), 1, 1, kChannels, out.view());
        for (std::size_t c = 0; c < kChannels; ++c) {
            CHECK(std::isnan(out.view().at(0, 0)[c]));
        }
    }
    std::mt19937 random(1);
    const Layer layer = random_layer(21, 4, 3, random);
    for (const Instructions instructions : kAll) {
        if (!lvcore::available(instructions)) {
            continue;
        }
        const Convolution convolution("layer", layer.view(), Activation::relu, instructions);
        std::vector<float> scratch(convolution.scratch_size());
        for (const std::size_t size : {3U, 4U}) {  // without and with tiles
            FeatureMap in(size, size, 4, 1);
            FeatureMap out(size, size, 21, 0);
            in.view().at(1, 1)[0] = kNan;
            convolution.apply(in.view(), size, size, out.view(), scratch.data());
            for (std::size_t c = 0; c < 21; ++c) {
                CHECK(std::isnan(out.view().at(1, 1)[c]));
            }
        }
    }
}

TEST(channel_means_are_per_channel) {
    FeatureMap in(2, 3, 2, 1);
    for (std::size_t i = 0; i < 6; ++i) {
        in.view().at(i / 3, i % 3)[0] = static_cast<float>(i);
        in.view().at(i / 3, i % 3)[1] = -1.0F;
    }
    double means[2];
    lvcore::channel_means(in.view(), 2, 3, 2, means);
    CHECK_NEAR(means[0], 2.5, 1e-12);
    CHECK_NEAR(means[1], -1, 1e-12);
}

TEST(upsampling_is_nearest_or_bilinear) {
    FeatureMap in(1, 2, 1, 0);
    in.view().at(0, 0)[0] = 1.0F;
    in.view().at(0, 1)[0] = 3.0F;
    FeatureMap out(2, 4, 1, 0);
    for (const auto& [kind, expected] :
         {std::pair{lvcore::Upsampling::nearest, std::vector{1.0, 1.0, 3.0, 3.0}},
          {lvcore::Upsampling::bilinear, {1.0, 1.5, 2.5, 3.0}}}) {
        lvcore::upsample(in.view(), lvcore::upsampling_taps(1, 2, kind),
                         lvcore::upsampling_taps(2, 2, kind), 1, out.view());
        for (std::size_t y = 0; y < 2; ++y) {
            for (std::size_t x = 0; x < 4; ++x) {
                CHECK_NEAR(out.view().at(y, x)[0], expected[x], 1e-6);
            }
        }
    }
}

}  // namespace
