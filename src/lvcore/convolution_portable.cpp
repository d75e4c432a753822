#include "lvcore/convolution_kernel.hpp"

namespace lvcore {

const ConvolutionKernels kPortableKernels = {4, convolve<4, 6, 12>};

}  // namespace lvcore
