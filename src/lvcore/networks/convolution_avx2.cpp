#include "lvcore/networks/winograd_kernel.hpp"

namespace lvcore {

const ConvolutionKernels kAvx2Kernels = {8, convolve<8, 6, 12>, convolve_by_winograd<8, 6, 12>};

}  // namespace lvcore
