#pragma once

#include <string_view>

// Kernels have versions for AVX2 and AVX-512 beside the portable one.
#ifdef __x86_64__
#define LVCORE_X86
#endif

namespace lvcore {

/// Sets of machine instructions that kernels are compiled for, from slow to fast.
enum class Instructions {
    /// What every processor of the architecture has: vectors of four floats.
    portable,
    /// AVX2 and FMA: eight.
    avx2,
    /// AVX-512 F, BW, DQ and VL: sixteen.
    avx512,
};

/// Whether this build has code for these instructions and this processor runs it.
bool available(Instructions instructions);

/// The fastest available instructions.
Instructions best_instructions();

/// "portable", "avx2" or "avx512".
std::string_view name_of(Instructions instructions);

/// The version of a kernel to run with these instructions.
template <class Kernel>
const Kernel& version_for(Instructions instructions, const Kernel& portable, const Kernel& avx2,
                          const Kernel& avx512) {
    switch (instructions) {
        case Instructions::avx512:
            return avx512;
        case Instructions::avx2:
            return avx2;
        case Instructions::portable:
            break;
    }
    return portable;
}

}  // namespace lvcore

/// A kernel that `compile_kernels.hpp` compiled: its version for some instructions, or for the best
/// of this processor. Choosing takes a few nanoseconds: do it outside of short loops.
#define LVCORE_VERSION(kernel, instructions) \
    ::lvcore::version_for(instructions, portable::kernel, avx2::kernel, avx512::kernel)
#define LVCORE_BEST(kernel) LVCORE_VERSION(kernel, ::lvcore::best_instructions())
