#pragma once

#include <cstdint>

namespace lvcore {

/// The place of a number in a random order of all 64-bit numbers. With one seed no two numbers
/// share a place, since every step is invertible (the finaliser of splitmix64).
inline std::uint64_t random_place(std::uint64_t number, std::uint64_t seed) {
    const auto mix = [](std::uint64_t x) {
        x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
        x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
        return x ^ (x >> 31U);
    };
    return mix(number ^ mix(seed + 0x9E3779B97F4A7C15U));
}

}  // namespace lvcore
