#pragma once

#include <cstddef>
#include <cstdint>

namespace lvcore {

/// Rows that are filtered along their columns together.
inline constexpr std::size_t kLinesTogether = 4;

/// Column taps in pairs: output j is the sum over pairs p of pixel `offsets[j] + 2 p` times
/// `weights[p * 2 * outputs + 2 j]` and the next pixel times the next weight.
struct TapPairs {
    const std::int32_t* offsets;
    const float* weights;
    std::size_t pairs;
    std::size_t outputs;
};

}  // namespace lvcore
