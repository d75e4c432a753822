#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lvcore {

/// Number of LBP codes.
inline constexpr std::size_t kCodes = 256;

/// A sum of weights for each code.
using Bins = std::array<std::uint32_t, kCodes>;

/// Weights of positive and of negative samples by code.
struct Histogram {
    Bins positive;
    Bins negative;
};

/// Sums `weights[i]` into the bin of code `codes[samples[i]]`.
void sum_weights(const std::uint8_t* codes, const std::uint32_t* samples,
                 const std::uint32_t* weights, std::size_t count, Bins& bins);

/// An upper bound on the variation that a subset of codes explains: that of one leaf per code.
float most_explained(const Histogram& histogram);

}  // namespace lvcore
