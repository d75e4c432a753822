#include "lvcore/base/instructions.hpp"

#include <algorithm>
#include <array>

namespace lvcore {

namespace {

constexpr std::array kFromSlowest = {Instructions::portable, Instructions::avx2,
                                     Instructions::avx512};

}  // namespace

bool available(Instructions instructions) {
    switch (instructions) {
        case Instructions::portable:
            return true;
        case Instructions::avx2:
#ifdef LVCORE_X86
            return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
            return false;
#endif
        case Instructions::avx512:
#ifdef LVCORE_X86
            return __builtin_cpu_supports("avx512f") != 0 &&
                   __builtin_cpu_supports("avx512bw") != 0 &&
                   __builtin_cpu_supports("avx512dq") != 0 &&
                   __builtin_cpu_supports("avx512vl") != 0 && available(Instructions::avx2);
#else
            return false;
#endif
    }
    return false;
}

Instructions best_instructions() {
    static const Instructions best =
        *std::find_if(kFromSlowest.rbegin(), kFromSlowest.rend(), available);
    return best;
}

std::string_view name_of(Instructions instructions) {
    switch (instructions) {
        case Instructions::avx2:
            return "avx2";
        case Instructions::avx512:
            return "avx512";
        case Instructions::portable:
            break;
    }
    return "portable";
}

}  // namespace lvcore
