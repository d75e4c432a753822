#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace lvcore {

/// What lies outside an image: zeros, or the nearest edge pixel repeated.
enum class Edge { zero, nearest };

/// Owned floats, not initialised: every result writes all of its elements, and the pages are first
/// touched by the thread that fills them.
class FloatBuffer {
  public:
    explicit FloatBuffer(std::size_t size)
        : data_(std::make_unique_for_overwrite<float[]>(size)), size_(size) {}

    [[nodiscard]] float* data() { return data_.get(); }
    [[nodiscard]] const float* data() const { return data_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }

    /// Gives the memory to the caller.
    [[nodiscard]] std::unique_ptr<float[]> release() && { return std::move(data_); }

  private:
    std::unique_ptr<float[]> data_;
    std::size_t size_;
};

}  // namespace lvcore
