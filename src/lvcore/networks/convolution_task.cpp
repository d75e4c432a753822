#include "lvcore/networks/convolution_task.hpp"

#define LVCORE_KERNELS_AVX512
#define LVCORE_KERNELS "lvcore/networks/winograd_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

namespace lvcore {

const ConvolutionKernels& convolution_kernels(Instructions instructions) {
    return LVCORE_VERSION(convolution_kernels, instructions);
}

}  // namespace lvcore
