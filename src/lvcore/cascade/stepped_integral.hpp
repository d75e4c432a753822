#pragma once

#include <cstddef>
#include <cstdint>

#include "lvcore/cascade/integral.hpp"

namespace lvcore {

/// Entries that may be read past the last window of a row, since several are evaluated at once.
inline constexpr std::size_t kSpareEntries = 8;

/// Memory layout of an integral image. Windows are tried every `step` columns, and consecutive ones
/// are one entry apart: column c is entry c / step of part c % step of its row.
struct SteppedLayout {
    std::size_t step;
    /// Entries of a part, including `kSpareEntries` spare ones.
    std::size_t part;

    SteppedLayout(std::size_t step_, std::size_t columns)
        : step(step_), part((columns + step_) / step_ + kSpareEntries) {}

    [[nodiscard]] std::size_t stride() const { return step * part; }
    [[nodiscard]] std::size_t entry(std::size_t row, std::size_t column) const {
        return row * stride() + column % step * part + column / step;
    }
};

/// Integrates an image of rows x columns pixels in a layout: (rows + 1) x stride entries.
///
/// @param row_sums  scratch of columns + 1 entries
void integrate_stepped(const SteppedLayout& layout, const std::uint8_t* pixels, std::size_t rows,
                       std::size_t columns, std::uint32_t* row_sums, std::uint32_t* sums);

/// The corners of a feature in a layout.
LbpCorners stepped_corners(const SteppedLayout& layout, const LbpFeature& feature);

}  // namespace lvcore
