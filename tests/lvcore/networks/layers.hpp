#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "lvcore/networks/convolution.hpp"

/// Layers for tests of networks.
namespace networks {

inline constexpr lvcore::Instructions kAll[] = {
    lvcore::Instructions::portable, lvcore::Instructions::avx2, lvcore::Instructions::avx512};

/// The weights of a convolution, owned.
struct Layer {
    std::size_t channels_out;
    std::size_t channels_in;
    std::size_t kernel;
    std::vector<float> weights;
    std::vector<float> bias;

    [[nodiscard]] lvcore::ConvolutionWeights view() const {
        return {weights, bias, channels_out, channels_in, kernel};
    }
};

inline std::vector<float> random_floats(std::size_t count, std::mt19937& random) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

inline Layer random_layer(std::size_t out, std::size_t in, std::size_t kernel,
                          std::mt19937& random) {
    return {out, in, kernel, random_floats(out * in * kernel * kernel, random),
            random_floats(out, random)};
}

}  // namespace networks
