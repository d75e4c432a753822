#include "lvcore/networks/upsampling.hpp"

#include <algorithm>

namespace lvcore {

std::vector<UpsamplingTap> upsampling_taps(std::size_t size, std::size_t factor,
                                           Upsampling upsampling) {
    std::vector<UpsamplingTap> taps(size * factor);
    for (std::size_t i = 0; i < taps.size(); ++i) {
        const std::size_t nearest = i / factor;
        taps[i] = {nearest, nearest, 0.0F};
        if (upsampling == Upsampling::bilinear) {
            const double centre =
                (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
            const double place = std::max(centre, 0.0);
            const auto first = static_cast<std::size_t>(place);
            taps[i] = {first, std::min(first + 1, size - 1),
                       static_cast<float>(place - static_cast<double>(first))};
        }
    }
    return taps;
}

void upsample(MapView<const float> in, const std::vector<UpsamplingTap>& row_taps,
              const std::vector<UpsamplingTap>& column_taps, std::size_t channels,
              MapView<float> out) {
    for (std::size_t y = 0; y < row_taps.size(); ++y) {
        const UpsamplingTap& row = row_taps[y];
        for (std::size_t x = 0; x < column_taps.size(); ++x) {
            const UpsamplingTap& column = column_taps[x];
            const float* a = in.at(row.first, column.first);
            float* to = out.at(y, x);
            if (row.weight == 0.0F && column.weight == 0.0F) {
                std::copy_n(a, channels, to);
                continue;
            }
            const float* b = in.at(row.first, column.second);
            const float* c = in.at(row.second, column.first);
            const float* d = in.at(row.second, column.second);
            for (std::size_t i = 0; i < channels; ++i) {
                const float upper = a[i] + column.weight * (b[i] - a[i]);
                const float lower = c[i] + column.weight * (d[i] - c[i]);
                to[i] = upper + row.weight * (lower - upper);
            }
        }
    }
}

}  // namespace lvcore
