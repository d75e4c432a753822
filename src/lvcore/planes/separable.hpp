#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lvcore/base/pixels.hpp"
#include "lvcore/planes/axis_taps.hpp"

namespace lvcore {

/// Filters planes along their rows and columns. Reuses its memory.
class SeparableFilter {
  public:
    /// Sets the outputs along each axis of the input.
    void assign(const AxisMap& rows, const AxisMap& columns, Edge edge);

    /// Writes output (i, j), the i-th along the input's rows and the j-th along its columns, to
    /// `out[i * out_stride + j]`, or to `out[j * out_stride + i]` if `transposed`. `plane` is the
    /// first pixel of an input of the size passed to `assign`. The first rows of `next`, the plane
    /// to be filtered after it, are prefetched.
    template <class Pixel>
    void apply(const Pixel* plane, bool transposed, float* out, std::size_t out_stride,
               const Pixel* next = nullptr);

  private:
    template <class Pixel>
    void filter(const Pixel* plane, float* out, std::size_t out_stride, const Pixel* next);
    /// Prefetches the rows of a later output, at the end those of the next plane.
    template <class Pixel>
    void fetch_ahead(const Pixel* plane, const Pixel* next, std::size_t output) const;

    AxisTaps row_taps_;
    AxisTaps column_taps_;
    std::size_t stride_ = 0;
    /// Outputs along the columns that have taps: [begin, end).
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    /// Their column taps as `TapPairs`, short runs padded with zeros; `single_` if no run has more
    /// than one tap.
    std::size_t pairs_ = 0;
    bool single_ = false;
    std::vector<std::int32_t> offsets_;
    std::vector<float> weights_;
    /// Rows filtered along the rows but not yet along the columns, `row_size_` apart.
    std::vector<float> rows_;
    std::size_t row_size_ = 0;
    std::vector<float> straight_;
};

extern template void SeparableFilter::apply(const float*, bool, float*, std::size_t, const float*);
extern template void SeparableFilter::apply(const std::uint8_t*, bool, float*, std::size_t,
                                            const std::uint8_t*);
extern template void SeparableFilter::apply(const std::uint16_t*, bool, float*, std::size_t,
                                            const std::uint16_t*);
extern template void SeparableFilter::apply(const std::int16_t*, bool, float*, std::size_t,
                                            const std::int16_t*);

}  // namespace lvcore
