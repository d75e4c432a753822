#include "lvcore/boosting/code_matrix.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

#include "lvcore/base/parallel.hpp"
#include "lvcore/base/simd.hpp"
#include "lvcore/cascade/cascade.hpp"

namespace lvcore {

namespace {

// Windows are worked on side by side, as many as fill a cache line of codes: an entry of all
// of them lies together, and one instruction adds for eight. Signed, since that is what AVX2
// compares; a sum within `kMaxCascadeWindow`^2 pixels fits.
constexpr std::size_t kLanesAtOnce = 8;
constexpr std::size_t kBlock = 64;
using Lanes __attribute__((vector_size(4 * kLanesAtOnce))) = std::int32_t;

/// Integral images of up to `kBlock` windows: entry e of window n at [e * kBlock + n].
void integrate_block(const std::uint8_t* windows, std::size_t count, std::size_t height,
                     std::size_t width, std::vector<std::uint32_t>& integral,
                     std::vector<std::int32_t>& sums) {
    for (std::size_t n = 0; n < count; ++n) {
        integrate_into(windows + n * height * width, height, width, integral.data(), width + 1);
        for (std::size_t e = 0; e < integral.size(); ++e) {
            sums[e * kBlock + n] = static_cast<std::int32_t>(integral[e]);
        }
    }
}

/// Codes of one feature at the windows of a block, in the order of bits of `lbp_code`.
LVCORE_CLONES void block_codes(const std::int32_t* sums, const LbpCorners& corners,
                               std::uint8_t* codes) {
    constexpr std::array<std::size_t, 8> kAround = {0, 1, 2, 6, 10, 9, 8, 4};
    alignas(64) std::array<std::int32_t, kBlock> wide;
    for (std::size_t n = 0; n < kBlock; n += kLanesAtOnce) {
        // Each corner into a register of its own: an array of them would go through memory. By
        // reference, since how vectors are returned depends on the machine.
        const auto take_block = [&](std::size_t i, Lanes& sum) {
            Lanes a;
            Lanes b;
            Lanes c;
            Lanes d;
            std::memcpy(&a, sums + corners[i] * kBlock + n, sizeof(Lanes));
            std::memcpy(&b, sums + corners[i + 1] * kBlock + n, sizeof(Lanes));
            std::memcpy(&c, sums + corners[i + 4] * kBlock + n, sizeof(Lanes));
            std::memcpy(&d, sums + corners[i + 5] * kBlock + n, sizeof(Lanes));
            sum = a - b - c + d;
        };
        Lanes centre;
        take_block(5, centre);
        Lanes code = {};
        for (std::size_t b = 0; b < kAround.size(); ++b) {
            Lanes sum;
            take_block(kAround[b], sum);
            code |= (sum >= centre) & (std::int32_t{128} >> b);
        }
        std::memcpy(wide.data() + n, &code, sizeof(code));
    }
    for (std::size_t n = 0; n < kBlock; ++n) {
        codes[n] = static_cast<std::uint8_t>(wide[n]);
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
    stride_ = (windows_ + kBlock - 1) / kBlock * kBlock;
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
    const std::size_t entries = (height + 1) * (width + 1);
    parallel_for_with(
        stride_ / kBlock, 1, threads,
        [&] {
            return Workspace{std::vector<std::uint32_t>(entries),
                             std::vector<std::int32_t>(entries * kBlock)};
        },
        [&](Workspace& workspace, std::size_t begin, std::size_t end) {
            auto& [integral, sums] = workspace;
            for (std::size_t block = begin; block < end; ++block) {
                const std::size_t first = block * kBlock;
                // The last block may be short; codes past its windows are never read.
                integrate_block(windows.data() + first * height * width,
                                std::min(kBlock, windows_ - first), height, width, integral, sums);
                for (std::size_t f = 0; f < features_; ++f) {
                    block_codes(sums.data(), corners[f], codes_.data() + f * stride_ + first);
                }
            }
        });
}

}  // namespace lvcore
