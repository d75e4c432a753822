#include "lvcore/base/half.hpp"

#define LVCORE_KERNELS "lvcore/base/half_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

void to_halves(const float* values, std::size_t count, Half* out) {
    LVCORE_BEST(to_halves)(values, count, out);
}

}  // namespace lvcore
