#include "lvcore/boosting/histogram.hpp"

#define LVCORE_KERNELS "lvcore/boosting/histogram_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

void sum_weights(const std::uint8_t* codes, const std::uint32_t* samples,
                 const std::uint32_t* weights, std::size_t count, Bins& bins) {
    LVCORE_BEST(sum_weights)(codes, samples, weights, count, bins);
}

float most_explained(const Histogram& histogram) { return LVCORE_BEST(most_explained)(histogram); }

}  // namespace lvcore
