#pragma once

#include <cstddef>
#include <cstdint>

namespace lvcore {

/// A float of IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
struct Half {
    std::uint16_t bits;
};

/// Writes each float as the nearest half, ties to even: from 65520 on infinity, NaN as NaN.
void to_halves(const float* values, std::size_t count, Half* out);

}  // namespace lvcore
