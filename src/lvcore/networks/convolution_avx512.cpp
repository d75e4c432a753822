#include "lvcore/networks/winograd_kernel.hpp"

namespace lvcore {

const ConvolutionKernels kAvx512Kernels = {16, convolve<16, 14, 14>,
                                           convolve_by_winograd<16, 14, 14>};

}  // namespace lvcore
