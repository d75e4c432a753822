#include "lvcore/roi_classifier.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "lvcore/parallel.hpp"
#include "lvcore/pixels.hpp"
#include "lvcore/workspaces.hpp"

namespace lvcore {

namespace {

/// Windows that a thread takes at once.
constexpr std::size_t kGrain = 8;

}  // namespace

/// All maps of one window.
class RoiClassifier::Workspace {
  public:
    Workspace(const RoiClassifier& network, std::size_t rows, std::size_t columns)
        : means(network.linear_.size()) {
        for (const Convolution& convolution : network.convolutions_) {
            levels.push_back({rows, columns,
                              FeatureMap(rows, columns, convolution.channels_in(),
                                         convolution.border()),
                              FeatureMap(rows, columns, convolution.channels_out(), 0)});
            rows /= 2;
            columns /= 2;
        }
    }

    struct Level {
        std::size_t rows;
        std::size_t columns;
        FeatureMap in;
        FeatureMap out;
    };

    std::vector<Level> levels;
    std::vector<double> means;
};

RoiClassifier::RoiClassifier(const RoiClassifierWeights& weights, Instructions instructions) {
    if (weights.convolutions.empty()) {
        throw std::invalid_argument("convolutions: expected a layer, got none");
    }
    std::size_t channels = weights.convolutions.front().channels_in;
    for (std::size_t i = 0; i < weights.convolutions.size(); ++i) {
        const std::string name = "convolutions[" + std::to_string(i) + "]";
        if (weights.convolutions[i].channels_in != channels) {
            throw std::invalid_argument(name + ".weight: expected " + std::to_string(channels) +
                                        " input channels, got " +
                                        std::to_string(weights.convolutions[i].channels_in));
        }
        convolutions_.emplace_back(name, weights.convolutions[i], Activation::relu, instructions);
        channels = convolutions_.back().channels_out();
    }
    const Convolution linear("linear", weights.linear, Activation::none, instructions);
    if (linear.channels_in() != channels || linear.channels_out() != 2 || linear.border() != 0) {
        throw std::invalid_argument(
            "linear.weight: expected (2, " + std::to_string(channels) + "), got (" +
            std::to_string(linear.channels_out()) + ", " + std::to_string(linear.channels_in()) +
            ")");
    }
    // Softmax of two logits asks for their difference alone.
    const std::span<const float> w = weights.linear.weights;
    for (std::size_t i = 0; i < channels; ++i) {
        linear_.push_back(static_cast<double>(w[i]) - static_cast<double>(w[channels + i]));
    }
    bias_ = static_cast<double>(weights.linear.bias[0]) -
            static_cast<double>(weights.linear.bias[1]);
}

void RoiClassifier::score(const Windows& windows, std::span<double> scores,
                          std::size_t threads) const {
    const std::size_t least = std::size_t{1} << (convolutions_.size() - 1);
    if (windows.phases != phases() || windows.rows < least || windows.columns < least) {
        throw std::invalid_argument("windows: expected " + std::to_string(phases()) +
                                    " phases of at least " + std::to_string(least) +
                                    " rows and columns, got " + std::to_string(windows.phases) +
                                    " of " + std::to_string(windows.rows) + " x " +
                                    std::to_string(windows.columns));
    }
    const std::size_t size = windows.phases * windows.rows * windows.columns;
    Workspaces<Workspace> workspaces;
    parallel_for(windows.count, kGrain, threads, [&](std::size_t begin, std::size_t end) {
        workspaces.borrow(
            [&] { return Workspace(*this, windows.rows, windows.columns); },
            [&](Workspace& workspace) {
                for (std::size_t n = begin; n < end; ++n) {
                    const float* window = windows.data + n * size;
                    if (!all_finite(window, size)) {
                        throw std::invalid_argument(
                            "windows: expected finite values, got NaN or infinity in window " +
                            std::to_string(n));
                    }
                    scores[n] = score_one(window, workspace);
                }
            });
    });
}

double RoiClassifier::score_one(const float* window, Workspace& workspace) const {
    const Workspace::Level& first = workspace.levels.front();
    const MapView<float> image = workspace.levels.front().in.view();
    for (std::size_t t = 0; t < phases(); ++t) {
        for (std::size_t y = 0; y < first.rows; ++y) {
            for (std::size_t x = 0; x < first.columns; ++x) {
                image.at(y, x)[t] = *window++;
            }
        }
    }
    for (std::size_t i = 0; i + 1 < convolutions_.size(); ++i) {
        Workspace::Level& level = workspace.levels[i];
        Workspace::Level& next = workspace.levels[i + 1];
        // An odd last row or column would be left out by the pooling.
        convolutions_[i].apply(level.in.view(), 2 * next.rows, 2 * next.columns, level.out.view());
        max_pool(level.out.view(), next.rows, next.columns, convolutions_[i].channels_out(),
                 next.in.view());
    }
    Workspace::Level& last = workspace.levels.back();
    convolutions_.back().apply(last.in.view(), last.rows, last.columns, last.out.view());
    std::vector<double>& means = workspace.means;
    channel_means(last.out.view(), last.rows, last.columns, means.size(), means.data());
    double lead = bias_;
    for (std::size_t i = 0; i < means.size(); ++i) {
        lead += linear_[i] * means[i];
    }
    return 1 / (1 + std::exp(-lead));
}

}  // namespace lvcore
