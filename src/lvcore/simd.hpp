#pragma once

// LVCORE_CLONES before a function compiles it twice, for AVX2 and for the baseline, and picks at
// load time. It needs ifunc, so glibc on x86-64; elsewhere the baseline (NEON on arm64) is all
// there is. Sanitizers run before ifunc resolvers may, so sanitized builds take the baseline.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__AVX2__) && \
    !defined(__SANITIZE_ADDRESS__) && (!defined(__clang__) || __clang_major__ >= 14)
#define LVCORE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define LVCORE_CLONES
#endif

#define LVCORE_RESTRICT __restrict__
