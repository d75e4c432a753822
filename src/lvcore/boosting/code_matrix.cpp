#include "lvcore/boosting/code_matrix.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "lvcore/base/parallel.hpp"
#include "lvcore/cascade/cascade.hpp"

#define LVCORE_KERNELS "lvcore/boosting/code_matrix_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

namespace {

/// Integral images of up to `kCodeBlock` windows: entry e of window n at [e * kCodeBlock + n].
void integrate_block(const std::uint8_t* windows, std::size_t count, std::size_t height,
                     std::size_t width, std::vector<std::uint32_t>& integral,
                     std::vector<std::int32_t>& sums) {
    for (std::size_t n = 0; n < count; ++n) {
        integrate_into(windows + n * height * width, height, width, integral.data(), width + 1);
        for (std::size_t e = 0; e < integral.size(); ++e) {
            sums[e * kCodeBlock + n] = static_cast<std::int32_t>(integral[e]);
        }
    }
}

void check(std::span<const LbpFeature> features, std::size_t pixels, std::size_t height,
           std::size_t width) {
    if (height == 0 || width == 0 || height > kMaxCascadeWindow || width > kMaxCascadeWindow) {
        throw std::invalid_argument("windows: expected sides of 1 to " +
                                    std::to_string(kMaxCascadeWindow) + " pixels, got " +
                                    std::to_string(height) + " x " + std::to_string(width));
    }
    if (pixels % (height * width) != 0) {
        throw std::invalid_argument("windows: expected a multiple of " +
                                    std::to_string(height * width) + " pixels, got " +
                                    std::to_string(pixels));
    }
    for (const LbpFeature& f : features) {
        const auto fits = [](std::int64_t start, std::int64_t size, std::size_t side) {
            return start >= 0 && size >= 1 && start + 3 * size <= static_cast<std::int64_t>(side);
        };
        if (!fits(f.x, f.width, width) || !fits(f.y, f.height, height)) {
            throw std::invalid_argument("features: expected 3 x 3 blocks inside the window");
        }
    }
}

}  // namespace

CodeMatrix::CodeMatrix(std::span<const LbpFeature> features, std::span<const std::uint8_t> windows,
                       std::size_t height, std::size_t width, std::size_t threads)
    : features_(features.size()), windows_(0), stride_(0) {
    check(features, windows.size(), height, width);
    windows_ = windows.size() / (height * width);
    stride_ = (windows_ + kCodeBlock - 1) / kCodeBlock * kCodeBlock;
    codes_.resize(features_ * stride_);

    std::vector<LbpCorners> corners;
    corners.reserve(features_);
    for (const LbpFeature& feature : features) {
        corners.push_back(lbp_corners(feature, width + 1));
    }
    struct Workspace {
        std::vector<std::uint32_t> integral;
        std::vector<std::int32_t> sums;
    };
    const auto& block_codes = LVCORE_BEST(block_codes);
    const std::size_t entries = (height + 1) * (width + 1);
    parallel_for_with(
        stride_ / kCodeBlock, 1, threads,
        [&] {
            return Workspace{std::vector<std::uint32_t>(entries),
                             std::vector<std::int32_t>(entries * kCodeBlock)};
        },
        [&](Workspace& workspace, std::size_t begin, std::size_t end) {
            auto& [integral, sums] = workspace;
            for (std::size_t block = begin; block < end; ++block) {
                const std::size_t first = block * kCodeBlock;
                // The last block may be short; codes past its windows are never read.
                integrate_block(windows.data() + first * height * width,
                                std::min(kCodeBlock, windows_ - first), height, width, integral,
                                sums);
                for (std::size_t f = 0; f < features_; ++f) {
                    block_codes(sums.data(), corners[f], codes_.data() + f * stride_ + first);
                }
            }
        });
}

}  // namespace lvcore
