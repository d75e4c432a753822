#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

namespace lvcore {

/// Contiguous images of one size, not owned.
template <class Pixel>
struct ImageBatch {
    const Pixel* data;
    std::size_t count;
    std::size_t rows;
    std::size_t columns;
};

/// What an output is worth beyond the edge of an image.
enum class Edge {
    /// 0 if its centre lies off the image; otherwise computed from the image's pixels alone, so
    /// that edges are not darkened.
    zero,
    /// As if the edge pixels were repeated for ever.
    nearest,
};

/// Points closer than this, in pixels, are the same: far above rounding errors of a map, far below
/// the resolution of a float.
inline constexpr double kSamePoint = 1e-9;

/// How far an image extends beyond the centre of an edge pixel: half a pixel.
inline constexpr double kReach = 0.5 + kSamePoint;

/// Largest image, in pixels.
inline constexpr std::size_t kMaxPixels = std::size_t{1} << 30;

/// Frees what `FloatBuffer` allocates.
struct FreeFloats {
    void operator()(float* floats) const noexcept { std::free(floats); }
};

/// Owned, uninitialised floats: every result writes all of its elements, and the thread that fills
/// a page is the first to touch it.
class FloatBuffer {
  public:
    using Memory = std::unique_ptr<float[], FreeFloats>;

    /// @throws std::bad_alloc if there is not enough memory.
    explicit FloatBuffer(std::size_t size);

    [[nodiscard]] float* data() { return memory_.get(); }
    [[nodiscard]] const float* data() const { return memory_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }

    /// Passes ownership of the memory to the caller.
    [[nodiscard]] Memory release() && { return std::move(memory_); }

  private:
    Memory memory_;
    std::size_t size_;
};

/// Zeros, aligned to a cache line.
FloatBuffer zeros(std::size_t size);

/// Whether no value is NaN or infinite.
bool all_finite(const float* values, std::size_t count);

}  // namespace lvcore
