#include "lvcore/cascade/stepped_integral.hpp"

#define LVCORE_KERNELS "lvcore/cascade/stepped_integral_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

void integrate_stepped(const SteppedLayout& layout, const std::uint8_t* pixels, std::size_t rows,
                       std::size_t columns, std::uint32_t* row_sums, std::uint32_t* sums) {
    LVCORE_BEST(integrate_stepped)(layout, pixels, rows, columns, row_sums, sums);
}

LbpCorners stepped_corners(const SteppedLayout& layout, const LbpFeature& feature) {
    LbpCorners corners;
    for (std::size_t i = 0; i < 16; ++i) {
        const std::size_t row =
            static_cast<std::size_t>(feature.y) + i / 4 * static_cast<std::size_t>(feature.height);
        const std::size_t column =
            static_cast<std::size_t>(feature.x) + i % 4 * static_cast<std::size_t>(feature.width);
        corners[i] = static_cast<std::uint32_t>(layout.entry(row, column));
    }
    return corners;
}

}  // namespace lvcore
