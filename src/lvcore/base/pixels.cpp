#include "lvcore/base/pixels.hpp"

#include <stdlib.h>

#include <algorithm>
#include <limits>
#include <new>

#define LVCORE_KERNELS "lvcore/base/pixels_kernels.hpp"
#include "lvcore/base/compile_kernels.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lvcore {

namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

FloatBuffer::Memory allocate(std::size_t size) {
    if (size > (std::numeric_limits<std::size_t>::max() - kHugePage) / sizeof(float)) {
        throw std::bad_alloc();
    }
    const std::size_t wanted = std::max<std::size_t>(size * sizeof(float), 1);
    const std::size_t alignment = wanted >= 2 * kHugePage ? kHugePage : kCacheLine;
    // Not std::aligned_alloc, which macOS lacks before 10.15.
    void* bytes = nullptr;
    if (posix_memalign(&bytes, alignment, wanted) != 0) {
        throw std::bad_alloc();
    }
    FloatBuffer::Memory memory(static_cast<float*>(bytes));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment == kHugePage) {
        // Page faults can take up to half the time of a large result; a refusal does no harm.
        static_cast<void>(madvise(bytes, wanted, MADV_HUGEPAGE));
    }
#endif
    return memory;
}

}  // namespace

FloatBuffer::FloatBuffer(std::size_t size) : memory_(allocate(size)), size_(size) {}

FloatBuffer zeros(std::size_t size) {
    FloatBuffer buffer(size);
    std::fill_n(buffer.data(), size, 0.0F);
    return buffer;
}

bool all_finite(const float* values, std::size_t count) {
    return LVCORE_BEST(all_finite)(values, count);
}

}  // namespace lvcore
