#include "lvcore/networks/feature_map.hpp"

#define LVCORE_KERNELS "lvcore/networks/feature_map_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

void max_pool(MapView<const float> in, std::size_t rows, std::size_t columns, std::size_t channels,
              MapView<float> out) {
    LVCORE_BEST(max_pool)(in, rows, columns, channels, out);
}

void channel_means(MapView<const float> in, std::size_t rows, std::size_t columns,
                   std::size_t channels, double* means) {
    LVCORE_BEST(channel_means)(in, rows, columns, channels, means);
}

}  // namespace lvcore
