"""How many multiply-adds one core does in a second, measured by a loop of nothing else."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

_SOURCE = r"""
#include <time.h>
#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
typedef float Vector __attribute__((vector_size(4 * LANES)));

/* Twelve independent sums; the compiler does not know `scale` and `shift`. */
double multiply_adds_per_second(long rounds, float scale, float shift, float *sink) {
    Vector sums[12], x, y;
    for (int i = 0; i < LANES; ++i) {
        x[i] = scale + i;
        y[i] = shift;
        for (int k = 0; k < 12; ++k) sums[k][i] = k + i;
    }
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
        for (int k = 0; k < 12; ++k) sums[k] = sums[k] * x + y;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int k = 0; k < 12; ++k) for (int i = 0; i < LANES; ++i) *sink += sums[k][i];
    double seconds = (end.tv_sec - begin.tv_sec) + 1e-9 * (end.tv_nsec - begin.tv_nsec);
    return 12.0 * LANES * rounds / seconds;
}
"""


def multiply_adds_per_second(tries: int = 20) -> float | None:
    """Return the largest rate of several tries, float32; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "peak.c"), Path(folder, "peak.so")
        source.write_text(_SOURCE, encoding="utf-8")
        options = ["-O2", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, source, "-o", library], check=True)
        function = ctypes.CDLL(str(library)).multiply_adds_per_second
        function.restype = ctypes.c_double
        function.argtypes = [
            ctypes.c_long,
            ctypes.c_float,
            ctypes.c_float,
            ctypes.POINTER(ctypes.c_float),
        ]
        sink = ctypes.c_float()
        return float(max(function(10**6, 0.5, 0.1, ctypes.byref(sink)) for _ in range(tries)))
