#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

namespace lvcore {

/// What lies outside an image: zeros, or the nearest edge pixel repeated.
enum class Edge { zero, nearest };

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

}  // namespace lvcore
