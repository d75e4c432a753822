#include "lvcore/networks/roi_classifier.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "check.hpp"
#include "networks/layers.hpp"

namespace {

using lvcore::Instructions;
using lvcore::RoiClassifier;
using networks::kAll;
using networks::Layer;
using networks::random_floats;
using networks::random_layer;

RoiClassifier build(const std::vector<Layer>& convolutions, const Layer& linear, std::size_t size,
                    Instructions instructions) {
    lvcore::RoiClassifierWeights weights{{}, linear.view(), size};
    for (const Layer& layer : convolutions) {
        weights.convolutions.push_back(layer.view());
    }
    return RoiClassifier(weights, instructions);
}

std::vector<double> score(const RoiClassifier& network, const std::vector<float>& windows,
                          std::size_t size, std::size_t threads = 1) {
    const std::size_t count = windows.size() / (network.phases() * size * size);
    std::vector<double> scores(count);
    network.score({windows.data(), count, network.phases(), size, size}, scores, threads);
    return scores;
}

TEST(a_roi_classifier_of_one_layer_by_hand) {
    // Two phases of a pixel: max(3 - 2 * 1 + 0.5, 0) = 1.5, so logits 3 and 1.5 + 0.25.
    const std::vector<Layer> convolutions = {{1, 2, 1, {1, -2}, {0.5F}}};
    const Layer linear{2, 1, 1, {2, 1}, {0, 0.25F}};
    for (const Instructions instructions : kAll) {
        if (lvcore::available(instructions)) {
            const auto scores = score(build(convolutions, linear, 1, instructions), {3, 1}, 1);
            CHECK_NEAR(scores[0], 1 / (1 + std::exp(-1.25)), 1e-7);
        }
    }
}

TEST(a_roi_classifier_of_two_layers_by_hand) {
    // Pooling takes the largest of the first 2 x 2 of 3 x 3 pixels, 5; the second layer gives
    // 2 * 5 - 7 = 3, and the logits are 1 and 0.
    const std::vector<Layer> convolutions = {{1, 1, 1, {1}, {0}}, {1, 1, 1, {2}, {-7}}};
    const Layer linear{2, 1, 1, {1, 0}, {-2, 0}};
    const RoiClassifier network = build(convolutions, linear, 3, lvcore::best_instructions());
    CHECK_NEAR(score(network, {1, 5, 9, 2, 3, 9, 9, 9, 9}, 3)[0], 0.7310585786, 1e-7);
}

TEST(roi_classifier_does_not_depend_on_threads_or_instructions) {
    std::mt19937 random(8);
    for (const std::size_t layers : {1U, 2U, 3U}) {
        for (const std::size_t size : {4U, 7U, 13U, 16U}) {
            std::vector<Layer> convolutions;
            for (std::size_t i = 0; i < layers; ++i) {
                convolutions.push_back(random_layer(9, i == 0 ? 3 : 9, i == 0 ? 5 : 3, random));
                for (float& weight : convolutions.back().weights) {
                    weight *= 0.1F;
                }
            }
            const Layer linear = random_layer(2, 9, 1, random);
            const std::vector<float> windows = random_floats(19 * 3 * size * size, random);
            const auto portable =
                score(build(convolutions, linear, size, Instructions::portable), windows, size);
            for (const Instructions instructions : kAll) {
                if (!lvcore::available(instructions)) {
                    continue;
                }
                const RoiClassifier network = build(convolutions, linear, size, instructions);
                const auto alone = score(network, windows, size);
                for (const std::size_t threads : {0U, 2U, 7U}) {
                    CHECK(score(network, windows, size, threads) == alone);
                }
                for (std::size_t n = 0; n < alone.size(); ++n) {
                    CHECK_NEAR(alone[n], portable[n], 1e-5);
                }
            }
        }
    }
}

TEST(roi_classifier_limits_its_layers) {
    const auto make = [](std::size_t layers, std::size_t size) {
        return build(std::vector<Layer>(layers, {1, 1, 1, {1}, {0}}), {2, 1, 1, {1, 0}, {0, 0}},
                     size, Instructions::portable);
    };
    CHECK(make(lvcore::kMaxNetworkStages, 128).phases() == 1);
    CHECK_THROWS(std::invalid_argument, "size: expected at least 128, got 127", make(8, 127));
    CHECK_THROWS(std::invalid_argument, "convolutions: expected at most 8, got 9", make(9, 256));
    CHECK_THROWS(std::invalid_argument, "convolutions: expected at most 8, got 65", make(65, 1));
}

TEST(roi_classifier_rejects_overflow) {
    // A pixel of 10 gives two infinities and their difference; a pixel of 0 gives 0 throughout.
    const Layer first{2, 1, 1, {3e38F, 3e38F}, {0, 0}};
    const Layer second{1, 2, 1, {1, -1}, {0}};
    const Layer linear{2, 1, 1, {1, 0}, {0, 0}};
    for (const Instructions instructions : kAll) {
        if (!lvcore::available(instructions)) {
            continue;
        }
        const RoiClassifier network = build({first, second}, linear, 2, instructions);
        CHECK_NEAR(score(network, {0, 0, 0, 0}, 2)[0], 0.5, 1e-9);
        for (std::size_t corner = 0; corner < 4; ++corner) {
            std::vector<float> windows(8, 0.0F);
            windows[4 + corner] = 10;
            CHECK_THROWS(std::invalid_argument,
                         "weights: expected finite logits, got NaN or infinity in window 1",
                         score(network, windows, 2));
        }
    }
}

}  // namespace
