#include "lvcore/networks/hfcn.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "networks/layers.hpp"

namespace {

using lvcore::Hfcn;
using lvcore::HfcnWeights;
using lvcore::Instructions;
using lvcore::Upsampling;
using networks::kAll;
using networks::Layer;
using networks::random_floats;
using networks::random_layer;

/// The layers of a network, owned.
struct Layers {
    std::vector<std::vector<Layer>> stages;
    std::vector<Layer> heads;
    std::vector<Layer> between;
    Layer likelihood;
    std::vector<Layer> area;
    Upsampling upsampling = Upsampling::nearest;

    [[nodiscard]] Hfcn build(Instructions instructions) const {
        const auto views = [](const std::vector<Layer>& layers) {
            std::vector<lvcore::ConvolutionWeights> all;
            for (const Layer& layer : layers) {
                all.push_back(layer.view());
            }
            return all;
        };
        HfcnWeights weights{{},          views(heads), views(between), likelihood.view(),
                            views(area), upsampling};
        for (const std::vector<Layer>& stage : stages) {
            weights.stages.push_back(views(stage));
        }
        return Hfcn(weights, instructions);
    }
};

struct Result {
    std::vector<float> likelihood;
    std::vector<double> fractions;

    bool operator==(const Result&) const = default;
};

Result segment(const Hfcn& network, const std::vector<float>& patches, std::size_t rows,
               std::size_t columns, std::size_t threads = 1) {
    const std::size_t channels = network.channels();
    const std::size_t count = patches.size() / (channels * rows * columns);
    Result result{std::vector<float>(count * rows * columns), std::vector<double>(count)};
    network.segment({patches.data(), count, channels, rows, columns}, result.likelihood,
                    result.fractions, threads);
    return result;
}

/// A 1 x 1 layer of one output channel.
Layer point(std::vector<float> weights, float bias = 0) {
    const std::size_t in = weights.size();
    return {1, in, 1, std::move(weights), {bias}};
}

/// Logits v and 0, where v is the weighted sum of the channels.
Layer logits(std::vector<float> weights) {
    const std::size_t in = weights.size();
    weights.resize(2 * in, 0.0F);
    return {2, in, 1, std::move(weights), {0, 0}};
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

Layers random_layers(std::size_t stages, std::size_t between, Upsampling upsampling) {
    std::mt19937 random(static_cast<unsigned>(10 * stages + between));
    Layers layers;
    layers.upsampling = upsampling;
    std::size_t channels = 1;
    for (std::size_t i = 0; i < stages; ++i) {
        layers.stages.push_back(
            {random_layer(5 + i, channels, 3, random), random_layer(6, 5 + i, 3, random)});
        layers.heads.push_back(random_layer(3, 6, 1, random));
        channels = 6;
    }
    channels = 3 * stages;
    std::size_t known = channels + 2;
    for (std::size_t i = 0; i < between; ++i) {
        layers.between.push_back(random_layer(4 + i, channels, 3, random));
        channels = 4 + i;
        known += channels;
    }
    layers.likelihood = random_layer(2, channels, 3, random);
    layers.area = {random_layer(7, known, 3, random), random_layer(1, 7, 1, random)};
    // Values grow through layers this wide; small weights keep P from saturating at 0 or 1.
    for (float& weight : layers.likelihood.weights) {
        weight *= 1e-3F;
    }
    return layers;
}

TEST(one_stage_of_hfcn_by_hand) {
    // Features max(2 x - 1, 0), P = logistic(features), O = 0.25 + features / 2 + 4 P + 2 (1 - P).
    const Layers layers{
        {{point({2}, -1)}}, {point({1})}, {}, logits({1}), {point({0.5F, 4, 2}, 0.25F)}};
    for (const Instructions instructions : kAll) {
        if (lvcore::available(instructions)) {
            const Hfcn network = layers.build(instructions);
            CHECK(network.size_multiple() == 1);
            const Result result = segment(network, {0.25F, 1, -3}, 1, 3);
            CHECK_NEAR(result.likelihood[0], 0.5, 1e-6);
            CHECK_NEAR(result.likelihood[1], 0.7310585786, 1e-6);
            CHECK_NEAR(result.likelihood[2], 0.5, 1e-6);
            CHECK_NEAR(result.fractions[0], (3.25 + 4.2121171573 + 3.25) / 3, 1e-6);
        }
    }
}

TEST(channels_of_a_patch_by_hand) {
    // Features max(2 x - y - 1, 0) of two channels x and y, which lie one after the other.
    const Layers layers{{{point({2, -1}, -1)}}, {point({1})}, {}, logits({1}), {point({1, 0, 0})}};
    for (const Instructions instructions : kAll) {
        if (lvcore::available(instructions)) {
            const Hfcn network = layers.build(instructions);
            CHECK(network.channels() == 2);
            const Result result = segment(network, {1, 2, 3, 0, 1, 7, 4, 4, 4, 1, 0, 9}, 1, 3);
            const double expected[] = {1, 2, 0, 6, 7, 0};
            for (std::size_t i = 0; i < 6; ++i) {
                CHECK_NEAR(result.likelihood[i], logistic(expected[i]), 1e-6);
            }
            CHECK_NEAR(result.fractions[0], 1, 1e-6);
            CHECK_NEAR(result.fractions[1], 13.0 / 3, 1e-6);
        }
    }
}

TEST(another_number_of_channels_is_refused) {
    const Layers layers{{{point({2, -1}, -1)}}, {point({1})}, {}, logits({1}), {point({1, 0, 0})}};
    const Hfcn network = layers.build(lvcore::best_instructions());
    const std::vector<float> patch(4);
    std::vector<float> likelihood(4);
    std::vector<double> fractions(1);
    CHECK_THROWS(std::invalid_argument, "patches: expected 2 channels, got 1",
                 network.segment({patch.data(), 1, 1, 2, 2}, likelihood, fractions, 1));
}

TEST(two_stages_of_hfcn_by_hand) {
    // The coarse stage halves the maximum, 4. `between` is max(coarse - fine, 0), which is 1 at the
    // first pixel; there the hidden channel of O, coarse - fine + 3 between, is 4, elsewhere 0.
    const Layers layers{{{point({1})}, {point({0.5F})}},
                        {point({1}), point({1})},
                        {point({1, -1})},
                        logits({1}),
                        {point({1, -1, 3, 0, 0}), point({2}, 0.5F)}};
    const Hfcn network = layers.build(lvcore::best_instructions());
    CHECK(network.size_multiple() == 2);
    const Result result = segment(network, {1, 2, 3, 4}, 2, 2);
    CHECK_NEAR(result.likelihood[0], logistic(1), 1e-6);
    for (std::size_t i = 1; i < 4; ++i) {
        CHECK_NEAR(result.likelihood[i], 0.5, 1e-6);
    }
    CHECK_NEAR(result.fractions[0], 2.5, 1e-6);
}

TEST(bilinear_heads_of_hfcn_by_hand) {
    const Layers layers{{{point({1})}, {point({1})}}, {point({1}), point({1})}, {}, logits({1, 0}),
                        {point({1, 0, 0, 0})},        Upsampling::bilinear};
    const Result result =
        segment(layers.build(lvcore::best_instructions()), {1, 0, 3, 0, 0, 0, 0, 0}, 2, 4);
    const double coarse[] = {1, 1.5, 2.5, 3};
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK_NEAR(result.likelihood[i], logistic(coarse[i % 4]), 1e-6);
    }
    CHECK_NEAR(result.fractions[0], 2, 1e-6);
}

TEST(hfcn_does_not_depend_on_threads_or_instructions) {
    constexpr std::size_t kCount = 7;
    struct Case {
        std::size_t stages, between, rows, columns;
        Upsampling upsampling;
    };
    std::mt19937 random(5);
    for (const Case& some : {Case{1, 0, 5, 7, Upsampling::nearest},
                             {1, 2, 1, 1, Upsampling::bilinear},
                             {2, 1, 6, 10, Upsampling::bilinear},
                             {2, 0, 2, 16, Upsampling::nearest},
                             {3, 2, 16, 4, Upsampling::bilinear}}) {
        const Layers layers = random_layers(some.stages, some.between, some.upsampling);
        const std::vector<float> patches = random_floats(kCount * some.rows * some.columns, random);
        const Result portable =
            segment(layers.build(Instructions::portable), patches, some.rows, some.columns);
        for (const Instructions instructions : kAll) {
            if (!lvcore::available(instructions)) {
                continue;
            }
            const Hfcn network = layers.build(instructions);
            const Result alone = segment(network, patches, some.rows, some.columns);
            for (const std::size_t threads : {0U, 2U, 7U}) {
                CHECK(segment(network, patches, some.rows, some.columns, threads) == alone);
            }
            for (std::size_t i = 0; i < patches.size(); ++i) {
                CHECK_NEAR(alone.likelihood[i], portable.likelihood[i], 1e-4);
            }
            for (std::size_t n = 0; n < kCount; ++n) {
                CHECK_NEAR(alone.fractions[n], portable.fractions[n],
                           1e-4 * (1 + std::abs(portable.fractions[n])));
            }
        }
    }
}

TEST(hfcn_limits_its_stages) {
    const auto make = [](std::size_t stages) {
        return random_layers(stages, 0, Upsampling::nearest).build(Instructions::portable);
    };
    CHECK(make(lvcore::kMaxNetworkStages).size_multiple() == 128);
    CHECK_THROWS(std::invalid_argument, "stages: expected at most 8, got 9", make(9));
    CHECK_THROWS(std::invalid_argument, "stages: expected at most 8, got 65", make(65));
}

TEST(hfcn_rejects_overflow) {
    // A pixel of 10 gives two infinities and their difference; a pixel of 0 gives 0 throughout.
    const Layers stages{{{Layer{2, 1, 1, {3e38F, 3e38F}, {0, 0}}, point({1, -1})}},
                        {point({1})},
                        {},
                        logits({1}),
                        {point({1, 1, 1})}};
    const Layers unlimited{{{point({3e38F})}}, {point({1})}, {}, logits({1}), {point({1, 1, 1})}};
    const Layers area{{{point({1})}},
                      {point({1})},
                      {},
                      logits({1}),
                      {Layer{2, 3, 1, {3e38F, 0, 0, 3e38F, 0, 0}, {0, 0}}, point({1, -1})}};
    for (const Layers& layers : {stages, unlimited, area}) {
        for (const Instructions instructions : kAll) {
            if (lvcore::available(instructions)) {
                const Hfcn network = layers.build(instructions);
                CHECK_NEAR(segment(network, {0, 0}, 1, 1).likelihood[1], 0.5, 1e-6);
                CHECK_THROWS(
                    std::invalid_argument,
                    "weights: expected finite logits and O, got NaN or infinity in patch 1",
                    segment(network, {0, 10}, 1, 1));
            }
        }
    }
}

}  // namespace
