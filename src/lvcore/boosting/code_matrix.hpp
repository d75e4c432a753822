#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvcore/cascade/integral.hpp"

namespace lvcore {

/// LBP codes of many windows, one row a feature, so that a feature's codes lie together.
class CodeMatrix {
  public:
    /// Codes of `windows`, each of height x width pixels, one after the other.
    ///
    /// @throws std::invalid_argument if the number of pixels is not a whole number of windows, a
    /// side is 0 or above `kMaxCascadeWindow`, or a feature is not inside a window.
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
