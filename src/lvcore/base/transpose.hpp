#pragma once

#include <cstddef>

namespace lvcore {

/// Writes the transpose of `rows` x `columns` pixels; `source_stride` and `dst_stride` are the
/// pixels from one row to the next.
void transpose(const float* source, std::size_t source_stride, std::size_t rows,
               std::size_t columns, float* dst, std::size_t dst_stride);

}  // namespace lvcore
