#include "lvcore/base/transpose.hpp"

#include "lvcore/base/simd.hpp"

namespace lvcore {

namespace {

/// Writes the transpose of 4 x 4 pixels.
void transpose_block(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) {
#if __has_builtin(__builtin_shufflevector)
    const Quad row0 = load_quad(from);
    const Quad row1 = load_quad(from + from_stride);
    const Quad row2 = load_quad(from + 2 * from_stride);
    const Quad row3 = load_quad(from + 3 * from_stride);
    const Quad low01 = __builtin_shufflevector(row0, row1, 0, 4, 1, 5);
    const Quad low23 = __builtin_shufflevector(row2, row3, 0, 4, 1, 5);
    const Quad high01 = __builtin_shufflevector(row0, row1, 2, 6, 3, 7);
    const Quad high23 = __builtin_shufflevector(row2, row3, 2, 6, 3, 7);
    const Quad column0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    const Quad column1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    const Quad column2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    const Quad column3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    store_quad(to, column0);
    store_quad(to + to_stride, column1);
    store_quad(to + 2 * to_stride, column2);
    store_quad(to + 3 * to_stride, column3);
#else  // GCC before 12
    for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t c = 0; c < 4; ++c) {
            to[c * to_stride + r] = from[r * from_stride + c];
        }
    }
#endif
}

}  // namespace

void transpose(const float* LVCORE_RESTRICT source, std::size_t source_stride, std::size_t rows,
               std::size_t columns, float* LVCORE_RESTRICT dst, std::size_t dst_stride) {
    const std::size_t whole_rows = rows - rows % 4;
    const std::size_t whole_columns = columns - columns % 4;
    for (std::size_t r = 0; r < whole_rows; r += 4) {
        for (std::size_t c = 0; c < whole_columns; c += 4) {
            transpose_block(source + r * source_stride + c, source_stride, dst + c * dst_stride + r,
                            dst_stride);
        }
    }
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) {
            dst[c * dst_stride + r] = source[r * source_stride + c];
        }
    }
}

}  // namespace lvcore
