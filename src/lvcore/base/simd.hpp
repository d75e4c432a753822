#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define LVCORE_RESTRICT __restrict__

/// For functions that must become part of each version of the kernels that call them.
#define LVCORE_INLINE [[gnu::always_inline]] inline

namespace lvcore {

/// Four floats: one register on every machine, SSE on x86-64 and NEON on arm64.
using Quad __attribute__((vector_size(16))) = float;

LVCORE_INLINE Quad load_quad(const float* from) {
    Quad quad;
    std::memcpy(&quad, from, sizeof(quad));
    return quad;
}

LVCORE_INLINE void store_quad(float* to, Quad quad) { std::memcpy(to, &quad, sizeof(quad)); }

/// Eight floats: one AVX2 register, two elsewhere. Passed by reference, since how they are passed
/// by value depends on the instructions.
using Octet __attribute__((vector_size(32))) = float;

LVCORE_INLINE void load_octet(const float* from, Octet& octet) {
    std::memcpy(&octet, from, sizeof(octet));
}

LVCORE_INLINE void store_octet(float* to, const Octet& octet) {
    std::memcpy(to, &octet, sizeof(octet));
}

/// {a[0], a[1], b[0], b[1]}: each pair of neighbours is loaded as one word.
LVCORE_INLINE Quad load_pairs(const float* a, const float* b) {
    using Words __attribute__((vector_size(16))) = std::uint64_t;
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, a, sizeof(low));
    std::memcpy(&high, b, sizeof(high));
    const Words words = {low, high};
    Quad quad;
    std::memcpy(&quad, &words, sizeof(quad));
    return quad;
}

/// The same for integers.
template <std::integral Pixel>
LVCORE_INLINE Quad load_pairs(const Pixel* a, const Pixel* b) {
#if __has_builtin(__builtin_shufflevector)  // not in GCC before 12
    if constexpr (sizeof(Pixel) == 2 && std::endian::native == std::endian::little) {
        using Words __attribute__((vector_size(16))) = std::uint32_t;
        using Shorts __attribute__((vector_size(16))) = std::uint16_t;
        using Ints __attribute__((vector_size(16))) = std::int32_t;
        std::uint32_t low;
        std::uint32_t high;
        std::memcpy(&low, a, sizeof(low));
        std::memcpy(&high, b, sizeof(high));
        const Words words = {low, high, 0, 0};
        Shorts shorts;
        std::memcpy(&shorts, &words, sizeof(shorts));
        // Each goes into the upper half of a lane; the shift down extends its sign.
        const Shorts raised = __builtin_shufflevector(Shorts{}, shorts, 0, 8, 1, 9, 2, 10, 3, 11);
        using Lanes = std::conditional_t<std::signed_integral<Pixel>, Ints, Words>;
        Lanes lanes;
        std::memcpy(&lanes, &raised, sizeof(lanes));
        lanes >>= 16;
        Ints ints;
        std::memcpy(&ints, &lanes, sizeof(ints));
        return __builtin_convertvector(ints, Quad);
    }
#endif
    return Quad{static_cast<float>(a[0]), static_cast<float>(a[1]), static_cast<float>(b[0]),
                static_cast<float>(b[1])};
}

/// {a[0] + a[1], a[2] + a[3], b[0] + b[1], b[2] + b[3]}
LVCORE_INLINE Quad add_pairs(Quad a, Quad b) {
    return Quad{a[0], a[2], b[0], b[2]} + Quad{a[1], a[3], b[1], b[3]};
}

}  // namespace lvcore
