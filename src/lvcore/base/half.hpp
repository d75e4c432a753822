#pragma once

#include <cstddef>
#include <cstdint>

namespace lvcore {

/// An IEEE 754 binary16 number: 1 sign bit, 5 exponent bits, 10 fraction bits.
struct Half {
    std::uint16_t bits;
};

/// Rounds each float to the nearest half, ties to even; 65520 and above become infinity, NaN stays
/// NaN.
void to_halves(const float* values, std::size_t count, Half* out);

}  // namespace lvcore
