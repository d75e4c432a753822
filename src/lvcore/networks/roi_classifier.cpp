#include "lvcore/networks/roi_classifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "lvcore/base/parallel.hpp"
#include "lvcore/base/pixels.hpp"

namespace lvcore {

namespace {

/// Windows per run.
constexpr std::size_t kGrain = 8;

}  // namespace

/// All maps of one window.
class RoiClassifier::Workspace {
  public:
    explicit Workspace(const RoiClassifier& network)
        : means(network.linear_.size()), scratch(network.scratch_size_) {
        std::size_t size = network.size_;
        for (const Convolution& convolution : network.convolutions_) {
            levels.push_back(
                {size, FeatureMap(size, size, convolution.channels_in(), convolution.border()),
                 FeatureMap(size, size, convolution.channels_out(), 0)});
            size /= 2;
        }
    }

    struct Level {
        /// Rows and columns.
        std::size_t size;
        FeatureMap in;
        FeatureMap out;
    };

    std::vector<Level> levels;
    std::vector<double> means;
    FloatBuffer scratch;
};

RoiClassifier::RoiClassifier(const RoiClassifierWeights& weights, Instructions instructions)
    : size_(weights.size) {
    if (weights.convolutions.empty()) {
        throw std::invalid_argument("convolutions: expected a layer, got none");
    }
    if (weights.convolutions.size() > kMaxNetworkStages) {
        throw std::invalid_argument("convolutions: expected at most " +
                                    std::to_string(kMaxNetworkStages) + ", got " +
                                    std::to_string(weights.convolutions.size()));
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
        scratch_size_ = std::max(scratch_size_, convolutions_.back().scratch_size());
    }
    const Convolution linear("linear", weights.linear, Activation::none, instructions);
    if (linear.channels_in() != channels || linear.channels_out() != 2 || linear.border() != 0) {
        throw std::invalid_argument("linear.weight: expected (2, " + std::to_string(channels) +
                                    "), got (" + std::to_string(linear.channels_out()) + ", " +
                                    std::to_string(linear.channels_in()) + ")");
    }
    // Softmax of two logits depends on their difference alone.
    const std::span<const float> w = weights.linear.weights;
    for (std::size_t i = 0; i < channels; ++i) {
        linear_.push_back(static_cast<double>(w[i]) - static_cast<double>(w[channels + i]));
    }
    const std::size_t least = std::size_t{1} << (convolutions_.size() - 1);
    if (size_ < least) {
        throw std::invalid_argument("size: expected at least " + std::to_string(least) + ", got " +
                                    std::to_string(size_));
    }
    bias_ =
        static_cast<double>(weights.linear.bias[0]) - static_cast<double>(weights.linear.bias[1]);
}

void RoiClassifier::score(const Windows& windows, std::span<double> scores,
                          std::size_t threads) const {
    if (windows.phases != phases() || windows.rows != size_ || windows.columns != size_) {
        const auto shape = [](std::size_t t, std::size_t r, std::size_t c) {
            return "(window, " + std::to_string(t) + ", " + std::to_string(r) + ", " +
                   std::to_string(c) + ")";
        };
        throw std::invalid_argument("windows: expected " + shape(phases(), size_, size_) +
                                    ", got " +
                                    shape(windows.phases, windows.rows, windows.columns));
    }
    const std::size_t pixels = phases() * size_ * size_;
    parallel_for_with(
        windows.count, kGrain, threads, [&] { return Workspace(*this); },
        [&](Workspace& workspace, std::size_t begin, std::size_t end) {
            for (std::size_t n = begin; n < end; ++n) {
                const float* window = windows.data + n * pixels;
                if (!all_finite(window, pixels)) {
                    throw std::invalid_argument(
                        "windows: expected finite values, got NaN or infinity in window " +
                        std::to_string(n));
                }
                scores[n] = score_one(window, workspace);
                if (!std::isfinite(scores[n])) {
                    throw std::invalid_argument(
                        "weights: expected finite logits, got NaN or infinity in window " +
                        std::to_string(n));
                }
            }
        });
}

double RoiClassifier::score_one(const float* window, Workspace& workspace) const {
    const MapView<float> image = workspace.levels.front().in.view();
    for (std::size_t t = 0; t < phases(); ++t) {
        for (std::size_t y = 0; y < size_; ++y) {
            for (std::size_t x = 0; x < size_; ++x) {
                image.at(y, x)[t] = *window++;
            }
        }
    }
    for (std::size_t i = 0; i + 1 < convolutions_.size(); ++i) {
        Workspace::Level& level = workspace.levels[i];
        Workspace::Level& next = workspace.levels[i + 1];
        // Pooling ignores an odd last row or column.
        convolutions_[i].apply(level.in.view(), 2 * next.size, 2 * next.size, level.out.view(),
                               workspace.scratch.data());
        max_pool(level.out.view(), next.size, next.size, convolutions_[i].channels_out(),
                 next.in.view());
    }
    Workspace::Level& last = workspace.levels.back();
    convolutions_.back().apply(last.in.view(), last.size, last.size, last.out.view(),
                               workspace.scratch.data());
    std::vector<double>& means = workspace.means;
    channel_means(last.out.view(), last.size, last.size, means.size(), means.data());
    double lead = bias_;
    for (std::size_t i = 0; i < means.size(); ++i) {
        lead += linear_[i] * means[i];
    }
    return std::isfinite(lead) ? 1 / (1 + std::exp(-lead))
                               : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace lvcore
