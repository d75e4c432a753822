#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lvcore/networks/convolution.hpp"

namespace lvcore {

/// The layers of the ROI classifier, batch normalisation folded into the convolutions.
struct RoiClassifierWeights {
    /// Each with ReLU; all but the last are followed by max pooling.
    std::vector<ConvolutionWeights> convolutions;
    /// From the means of the channels to two logits, as a 1 x 1 convolution.
    ConvolutionWeights linear;
    /// Rows and columns of a window.
    std::size_t size;
};

/// Windows (window, phase, row, column), not owned.
struct Windows {
    const float* data;
    std::size_t count;
    std::size_t phases;
    std::size_t rows;
    std::size_t columns;
};

/// The network that recognises the square around the LV (Liao et al. 2017, Table I), for inference
/// on a CPU.
class RoiClassifier {
  public:
    /// @throws std::invalid_argument, naming the layer, if a layer is invalid (see `Convolution`),
    /// does not match the one before or is missing, there are more than `kMaxNetworkStages`
    /// convolutions, or a window is too small to be halved between them.
    RoiClassifier(const RoiClassifierWeights& weights, Instructions instructions);

    /// Writes the probability of each window being the LV's square. Each window is computed on its
    /// own by one thread, so scores do not depend on the others.
    ///
    /// @throws std::invalid_argument if phases, rows or columns are not those of the network, a
    /// pixel is not finite, or large weights and pixels make logits overflow; as `parallel_for`.
    void score(const Windows& windows, std::span<double> scores, std::size_t threads) const;

    [[nodiscard]] std::size_t phases() const { return convolutions_.front().channels_in(); }

  private:
    class Workspace;

    /// NaN if the logits are not finite.
    double score_one(const float* window, Workspace& workspace) const;

    std::vector<Convolution> convolutions_;
    std::vector<double> linear_;
    double bias_;
    std::size_t size_;
    std::size_t scratch_size_ = 0;
};

}  // namespace lvcore
