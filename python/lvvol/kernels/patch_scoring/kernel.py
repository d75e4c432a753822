"""Patch scoring in Triton: one kernel cuts windows, another is each layer; see docs/kernels.md."""

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
from lvvol.kernels.patch_scoring.reference import SAME_POINT, within_stack
from lvvol.kernels.patch_scoring.weights import WIDTH, WINDOW_SIZE, ScoringWeights

WINDOWS = 2048
"""Windows at a time, whose maps in 16 bits just fit in the L2 cache of an H100."""

_SIZE = tl.constexpr(WINDOW_SIZE)
_SAME_POINT = tl.constexpr(SAME_POINT)
_WIDTH = tl.constexpr(WIDTH)
_TILE = tl.constexpr(32)
"""Rows and columns that a window is computed in, from 2 on."""
_PADDED = tl.constexpr(28)
"""Those that are kept: the first layer's last pool reads the window's rows -2 to 25."""


class Tiles(NamedTuple):
    """Sizes of blocks. They are fixed, not tuned on the machine: sums depend on their order.

    Parameters
    ----------
    pixel_rows, pixel_columns : int
        Pixels of an image, read at a time.
    places : int
        Pools (in the last layer, positions) of a program.
    depth : int
        Products summed at a time.
    cut_warps, warps : int
        Warps of a program that cuts a window, and of one that convolves.
    """

    pixel_rows: int
    pixel_columns: int
    places: int
    depth: int
    cut_warps: int
    warps: int


_HALVES = Tiles(16, 32, 256, 64, 4, 8)
TILES = {
    torch.float32: Tiles(16, 16, 128, 32, 8, 8),
    torch.bfloat16: _HALVES,
    torch.float16: _HALVES,
}
"""By the images' dtype."""


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
    tiles = TILES[images.dtype]
    weights = ScoringWeights(*(weight.contiguous() for weight in weights))
    valid, *within = within_stack(images, slices, squares, phases)
    slices, squares, phases = (values.contiguous() for values in within)
    n, n_phases = phases.shape
    # Maps with the zeros around them that the next layer reads.
    windows = images.new_empty(min(n, WINDOWS), 28, 28, n_phases)
    maps1 = images.new_zeros(min(n, WINDOWS), 16, 16, WIDTH)
    maps2 = images.new_zeros(min(n, WINDOWS), 8, 8, WIDTH)
    maps3 = images.new_empty(n, 6, 6, WIDTH, dtype=torch.float32)
    for start in range(0, n, WINDOWS):
        part = slice(start, start + WINDOWS)
        m = len(slices[part])
        cut_fwd_kernel[(m,)](
            images,
            *images.shape[2:],
            *images.stride(),
            slices[part],
            squares[part],
            phases[part],
            windows,
            PHASES=n_phases,
            PHASE_TILE=max(2, triton.next_power_of_2(n_phases)),
            PIXEL_ROWS=tiles.pixel_rows,
            PIXEL_COLUMNS=tiles.pixel_columns,
            num_warps=tiles.cut_warps,
        )
        _convolve(m, windows, weights.conv1, weights.bias1, maps1, tiles, pool=4)
        _convolve(m, maps1, weights.conv2, weights.bias2, maps2, tiles, pool=4)
        _convolve(m, maps2, weights.conv3, weights.bias3, maps3[part], tiles, pool=1)
    difference = (maps3.mean(dim=(1, 2)) * weights.head).sum(dim=1) + weights.head_bias
    scores.copy_(difference.sigmoid().where(valid, torch.nan))


def _convolve(
    n: int, inputs: Tensor, weight: Tensor, bias: Tensor, out: Tensor, tiles: Tiles, *, pool: int
) -> None:
    """Launch one layer for the first n windows."""
    side, stride = weight.shape[-2], 2 if pool == 4 else 1
    size = (inputs.shape[1] - side) // stride + 1
    # The interpreter multiplies bfloat16 bit patterns as integers.
    interpreted = not isinstance(conv_fwd_kernel, triton.JITFunction)
    conv_fwd_kernel[(triton.cdiv(n * size * size, tiles.places),)](
        inputs,
        weight,
        bias,
        out,
        n,
        IN=inputs.shape[1],
        CHANNELS=inputs.shape[3],
        SIDE=side,
        STRIDE=stride,
        POOL=pool,
        SIZE=size,
        OUT=out.shape[1],
        PLACES=tiles.places,
        DEPTH=tiles.depth,
        WIDENED=interpreted and inputs.dtype == torch.bfloat16,
        num_warps=tiles.warps,
    )


@triton.jit
def conv_fwd_kernel(
    inputs_ptr,
    weight_ptr,
    bias_ptr,
    out_ptr,
    n_windows,
    IN: tl.constexpr,
    CHANNELS: tl.constexpr,
    SIDE: tl.constexpr,
    STRIDE: tl.constexpr,
    POOL: tl.constexpr,
    SIZE: tl.constexpr,
    OUT: tl.constexpr,
    PLACES: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDENED: tl.constexpr,
):
    """Convolve, take the largest of each pool, add the bias, ReLU.

    (window, IN, IN, CHANNELS) to the middle SIZE x SIZE of (window, OUT, OUT, 32). Weights are
    (POOL x 32, SIDE x SIDE x CHANNELS).
    """
    line: tl.constexpr = SIDE * CHANNELS
    margin: tl.constexpr = (OUT - SIZE) // 2
    # Copies of 16 bytes bypass the L1 cache in Triton 3.7, whatever the modifier says, and patches
    # overlap. Written like this, the compiler sees runs of 8 bytes.
    few: tl.constexpr = 64 // inputs_ptr.dtype.element_ty.primitive_bitwidth
    run: tl.constexpr = few if line % few == 0 else 1
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)
    is_place = (place < n_windows * SIZE * SIZE)[:, None]
    window, row, column = place // (SIZE * SIZE), place // SIZE % SIZE, place % SIZE
    patch = inputs_ptr + ((window * IN + row * STRIDE) * IN + column * STRIDE) * CHANNELS
    made = tl.arange(0, POOL * _WIDTH)
    values = tl.zeros((PLACES, POOL * _WIDTH), tl.float32)
    for k in range(0, SIDE * line, DEPTH):
        part = k + tl.arange(0, DEPTH)
        is_part = (part < SIDE * line)[None, :]
        along = part // run % (line // run) * run + part % run
        inputs = tl.load(
            patch[:, None] + (part // line * (IN * CHANNELS) + along)[None, :],
            mask=is_place & is_part,
            other=0.0,
            cache_modifier=".ca",
        )
        weight = tl.load(
            weight_ptr + made[:, None] * (SIDE * line) + part[None, :], mask=is_part, other=0.0
        )
        if WIDENED:
            inputs, weight = inputs.to(tl.float32), weight.to(tl.float32)
        # In the operands' dtype; for float32, each product is three of TF32.
        values = tl.dot(inputs, tl.trans(weight), values, input_precision="tf32x3")
    channel = tl.arange(0, _WIDTH)
    pooled = tl.max(tl.reshape(values, (PLACES, POOL, _WIDTH)), axis=1)
    pooled = tl.maximum(pooled + tl.load(bias_ptr + channel)[None, :], 0.0)
    out = out_ptr + ((window * OUT + row + margin) * OUT + column + margin) * _WIDTH
    tl.store(out[:, None] + channel[None, :], pooled.to(out_ptr.dtype.element_ty), mask=is_place)


@triton.jit
def cut_fwd_kernel(
    images_ptr,
    n_rows,
    n_columns,
    stride_z,
    stride_t,
    stride_r,
    stride_c,
    slices_ptr,
    squares_ptr,
    phases_ptr,
    windows_ptr,
    PHASES: tl.constexpr,
    PHASE_TILE: tl.constexpr,
    PIXEL_ROWS: tl.constexpr,
    PIXEL_COLUMNS: tl.constexpr,
):
    """Cut a window, subtract its mean, and store it with zeros around: (28, 28, phase).

    Both filters are matrix products, first along rows, with weights computed on the fly.
    """
    # float16 is as precise as TF32; bfloat16 is not precise enough for the weights.
    given: tl.constexpr = images_ptr.dtype.element_ty
    dtype: tl.constexpr = tl.float16 if given == tl.float16 else tl.float32
    products: tl.constexpr = "tf32x3" if given == tl.float32 else "tf32"
    n = tl.program_id(0).to(tl.int64)
    side = tl.load(squares_ptr + 3 * n + 2)
    row_axis, first_row, last_row = _axis(tl.load(squares_ptr + 3 * n), side, n_rows)
    column_axis, first_column, last_column = _axis(
        tl.load(squares_ptr + 3 * n + 1), side, n_columns
    )
    # Aligns 16-byte loads if rows start at a multiple of 16.
    first_column = first_column // 16 * 16
    phase = tl.arange(0, PHASE_TILE * PIXEL_ROWS) // PIXEL_ROWS
    t = tl.load(phases_ptr + n * PHASES + phase, mask=phase < PHASES, other=0)
    plane = images_ptr + tl.load(slices_ptr + n) * stride_z + t * stride_t
    window = tl.zeros((PHASE_TILE * _TILE, _TILE), tl.float32)
    for r in range(first_row, last_row + 1, PIXEL_ROWS):
        row = r + tl.arange(0, PHASE_TILE * PIXEL_ROWS) % PIXEL_ROWS
        line = plane + row.to(tl.int64) * stride_r
        is_line = (row < n_rows) & (phase < PHASES)
        lines = tl.zeros((PHASE_TILE * PIXEL_ROWS, _TILE), tl.float32)
        for c in range(first_column, last_column + 1, PIXEL_COLUMNS):
            column = c + tl.arange(0, PIXEL_COLUMNS)
            values = tl.load(
                line[:, None] + column.to(tl.int64)[None, :] * stride_c,
                mask=is_line[:, None] & (column < n_columns)[None, :],
                other=0.0,
                cache_modifier=".ca",
            )
            weight = _pixel_weights(column, column_axis).to(dtype)
            lines = tl.dot(values.to(dtype), weight, lines, input_precision=products)
        # (phase, row, out column) to (phase, out column, row), then sum over rows.
        lines = tl.reshape(lines.to(dtype), (PHASE_TILE, PIXEL_ROWS, _TILE))
        lines = tl.reshape(tl.permute(lines, (0, 2, 1)), (PHASE_TILE * _TILE, PIXEL_ROWS))
        weight = _pixel_weights(r + tl.arange(0, PIXEL_ROWS), row_axis).to(dtype)
        window = tl.dot(lines, weight, window, input_precision=products)

    # To (out row, out column, phase). Outside the window, values are 0, as their weights are.
    window = tl.permute(tl.reshape(window, (PHASE_TILE, _TILE, _TILE)), (2, 1, 0))
    mean = tl.sum(window) / (_SIZE * _SIZE * PHASES)
    index, phase = tl.arange(0, _TILE), tl.arange(0, PHASE_TILE)
    is_in = (index >= 2) & (index < _SIZE + 2)
    window = tl.where(is_in[:, None, None] & is_in[None, :, None], window - mean, 0.0)
    at = ((n * _PADDED + index[:, None, None]) * _PADDED + index[None, :, None]) * PHASES + phase
    kept = index < _PADDED
    kept = kept[:, None, None] & kept[None, :, None] & (phase < PHASES)
    tl.store(windows_ptr + at, window.to(given), mask=kept)


@triton.jit
def _axis(start, side, pixels):
    """Return the arguments of `_pixel_weights` along an axis, and the first and last pixel in use.

    Output i of the tile is row i - 2 of the window; the first two are the convolution's padding.
    """
    index = tl.arange(0, _TILE) - 2
    inside = (index >= 0) & (index < _SIZE)
    step = side / _SIZE
    reach = tl.where(step > 1 + _SAME_POINT, step, 1.0)
    centre = start + (0.5 * step - 0.5) + step * index.to(tl.float64)
    rounded = tl.floor(centre + 0.5)
    centre = tl.where(tl.abs(centre - rounded) < _SAME_POINT, rounded, centre)
    # Beyond this, the result is constant.
    centre = tl.minimum(tl.maximum(centre, -reach - 1), pixels + reach)
    # From here on, positions relative to the centre's pixel fit in float32.
    whole = tl.floor(centre)
    frac = (centre - whole).to(tl.float32)
    base = whole.to(tl.int32)
    reach = reach.to(tl.float32)
    low = tl.floor(frac - reach).to(tl.int32) + 1
    high = tl.ceil(frac + reach).to(tl.int32) - 1
    total, first, second = _moments(low, high, frac, reach)
    slope = tl.where(reach > 1, -first / tl.where(reach > 1, second, 1.0), 0.0)
    before, before1, _ = _moments(low, tl.minimum(high, -1 - base), frac, reach)
    after, after1, _ = _moments(tl.maximum(low, pixels - base), high, frac, reach)
    scale = tl.where(inside, 1 / (total + slope * first), 0.0)
    before, after = (before + slope * before1) * scale, (after + slope * after1) * scale
    last = pixels - 1
    first_seen = tl.min(tl.where(inside, tl.minimum(tl.maximum(base + low, 0), last), last))
    last_seen = tl.max(tl.where(inside, tl.minimum(tl.maximum(base + high, 0), last), 0))
    return (base, frac, reach, slope, before, after, scale, last), first_seen, last_seen


@triton.jit
def _pixel_weights(pixel, axis):
    """Return the weights of pixels in outputs, (pixel, output), as `axis_weights` does."""
    base, frac, reach, slope, before, after, scale, last = axis
    pixel = pixel[:, None]
    d = (pixel - base[None, :]).to(tl.float32) - frac[None, :]
    weight = tl.maximum(1 - tl.abs(d) / reach, 0.0) * (1 + slope[None, :] * d) * scale[None, :]
    weight += tl.where(pixel == 0, before[None, :], 0.0)
    weight += tl.where(pixel == last, after[None, :], 0.0)
    return weight


@triton.jit
def _moments(low, high, frac, reach):
    """Sum h, h d and h d^2 over the pixels from low to high, as in the reference.

    Pixels are counted from the one at or before the centre, which is `frac` after it.
    """
    left0, left1, left2, left3 = _powers(low, tl.minimum(high, 0), frac)
    right0, right1, right2, right3 = _powers(tl.maximum(low, 1), high, frac)
    return (
        left0 + left1 / reach + right0 - right1 / reach,
        left1 + left2 / reach + right1 - right2 / reach,
        left2 + left3 / reach + right2 - right3 / reach,
    )


@triton.jit
def _powers(low, high, frac):
    """Sum 1, d, d^2 and d^3 over the pixels from low to high, if any."""
    n = tl.maximum(high - low + 1, 0).to(tl.float32)
    d = low.to(tl.float32) - frac
    ones = n * (n - 1) / 2
    twos = n * (n - 1) * (2 * n - 1) / 6
    third = n * d * d * d + 3 * d * d * ones + 3 * d * twos + ones * ones
    return n, n * d + ones, n * d * d + 2 * d * ones + twos, third
