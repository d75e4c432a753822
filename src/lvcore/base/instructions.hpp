#pragma once

#include <optional>
#include <string_view>

namespace lvcore {

/// Sets of machine instructions that convolutions are written for.
enum class Instructions {
    /// What every processor of the architecture has, in vectors of four floats.
    portable,
    /// AVX2 and FMA: eight.
    avx2,
    /// AVX-512 F, BW, DQ and VL: sixteen.
    avx512,
};

/// Whether this build holds such code and this processor runs it.
bool available(Instructions instructions);

/// The last of `Instructions` that is available.
Instructions best_instructions();

/// "portable", "avx2" or "avx512".
std::string_view name_of(Instructions instructions);

/// The instructions of that name, if there are.
std::optional<Instructions> instructions_named(std::string_view name);

}  // namespace lvcore
