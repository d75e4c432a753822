#include <bit>
#include <cstddef>
#include <cstdint>

#include "lvcore/base/instructions.hpp"
#include "lvcore/base/simd.hpp"
#include "lvcore/cascade/stumps.hpp"

#ifdef LVCORE_X86
#include <immintrin.h>
#endif

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

#if LVCORE_LANES == 4

unsigned lane_sums(const StumpStage& stage, const std::uint32_t* window, unsigned lanes,
                   double* sums) {
    unsigned passed = 0;
    for (; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
        sums[lane] = 0;
        for (const Stump& stump : stage.stumps) {
            const bool inside = contains(stump.subset, lbp_code(window + lane, stump.corners));
            sums[lane] += inside ? stump.inside : stump.outside;
        }
        passed |= (sums[lane] >= stage.pass_mark ? 1U : 0U) << lane;
    }
    return passed;
}

#else

/// For each lane, `value` if the sum of the block is at least the centre's, else 0. Sums are below
/// 2^31, so a signed comparison will do.
LVCORE_INLINE __m256i code_bit(__m256i block, __m256i centre, int value) {
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(centre, block), _mm256_set1_epi32(value));
}

/// The differences along one row of a feature's corners, for each lane, as the blocks above and
/// below need them.
struct CornerRow {
    __m256i left;
    __m256i middle;
    __m256i right;
};

LVCORE_INLINE CornerRow corner_row(const Stump& stump, const std::uint32_t* window,
                                   std::size_t row) {
    __m256i corners[4];
    for (std::size_t i = 0; i < 4; ++i) {
        corners[i] = _mm256_loadu_si256(
            reinterpret_cast<const __m256i*>(window + stump.corners[4 * row + i]));
    }
    return {_mm256_sub_epi32(corners[1], corners[0]), _mm256_sub_epi32(corners[2], corners[1]),
            _mm256_sub_epi32(corners[3], corners[2])};
}

/// For each lane, bit 31 is set if its code is in the subset; the other bits are undefined.
LVCORE_INLINE __m256i lanes_inside(const Stump& stump, const std::uint32_t* window) {
    // Starts in the middle and holds at most two rows at a time, to fit in 16 registers.
    const CornerRow upper = corner_row(stump, window, 1);
    const CornerRow lower = corner_row(stump, window, 2);
    const __m256i centre = _mm256_sub_epi32(lower.middle, upper.middle);
    const __m256i sides =
        _mm256_or_si256(code_bit(_mm256_sub_epi32(lower.left, upper.left), centre, 1),
                        code_bit(_mm256_sub_epi32(lower.right, upper.right), centre, 16));
    const CornerRow top = corner_row(stump, window, 0);
    const __m256i above = _mm256_or_si256(
        code_bit(_mm256_sub_epi32(upper.left, top.left), centre, 128),
        _mm256_or_si256(code_bit(_mm256_sub_epi32(upper.middle, top.middle), centre, 64),
                        code_bit(_mm256_sub_epi32(upper.right, top.right), centre, 32)));
    const CornerRow bottom = corner_row(stump, window, 3);
    const __m256i below = _mm256_or_si256(
        code_bit(_mm256_sub_epi32(bottom.left, lower.left), centre, 2),
        _mm256_or_si256(code_bit(_mm256_sub_epi32(bottom.middle, lower.middle), centre, 4),
                        code_bit(_mm256_sub_epi32(bottom.right, lower.right), centre, 8)));
    const __m256i code = _mm256_or_si256(sides, _mm256_or_si256(above, below));
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(stump.subset.data()));
    const __m256i word = _mm256_permutevar8x32_epi32(words, _mm256_srli_epi32(code, 5));
    return _mm256_sllv_epi32(word, _mm256_andnot_si256(code, _mm256_set1_epi32(31)));
}

unsigned lane_sums(const StumpStage& stage, const std::uint32_t* window, unsigned /*lanes*/,
                   double* sums) {
    __m256d low = _mm256_setzero_pd();
    __m256d high = _mm256_setzero_pd();
    for (const Stump& stump : stage.stumps) {
        const __m256i inside = lanes_inside(stump, window);
        const __m256d leaf_in = _mm256_set1_pd(stump.inside);
        const __m256d leaf_out = _mm256_set1_pd(stump.outside);
        const __m256i inside_low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(inside));
        const __m256i inside_high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(inside, 1));
        low = _mm256_add_pd(low,
                            _mm256_blendv_pd(leaf_out, leaf_in, _mm256_castsi256_pd(inside_low)));
        high = _mm256_add_pd(high,
                             _mm256_blendv_pd(leaf_out, leaf_in, _mm256_castsi256_pd(inside_high)));
    }
    _mm256_storeu_pd(sums, low);
    _mm256_storeu_pd(sums + 4, high);
    const __m256d mark = _mm256_set1_pd(stage.pass_mark);
    const int passed_low = _mm256_movemask_pd(_mm256_cmp_pd(low, mark, _CMP_GE_OQ));
    const int passed_high = _mm256_movemask_pd(_mm256_cmp_pd(high, mark, _CMP_GE_OQ));
    return static_cast<unsigned>(passed_low | (passed_high << 4));
}

#endif

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
