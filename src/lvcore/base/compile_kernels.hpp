// Compiles a header of kernels once per set of instructions:
//
//     #define LVCORE_KERNELS "lvcore/base/half_kernels.hpp"     #include
// "lvcore/base/compile_kernels.hpp"
//
// and `LVCORE_BEST(kernel)` of instructions.hpp picks the version to run. Neither this header nor
// one of kernels has an include guard. All that a header of kernels defines goes into
//
//     namespace lvcore::LVCORE_INSTRUCTIONS { namespace { ... } }
//
// so no function has two bodies under one name, of which the linker would keep one that might hold
// instructions the processor lacks. For the same reason the portable version comes first: headers
// that kernels include are read there, outside the regions of special instructions.
//
// Only convolutions define LVCORE_KERNELS_AVX512, for a third version: other kernels have short
// rows or wait for memory, so theirs is the AVX2 version under another name.

#include "lvcore/base/instructions.hpp"

#ifndef LVCORE_KERNELS
#error "define LVCORE_KERNELS"
#endif

#define LVCORE_INSTRUCTIONS portable
#define LVCORE_LANES 4
#include LVCORE_KERNELS
#undef LVCORE_INSTRUCTIONS
#undef LVCORE_LANES

#ifdef LVCORE_X86

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LVCORE_INSTRUCTIONS avx2
#define LVCORE_LANES 8
#include LVCORE_KERNELS
#undef LVCORE_INSTRUCTIONS
#undef LVCORE_LANES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#ifdef LVCORE_KERNELS_AVX512
#ifdef __clang__
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
#define LVCORE_INSTRUCTIONS avx512
#define LVCORE_LANES 16
#include LVCORE_KERNELS
#undef LVCORE_INSTRUCTIONS
#undef LVCORE_LANES
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
namespace lvcore {
namespace avx512 = avx2;
}
#endif

#else
namespace lvcore {
namespace avx2 = portable;
namespace avx512 = portable;
}  // namespace lvcore
#endif

#undef LVCORE_KERNELS
