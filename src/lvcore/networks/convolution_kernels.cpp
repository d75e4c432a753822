#include "lvcore/networks/convolution_kernels.hpp"

namespace lvcore {

const ConvolutionKernels& convolution_kernels([[maybe_unused]] Instructions instructions) {
#ifdef LVCORE_X86_KERNELS
    switch (instructions) {
        case Instructions::avx512:
            return kAvx512Kernels;
        case Instructions::avx2:
            return kAvx2Kernels;
        case Instructions::portable:
            break;
    }
#endif
    return kPortableKernels;
}

}  // namespace lvcore
