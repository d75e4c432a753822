#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvcore/cascade/integral.hpp"

namespace lvcore {

/// Windows that are coded together: as many as fill a cache line of codes.
inline constexpr std::size_t kCodeBlock = 64;

/// LBP codes of many windows, one row per feature, so that the codes of a feature are contiguous.
class CodeMatrix {
  public:
    /// Codes of contiguous `windows` of height x width pixels.
    ///
    /// @throws std::invalid_argument if the pixels are not a whole number of windows, a side is 0
    /// or above `kMaxCascadeWindow`, a feature is not inside a window, or as `parallel_for`.
    CodeMatrix(std::span<const LbpFeature> features, std::span<const std::uint8_t> windows,
               std::size_t height, std::size_t width, std::size_t threads);

    [[nodiscard]] std::size_t features() const { return features_; }
    [[nodiscard]] std::size_t windows() const { return windows_; }

    /// The codes of one feature, `windows()` of them.
    [[nodiscard]] const std::uint8_t* row(std::size_t feature) const {
        return codes_.data() + feature * stride_;
    }

  private:
    std::size_t features_;
    std::size_t windows_;
    std::size_t stride_;
    std::vector<std::uint8_t> codes_;
};

}  // namespace lvcore
