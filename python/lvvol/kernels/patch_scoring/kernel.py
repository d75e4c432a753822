"""Patch scoring in three Triton kernels, one per layer; see docs/kernels.md for the design."""

from __future__ import annotations

from typing import NamedTuple

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch
    import triton
    import triton.language as tl
    from torch import Tensor
    from triton.errors import TritonError as TritonError

from lvvol.kernels import path
from lvvol.kernels.patch_scoring.cut_kernel import TILE, cut_window
from lvvol.kernels.patch_scoring.reference import LARGEST_STEP
from lvvol.kernels.patch_scoring.weights import WIDTH, WINDOW_SIZE, ScoringWeights

# RoiClassifier (paper, Table I): rows of a window after each pooling, channels of each layer.
_POOLED1 = tl.constexpr(12)
_POOLED2 = tl.constexpr(6)
_WIDTH = tl.constexpr(WIDTH)

# Rows of a padded window, without those that pooling drops: the last pool reads rows -2 to 25.
_PADDED = tl.constexpr(28)
_LARGEST_SIDE = tl.constexpr(LARGEST_STEP * WINDOW_SIZE)


class Tiles(NamedTuple):
    """Tiling parameters, which do not affect the result.

    Parameters
    ----------
    windows1 : int
        Windows that a program of the first kernel extracts before it convolves them.
    programs1 : int
        Programs of the first kernel per multiprocessor.
    pixel_rows, pixel_columns : int
        Rows and columns of an image read at a time.
    rows1, depth1, warps1 : int
        Pools and products computed at a time, and warps, of the first kernel.
    rows2, depth2, warps2 : int
        Likewise of the second kernel.
    windows3 : int
        Windows per program of the third kernel.
    """

    windows1: int
    programs1: int
    pixel_rows: int
    pixel_columns: int
    rows1: int
    depth1: int
    warps1: int
    rows2: int
    depth2: int
    warps2: int
    windows3: int


_HALVES = Tiles(8, 2, 16, 32, 128, 32, 4, 256, 64, 8, 4)
TILES = {
    torch.float32: Tiles(4, 2, 16, 16, 128, 16, 8, 128, 32, 8, 2),
    torch.bfloat16: _HALVES,
    torch.float16: _HALVES,
}
"""Tiling by the images' dtype."""


def launch(
    images: Tensor,
    slices: Tensor,
    squares: Tensor,
    phases: Tensor,
    weights: ScoringWeights,
    scores: Tensor,
) -> None:
    """Fill `scores`; the other arguments are those of `patch_scoring`, validated except for values.

    A window whose slice or phases are not in the stack, or whose square is invalid, scores NaN.
    """
    path.check_device(images.device)
    n = slices.shape[0]
    if n == 0:
        return
    tiles = TILES[images.dtype]
    n_phases = phases.shape[-1]
    weights = ScoringWeights(*(weight.contiguous() for weight in weights))
    # The interpreter multiplies bfloat16 bit patterns as integers.
    interpreted = not isinstance(conv2_fwd_kernel, triton.JITFunction)
    widened = interpreted and images.dtype == torch.bfloat16
    concurrent = tiles.programs1 * _multiprocessors(images.device)
    programs = min(triton.cdiv(n, tiles.windows1), concurrent)
    cut = images.new_empty(programs, tiles.windows1, 28 * 28 * n_phases)
    pooled1 = images.new_empty(n, 12, 12, WIDTH)
    pooled2 = images.new_empty(n, 6, 6, WIDTH)
    cut_and_conv1_fwd_kernel[(programs,)](
        images,
        *images.shape,
        *images.stride(),
        slices,
        slices.stride(0),
        squares,
        *squares.stride(),
        phases,
        phases.stride(0) if phases.ndim == 2 else 0,
        phases.stride(-1),
        weights.conv1,
        weights.bias1,
        cut,
        pooled1,
        scores,
        n,
        PHASES=n_phases,
        PHASE_TILE=max(2, triton.next_power_of_2(n_phases)),
        WINDOWS=tiles.windows1,
        PIXEL_ROWS=tiles.pixel_rows,
        PIXEL_COLUMNS=tiles.pixel_columns,
        ROWS=tiles.rows1,
        DEPTH=tiles.depth1,
        WIDENED=widened,
        num_warps=tiles.warps1,
    )
    conv2_fwd_kernel[(triton.cdiv(n * 36, tiles.rows2),)](
        pooled1,
        weights.conv2,
        weights.bias2,
        pooled2,
        n,
        ROWS=tiles.rows2,
        DEPTH=tiles.depth2,
        WIDENED=widened,
        num_warps=tiles.warps2,
    )
    conv3_and_head_fwd_kernel[(triton.cdiv(n, tiles.windows3),)](
        pooled2,
        weights.conv3,
        weights.bias3,
        weights.head,
        weights.head_bias,
        scores,
        n,
        WINDOWS=tiles.windows3,
        WIDENED=widened,
    )


def _multiprocessors(device: torch.device) -> int:
    """Return the number of multiprocessors of a device; 1 for the interpreter."""
    if device.type != "cuda":
        return 1
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


@triton.jit
def _modulo(part, period: tl.constexpr, pointer):
    """Return `part` modulo `period`, in a form that limits the compiler to 8-byte loads.

    Values that a program reads repeatedly should go through the L1 cache. In Triton up to 3.7,
    16-byte copies bypass it whatever the cache modifier.
    """
    few: tl.constexpr = 64 // pointer.dtype.element_ty.primitive_bitwidth
    if period % few == 0:
        return part // few % (period // few) * few + part % few
    return part % period


@triton.jit
def _sum_products(a, b, sums, WIDENED: tl.constexpr):
    """Add a matrix product in the operands' dtype (three of TF32 for float32) to float32 sums."""
    if WIDENED:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, sums, input_precision="tf32x3")


@triton.jit
def _pooled(values, bias_ptr, ROWS: tl.constexpr):
    """Return the maximum of each pool, from (rows, 4 x channels), after bias and ReLU."""
    channel = tl.arange(0, _WIDTH)
    pooled = tl.max(tl.reshape(values, (ROWS, 4, _WIDTH)), axis=1)
    return tl.maximum(pooled + tl.load(bias_ptr + channel)[None, :], 0.0)


@triton.jit
def cut_and_conv1_fwd_kernel(
    images_ptr,
    n_slices,
    n_phases,
    n_rows,
    n_columns,
    stride_z,
    stride_t,
    stride_r,
    stride_c,
    slices_ptr,
    stride_slice,
    squares_ptr,
    stride_square,
    stride_edge,
    phases_ptr,
    stride_window,
    stride_phase,
    weight_ptr,
    bias_ptr,
    cut_ptr,
    pooled_ptr,
    scores_ptr,
    n_windows,
    PHASES: tl.constexpr,
    PHASE_TILE: tl.constexpr,
    WINDOWS: tl.constexpr,
    PIXEL_ROWS: tl.constexpr,
    PIXEL_COLUMNS: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDENED: tl.constexpr,
):
    """Extract windows, subtract their means, convolve and pool: (window, 12, 12, 32).

    Scores are set to 0, or NaN if a window is invalid. `cut` holds the few windows that a program
    is working on, (28, 28, phase) each, and stays in the cache.
    """
    dtype: tl.constexpr = images_ptr.dtype.element_ty
    window_length: tl.constexpr = _PADDED * _PADDED * PHASES
    padded_line: tl.constexpr = _PADDED * PHASES
    patch_line: tl.constexpr = 6 * PHASES
    pools: tl.constexpr = _POOLED1 * _POOLED1

    program = tl.program_id(0)
    cut_ptr += program.to(tl.int64) * WINDOWS * window_length
    phase = tl.arange(0, PHASE_TILE)
    row = tl.arange(0, TILE)
    out_channel = tl.arange(0, 4 * _WIDTH)

    for begin in range(program * WINDOWS, n_windows, tl.num_programs(0) * WINDOWS):
        count = tl.minimum(WINDOWS, n_windows - begin)
        for i in range(count):
            n = tl.full((), begin + i, tl.int64)
            z = tl.load(slices_ptr + n * stride_slice)
            square = squares_ptr + n * stride_square
            top = tl.load(square)
            left = tl.load(square + stride_edge)
            side = tl.load(square + 2 * stride_edge)
            own = phases_ptr + n * stride_window
            t = tl.load(own + phase * stride_phase, mask=phase < PHASES, other=0)
            # NaN fails every comparison.
            valid = (z >= 0) & (z < n_slices) & (side > 0) & (side <= _LARGEST_SIDE)
            valid &= (tl.abs(top) < float("inf")) & (tl.abs(left) < float("inf"))
            valid &= (tl.min(t) >= 0) & (tl.max(t) < n_phases)
            tl.store(scores_ptr + n, tl.where(valid, 0.0, float("nan")))
            window = cut_window(
                images_ptr + tl.where(valid, z, 0) * stride_z,
                stride_t,
                stride_r,
                stride_c,
                n_rows,
                n_columns,
                own,
                stride_phase,
                valid,
                tl.where(valid, top, 0.0),
                tl.where(valid, left, 0.0),
                tl.where(valid, side, 25.0),
                PHASES,
                PHASE_TILE,
                PIXEL_ROWS,
                PIXEL_COLUMNS,
            )
            at = (row[:, None, None] * _PADDED + row[None, :, None]) * PHASES + phase
            padded = row < _PADDED
            tl.store(
                cut_ptr + i * window_length + at,
                window.to(dtype),
                mask=padded[:, None, None] & padded[None, :, None] & (phase < PHASES),
            )
        # Threads read windows that others wrote; wait again below before overwriting them.
        tl.debug_barrier()
        for first in range(0, count * pools, ROWS):
            pool = first + tl.arange(0, ROWS)
            is_pool = pool < count * pools
            place = pool % pools
            corner = place // _POOLED1 * (2 * padded_line) + place % _POOLED1 * (2 * PHASES)
            patch = cut_ptr + pool // pools * window_length + corner
            values = tl.zeros((ROWS, 4 * _WIDTH), tl.float32)
            for k in range(0, 6 * patch_line, DEPTH):
                part = k + tl.arange(0, DEPTH)
                is_part = part < 6 * patch_line
                near = _modulo(part, patch_line, cut_ptr)
                inputs = tl.load(
                    patch[:, None] + (part // patch_line * padded_line + near)[None, :],
                    mask=is_pool[:, None] & is_part[None, :],
                    other=0.0,
                    cache_modifier=".ca",
                )
                weight = tl.load(
                    weight_ptr
                    + out_channel[:, None] * (6 * patch_line)
                    + _modulo(part, 6 * patch_line, weight_ptr)[None, :],
                    mask=is_part[None, :],
                    other=0.0,
                    cache_modifier=".ca",
                )
                values = _sum_products(inputs, tl.trans(weight), values, WIDENED)
            out = pooled_ptr + (tl.full((), begin, tl.int64) * pools + pool) * _WIDTH
            tl.store(
                out[:, None] + tl.arange(0, _WIDTH)[None, :],
                _pooled(values, bias_ptr, ROWS).to(dtype),
                mask=is_pool[:, None],
            )
        tl.debug_barrier()


@triton.jit
def conv2_fwd_kernel(
    inputs_ptr,
    weight_ptr,
    bias_ptr,
    pooled_ptr,
    n_windows,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDENED: tl.constexpr,
):
    """Convolve and pool: (window, 12, 12, 32) to (window, 6, 6, 32)."""
    pools: tl.constexpr = _POOLED2 * _POOLED2
    pool = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    is_pool = pool < n_windows * pools
    place = (pool % pools).to(tl.int32)
    row = place // _POOLED2 * 2 - 2
    column = place % _POOLED2 * 2 - 2
    patch = inputs_ptr + (pool // pools * _POOLED1 * _POOLED1 + row * _POOLED1 + column) * _WIDTH
    out_channel = tl.arange(0, 4 * _WIDTH)
    values = tl.zeros((ROWS, 4 * _WIDTH), tl.float32)
    for k in range(0, 36 * _WIDTH, DEPTH):
        part = k + tl.arange(0, DEPTH)
        near = _modulo(part, _WIDTH, inputs_ptr)
        part_row = part // (6 * _WIDTH)
        part_column = part // _WIDTH % 6
        r = row[:, None] + part_row[None, :]
        c = column[:, None] + part_column[None, :]
        inputs = tl.load(
            patch[:, None]
            + (part_row * (_POOLED1 * _WIDTH) + part_column * _WIDTH + near)[None, :],
            mask=is_pool[:, None] & (r >= 0) & (r < _POOLED1) & (c >= 0) & (c < _POOLED1),
            other=0.0,
            cache_modifier=".ca",
        )
        weight = tl.load(weight_ptr + out_channel[:, None] * (36 * _WIDTH) + part[None, :])
        values = _sum_products(inputs, tl.trans(weight), values, WIDENED)
    tl.store(
        pooled_ptr + pool[:, None] * _WIDTH + tl.arange(0, _WIDTH)[None, :],
        _pooled(values, bias_ptr, ROWS).to(pooled_ptr.dtype.element_ty),
        mask=is_pool[:, None],
    )


@triton.jit
def conv3_and_head_fwd_kernel(
    inputs_ptr,
    weight_ptr,
    bias_ptr,
    head_ptr,
    head_bias_ptr,
    scores_ptr,
    n_windows,
    WINDOWS: tl.constexpr,
    WIDENED: tl.constexpr,
):
    """Convolve, average and classify: add the probability for (window, 6, 6, 32) to 0 or NaN."""
    places: tl.constexpr = 64
    channel = tl.arange(0, _WIDTH)
    near = _modulo(channel, _WIDTH, inputs_ptr)
    flat = tl.arange(0, WINDOWS * places)
    window = tl.program_id(0).to(tl.int64) * WINDOWS + flat // places
    place = flat % places
    is_place = (window < n_windows) & (place < _POOLED2 * _POOLED2)
    row, column = place // _POOLED2 - 1, place % _POOLED2 - 1
    patch = inputs_ptr + (window * (_POOLED2 * _POOLED2) + row * _POOLED2 + column) * _WIDTH
    values = tl.zeros((WINDOWS * places, _WIDTH), tl.float32)
    for k in range(9):
        r, c = row + k // 3, column + k % 3
        is_in = is_place & (r >= 0) & (r < _POOLED2) & (c >= 0) & (c < _POOLED2)
        inputs = tl.load(
            patch[:, None] + (k // 3 * _POOLED2 + k % 3) * _WIDTH + near[None, :],
            mask=is_in[:, None],
            other=0.0,
            cache_modifier=".ca",
        )
        weight = tl.load(
            weight_ptr + channel[:, None] * (9 * _WIDTH) + (channel + k * _WIDTH)[None, :]
        )
        values = _sum_products(inputs, tl.trans(weight), values, WIDENED)
    values = tl.maximum(values + tl.load(bias_ptr + channel)[None, :], 0.0)
    values = tl.where(is_place[:, None], values * tl.load(head_ptr + channel)[None, :], 0.0)
    means = tl.sum(tl.reshape(values, (WINDOWS, places * _WIDTH)), axis=1) / (_POOLED2 * _POOLED2)
    difference = means + tl.load(head_bias_ptr)
    n = tl.program_id(0).to(tl.int64) * WINDOWS + tl.arange(0, WINDOWS)
    score = tl.load(scores_ptr + n, mask=n < n_windows) + 1 / (1 + tl.exp(-difference))
    tl.store(scores_ptr + n, score, mask=n < n_windows)
