#include "lvcore/networks/winograd_kernel.hpp"

namespace lvcore {

const ConvolutionKernels kPortableKernels = {4, convolve<4, 6, 12>, convolve_by_winograd<4, 6, 12>};

}  // namespace lvcore
