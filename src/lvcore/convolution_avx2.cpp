#include "lvcore/convolution_kernel.hpp"

namespace lvcore {

const ConvolutionKernels kAvx2Kernels = {8, convolve<8, 6, 12>};

}  // namespace lvcore
