#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

namespace lvcore {

/// Images of one size, one after the other, that someone else owns.
template <class Pixel>
struct ImageBatch {
    const Pixel* data;
    std::size_t count;
    std::size_t rows;
    std::size_t columns;
};

/// What an output is where it reaches beyond an image.
enum class Edge {
    /// 0 where its centre lies off the image. Elsewhere it comes from the image's pixels alone, so
    /// that no edge is darkened.
    zero,
    /// What it would be if the edge pixels were repeated for ever.
    nearest,
};

/// Points this close, in pixels, are the same: far above rounding in a map, far below a float's
/// resolution.
inline constexpr double kSamePoint = 1e-9;

/// How far beyond the centre of an edge pixel an image reaches: half a pixel.
inline constexpr double kReach = 0.5 + kSamePoint;

/// Largest image, in pixels.
inline constexpr std::size_t kMaxPixels = std::size_t{1} << 30;

/// Frees what `FloatBuffer` allocates.
struct FreeFloats {
    void operator()(float* floats) const noexcept { std::free(floats); }
};

/// Owned floats, not initialised: every result writes all of its elements, and the pages are first
/// touched by the thread that fills them.
class FloatBuffer {
  public:
    using Memory = std::unique_ptr<float[], FreeFloats>;

    /// @throws std::bad_alloc where there is no memory.
    explicit FloatBuffer(std::size_t size);

    [[nodiscard]] float* data() { return memory_.get(); }
    [[nodiscard]] const float* data() const { return memory_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }

    /// Gives the memory to the caller.
    [[nodiscard]] Memory release() && { return std::move(memory_); }

  private:
    Memory memory_;
    std::size_t size_;
};

/// So many zeros, from the beginning of a cache line on.
FloatBuffer zeros(std::size_t size);

/// Whether none is NaN or infinite.
bool all_finite(const float* values, std::size_t count);

}  // namespace lvcore
