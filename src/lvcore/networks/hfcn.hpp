#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lvcore/networks/convolution.hpp"
#include "lvcore/networks/upsampling.hpp"

namespace lvcore {

/// The layers of HFCN, batch normalisation folded into the convolutions.
struct HfcnWeights {
    /// Convolutions of each stage, each with ReLU.
    std::vector<std::vector<ConvolutionWeights>> stages;
    /// From each stage to the hypercolumn: 1 x 1, with ReLU, all with the same output channels.
    std::vector<ConvolutionWeights> heads;
    /// Convolutions, with ReLU, between the hypercolumn and P.
    std::vector<ConvolutionWeights> between;
    /// To the two logits of P.
    ConvolutionWeights likelihood;
    /// From the hypercolumn, `between` and P to O: a 1 x 1 convolution, perhaps after one with
    /// ReLU.
    std::vector<ConvolutionWeights> area;
    /// How heads are resized to the patch.
    Upsampling upsampling;
};

/// Patches (patch, channel, row, column), not owned.
struct Patches {
    const float* data;
    std::size_t count;
    std::size_t channels;
    std::size_t rows;
    std::size_t columns;
};

/// The hypercolumn network (Liao et al. 2017, III-F), for inference on a CPU.
class Hfcn {
  public:
    /// @throws std::invalid_argument, naming the layer, if a layer is invalid (see `Convolution`),
    /// does not match the one before or is missing, or there are more than `kMaxNetworkStages`
    /// stages.
    Hfcn(const HfcnWeights& weights, Instructions instructions);

    /// Writes P (patch, row, column) and the mean of O over each patch. Each patch is computed on
    /// its own by one thread, so results do not depend on the others.
    ///
    /// @throws std::invalid_argument if there are other than `channels()` channels, rows or columns
    /// are 0 or not a multiple of `size_multiple()`, a pixel is not finite, or large weights and
    /// pixels make logits or O overflow; as `parallel_for`.
    void segment(const Patches& patches, std::span<float> likelihood, std::span<double> fractions,
                 std::size_t threads) const;

    /// Channels of a patch.
    [[nodiscard]] std::size_t channels() const { return channels_; }

    /// Rows and columns must be a multiple of this, since every stage but the first halves them.
    [[nodiscard]] std::size_t size_multiple() const {
        return std::size_t{1} << (stages_.size() - 1);
    }

  private:
    struct Stage {
        std::vector<Convolution> convolutions;
        Convolution head;
    };
    class Workspace;

    /// Computes one patch; returns the mean of O, NaN if a logit is not finite.
    double segment_one(const float* patch, Workspace& workspace, float* likelihood) const;

    std::size_t channels_;
    std::vector<Stage> stages_;
    std::vector<Convolution> between_;
    Convolution likelihood_;
    /// The convolution with ReLU before O, if any.
    std::vector<Convolution> area_;
    /// O is linear in its input channels, so its mean is computed from their means.
    std::vector<double> fraction_weights_;
    double fraction_bias_;
    Upsampling upsampling_;
    std::size_t head_channels_;
    /// Channels from the hypercolumn to P, P included.
    std::size_t known_channels_;
    /// The largest that any convolution needs.
    std::size_t border_ = 0;
    std::size_t scratch_size_ = 0;
};

}  // namespace lvcore
