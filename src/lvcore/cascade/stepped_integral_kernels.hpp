#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lvcore/base/simd.hpp"
#include "lvcore/cascade/stepped_integral.hpp"

namespace lvcore::LVCORE_INSTRUCTIONS {
namespace {

/// Writes a row of sums, part by part: the entry above plus the row's own sum so far.
template <std::size_t step>
LVCORE_INLINE void write_sums(const SteppedLayout& layout, const std::uint32_t* row_sums,
                              std::size_t columns, const std::uint32_t* above, std::uint32_t* to) {
    const std::size_t stride = step == 0 ? layout.step : step;
    for (std::size_t part = 0; part < stride && part <= columns; ++part) {
        const std::uint32_t* from = row_sums + part;
        const std::uint32_t* LVCORE_RESTRICT over = above + part * layout.part;
        std::uint32_t* LVCORE_RESTRICT sums = to + part * layout.part;
        const std::size_t count = (columns - part) / stride + 1;
        for (std::size_t i = 0; i < count; ++i) {
            sums[i] = over[i] + from[i * stride];
        }
    }
}

void integrate_stepped(const SteppedLayout& layout, const std::uint8_t* pixels, std::size_t rows,
                       std::size_t columns, std::uint32_t* row_sums, std::uint32_t* sums) {
    std::fill_n(sums, layout.stride(), 0U);
    row_sums[0] = 0;
    for (std::size_t r = 0; r < rows; ++r) {
        std::uint32_t sum = 0;
        for (std::size_t c = 0; c < columns; ++c) {
            sum += pixels[r * columns + c];
            row_sums[c + 1] = sum;
        }
        const std::uint32_t* above = sums + r * layout.stride();
        std::uint32_t* to = sums + (r + 1) * layout.stride();
        switch (layout.step) {
            case 1:
                write_sums<1>(layout, row_sums, columns, above, to);
                break;
            case 2:
                write_sums<2>(layout, row_sums, columns, above, to);
                break;
            default:
                write_sums<0>(layout, row_sums, columns, above, to);
        }
    }
}

}  // namespace
}  // namespace lvcore::LVCORE_INSTRUCTIONS
