#include "lvcore/networks/hfcn.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "lvcore/base/parallel.hpp"
#include "lvcore/base/pixels.hpp"

namespace lvcore {

namespace {

std::string numbered(const char* name, std::size_t i) {
    return std::string(name) + "[" + std::to_string(i) + "]";
}

/// A layer with this many input channels.
Convolution layer(const std::string& name, const ConvolutionWeights& weights, std::size_t channels,
                  Activation activation, Instructions instructions) {
    if (weights.channels_in != channels) {
        throw std::invalid_argument(name + ".weight: expected " + std::to_string(channels) +
                                    " input channels, got " + std::to_string(weights.channels_in));
    }
    return {name, weights, activation, instructions};
}

/// Checks the number of layers; returns the output channels of a head.
std::size_t checked_head_channels(const HfcnWeights& weights) {
    if (weights.stages.empty() || weights.stages.size() != weights.heads.size()) {
        throw std::invalid_argument("heads: expected one per stage and at least one stage, got " +
                                    std::to_string(weights.heads.size()) + " for " +
                                    std::to_string(weights.stages.size()));
    }
    if (weights.stages.size() > kMaxNetworkStages) {
        throw std::invalid_argument("stages: expected at most " +
                                    std::to_string(kMaxNetworkStages) + ", got " +
                                    std::to_string(weights.stages.size()));
    }
    const std::size_t channels = weights.heads.front().channels_out;
    for (std::size_t i = 0; i < weights.heads.size(); ++i) {
        if (weights.stages[i].empty()) {
            throw std::invalid_argument(numbered("stages", i) + ": expected a layer, got none");
        }
        if (weights.heads[i].kernel != 1 || weights.heads[i].channels_out != channels) {
            throw std::invalid_argument(numbered("heads", i) + ".weight: expected 1 x 1 to " +
                                        std::to_string(channels) + " channels");
        }
    }
    if (weights.likelihood.channels_out != 2) {
        throw std::invalid_argument("likelihood.weight: expected 2 output channels, got " +
                                    std::to_string(weights.likelihood.channels_out));
    }
    if (weights.area.empty() || weights.area.size() > 2) {
        throw std::invalid_argument("area: expected one layer or two, got " +
                                    std::to_string(weights.area.size()));
    }
    const ConvolutionWeights& last = weights.area.back();
    if (last.kernel != 1 || last.channels_out != 1) {
        throw std::invalid_argument(numbered("area", weights.area.size() - 1) +
                                    ".weight: expected 1 x 1 to 1 channel");
    }
    return channels;
}

/// Input channels of the likelihood layer.
std::size_t channels_before_likelihood(const HfcnWeights& weights) {
    return weights.between.empty() ? weights.heads.size() * weights.heads.front().channels_out
                                   : weights.between.back().channels_out;
}

}  // namespace

/// All maps of one patch.
class Hfcn::Workspace {
  public:
    Workspace(const Hfcn& network, std::size_t rows_, std::size_t columns_)
        : rows(rows_),
          columns(columns_),
          known(rows, columns, network.known_channels_, network.border_),
          logits(rows, columns, 2, 0),
          area(rows, columns, network.area_.empty() ? 0 : network.area_.front().channels_out(), 0),
          means(network.fraction_weights_.size()),
          scratch(network.scratch_size_) {
        std::size_t channels = network.channels_;
        for (std::size_t i = 0; i < network.stages_.size(); ++i) {
            const Stage& stage = network.stages_[i];
            std::size_t widest = 0;
            for (const Convolution& convolution : stage.convolutions) {
                widest = std::max(widest, convolution.channels_out());
            }
            levels.emplace_back(rows >> i, columns >> i, channels, widest, network, i);
            channels = stage.convolutions.back().channels_out();
        }
    }

    struct Level {
        Level(std::size_t rows_, std::size_t columns_, std::size_t channels, std::size_t widest,
              const Hfcn& network, std::size_t i)
            : rows(rows_),
              columns(columns_),
              given(rows, columns, channels, network.border_),
              turns{FeatureMap(rows, columns, widest, network.border_),
                    FeatureMap(rows, columns, widest, network.border_)},
              head(rows, columns, network.head_channels_, 0),
              row_taps(upsampling_taps(rows, std::size_t{1} << i, network.upsampling_)),
              column_taps(upsampling_taps(columns, std::size_t{1} << i, network.upsampling_)) {}

        std::size_t rows;
        std::size_t columns;
        /// Input of the stage.
        FeatureMap given;
        /// Outputs of its convolutions, alternately.
        FeatureMap turns[2];
        FeatureMap head;
        std::vector<UpsamplingTap> row_taps;
        std::vector<UpsamplingTap> column_taps;
    };

    std::size_t rows;
    std::size_t columns;
    std::vector<Level> levels;
    /// The hypercolumn, the layers after it and P, side by side.
    FeatureMap known;
    FeatureMap logits;
    FeatureMap area;
    std::vector<double> means;
    FloatBuffer scratch;
};

Hfcn::Hfcn(const HfcnWeights& weights, Instructions instructions)
    : channels_((static_cast<void>(checked_head_channels(weights)),
                 weights.stages.front().front().channels_in)),
      likelihood_(layer("likelihood", weights.likelihood, channels_before_likelihood(weights),
                        Activation::none, instructions)),
      upsampling_(weights.upsampling),
      head_channels_(weights.heads.front().channels_out) {
    std::size_t channels = channels_;
    for (std::size_t i = 0; i < weights.stages.size(); ++i) {
        std::vector<Convolution> convolutions;
        for (std::size_t j = 0; j < weights.stages[i].size(); ++j) {
            convolutions.push_back(layer(numbered("stages", i) + "[" + std::to_string(j) + "]",
                                         weights.stages[i][j], channels, Activation::relu,
                                         instructions));
            channels = convolutions.back().channels_out();
        }
        stages_.push_back(
            {std::move(convolutions), layer(numbered("heads", i), weights.heads[i], channels,
                                            Activation::relu, instructions)});
    }
    channels = known_channels_ = head_channels_ * stages_.size();
    for (std::size_t i = 0; i < weights.between.size(); ++i) {
        between_.push_back(layer(numbered("between", i), weights.between[i], channels,
                                 Activation::relu, instructions));
        channels = between_.back().channels_out();
        known_channels_ += channels;
    }
    known_channels_ += 2;
    channels = known_channels_;
    if (weights.area.size() == 2) {
        area_.push_back(
            layer("area[0]", weights.area.front(), channels, Activation::relu, instructions));
        channels = area_.back().channels_out();
    }
    const Convolution last = layer(numbered("area", area_.size()), weights.area.back(), channels,
                                   Activation::none, instructions);
    fraction_weights_.assign(weights.area.back().weights.begin(),
                             weights.area.back().weights.end());
    fraction_bias_ = static_cast<double>(weights.area.back().bias.front());

    const auto make_room = [&](const Convolution& convolution) {
        border_ = std::max(border_, convolution.border());
        scratch_size_ = std::max(scratch_size_, convolution.scratch_size());
    };
    for (const Stage& stage : stages_) {
        std::for_each(stage.convolutions.begin(), stage.convolutions.end(), make_room);
        make_room(stage.head);
    }
    std::for_each(between_.begin(), between_.end(), make_room);
    make_room(likelihood_);
    std::for_each(area_.begin(), area_.end(), make_room);
}

void Hfcn::segment(const Patches& patches, std::span<float> likelihood, std::span<double> fractions,
                   std::size_t threads) const {
    const std::size_t multiple = size_multiple();
    if (patches.channels != channels_) {
        throw std::invalid_argument("patches: expected " + std::to_string(channels_) +
                                    " channels, got " + std::to_string(patches.channels));
    }
    if (patches.rows == 0 || patches.columns == 0 || patches.rows % multiple != 0 ||
        patches.columns % multiple != 0) {
        throw std::invalid_argument(
            "patches: expected rows and columns a multiple of " + std::to_string(multiple) +
            ", got " + std::to_string(patches.rows) + " x " + std::to_string(patches.columns));
    }
    const std::size_t pixels = patches.rows * patches.columns;
    const std::size_t values = channels_ * pixels;
    parallel_for_with(
        patches.count, 1, threads, [&] { return Workspace(*this, patches.rows, patches.columns); },
        [&](Workspace& workspace, std::size_t begin, std::size_t end) {
            for (std::size_t n = begin; n < end; ++n) {
                const float* patch = patches.data + n * values;
                if (!all_finite(patch, values)) {
                    throw std::invalid_argument(
                        "patches: expected finite values, got NaN or infinity in patch " +
                        std::to_string(n));
                }
                fractions[n] = segment_one(patch, workspace, likelihood.data() + n * pixels);
                if (!std::isfinite(fractions[n])) {
                    throw std::invalid_argument(
                        "weights: expected finite logits and O, got NaN or infinity in patch " +
                        std::to_string(n));
                }
            }
        });
}

double Hfcn::segment_one(const float* patch, Workspace& workspace, float* likelihood) const {
    const std::size_t rows = workspace.rows;
    const std::size_t columns = workspace.columns;
    float* const scratch = workspace.scratch.data();
    const MapView<float> image = workspace.levels.front().given.view();
    for (std::size_t channel = 0; channel < channels_; ++channel) {
        for (std::size_t y = 0; y < rows; ++y) {
            const float* from = patch + (channel * rows + y) * columns;
            for (std::size_t x = 0; x < columns; ++x) {
                image.at(y, x)[channel] = from[x];
            }
        }
    }
    const MapView<float> known = workspace.known.view();
    MapView<const float> features = image;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        Workspace::Level& level = workspace.levels[i];
        if (i > 0) {
            max_pool(features, level.rows, level.columns,
                     stages_[i - 1].convolutions.back().channels_out(), level.given.view());
            features = level.given.view();
        }
        std::size_t turn = 0;
        for (const Convolution& convolution : stages_[i].convolutions) {
            const MapView<float> out = level.turns[turn].view();
            convolution.apply(features, level.rows, level.columns, out, scratch);
            features = out;
            turn = 1 - turn;
        }
        stages_[i].head.apply(features, level.rows, level.columns, level.head.view(), scratch);
        // The coarsest stage comes first.
        upsample(level.head.view(), level.row_taps, level.column_taps, head_channels_,
                 known.from_channel((stages_.size() - 1 - i) * head_channels_));
    }
    MapView<const float> before = known;
    std::size_t channel = head_channels_ * stages_.size();
    for (const Convolution& convolution : between_) {
        convolution.apply(before, rows, columns, known.from_channel(channel), scratch);
        before = known.from_channel(channel);
        channel += convolution.channels_out();
    }
    const MapView<float> logits = workspace.logits.view();
    likelihood_.apply(before, rows, columns, logits, scratch);
    if (!all_finite(logits.data, rows * columns * 2)) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
            const float* logit = logits.at(y, x);
            const float p = 1.0F / (1.0F + std::exp(logit[1] - logit[0]));
            float* to = known.at(y, x) + channel;
            to[0] = p;
            to[1] = 1.0F / (1.0F + std::exp(logit[0] - logit[1]));
            likelihood[y * columns + x] = p;
        }
    }
    MapView<const float> last = known;
    if (!area_.empty()) {
        area_.front().apply(known, rows, columns, workspace.area.view(), scratch);
        last = workspace.area.view();
    }
    std::vector<double>& means = workspace.means;
    channel_means(last, rows, columns, means.size(), means.data());
    double fraction = fraction_bias_;
    for (std::size_t i = 0; i < means.size(); ++i) {
        fraction += fraction_weights_[i] * means[i];
    }
    return fraction;
}

}  // namespace lvcore
