"""Extraction of a window from a stack: the first part of patch scoring's first kernel."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import triton
    import triton.language as tl

from lvvol.kernels.patch_scoring.reference import SAME_POINT
from lvvol.kernels.patch_scoring.weights import WINDOW_SIZE

TILE = tl.constexpr(32)
"""Rows and columns of a tile: a window at 2 to 26, with zero padding for the convolution."""

_SIZE = tl.constexpr(WINDOW_SIZE)
_SAME_POINT = tl.constexpr(SAME_POINT)


@triton.jit
def _moments(low, high, frac, reach):
    """Sum h, h d and h d^2 over the pixels from low to high, as in the reference.

    Pixels are counted from the one at or before the centre, which is `frac` after it.
    """
    # Left of the centre: from low to pixel 0.
    n = tl.maximum(tl.minimum(high, 0) - low + 1, 0).to(tl.float32)
    d = low.to(tl.float32) - frac
    ones = n * (n - 1) / 2
    twos = n * (n - 1) * (2 * n - 1) / 6
    left1 = n * d + ones
    left2 = n * d * d + 2 * d * ones + twos
    left3 = n * d * d * d + 3 * d * d * ones + 3 * d * twos + ones * ones
    left0 = n
    # Right of it: from pixel 1 to high.
    first = tl.maximum(low, 1)
    n = tl.maximum(high - first + 1, 0).to(tl.float32)
    d = first.to(tl.float32) - frac
    ones = n * (n - 1) / 2
    twos = n * (n - 1) * (2 * n - 1) / 6
    right1 = n * d + ones
    right2 = n * d * d + 2 * d * ones + twos
    right3 = n * d * d * d + 3 * d * d * ones + 3 * d * twos + ones * ones
    return (
        left0 + left1 / reach + n - right1 / reach,
        left1 + left2 / reach + right1 - right2 / reach,
        left2 + left3 / reach + right2 - right3 / reach,
    )


@triton.jit
def _axis(start, side, pixels):
    """Return the arguments of `_pixel_weights` along an axis, and the first and last pixel in use.

    Output i of the tile is row i - 2 of the window; the first two are the convolution's padding.
    """
    index = tl.arange(0, TILE) - 2
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
    last = pixels - 1
    first_seen = tl.min(tl.where(inside, tl.minimum(tl.maximum(base + low, 0), last), last))
    last_seen = tl.max(tl.where(inside, tl.minimum(tl.maximum(base + high, 0), last), 0))
    return (
        (
            base,
            frac,
            reach,
            slope,
            (before + slope * before1) * scale,
            (after + slope * after1) * scale,
            scale,
            last,
        ),
        first_seen,
        last_seen,
    )


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
def cut_window(
    slice_ptr,
    stride_t,
    stride_r,
    stride_c,
    n_rows,
    n_columns,
    phases_ptr,
    stride_phase,
    valid,
    top,
    left,
    side,
    PHASES: tl.constexpr,
    PHASE_TILE: tl.constexpr,
    PIXEL_ROWS: tl.constexpr,
    PIXEL_COLUMNS: tl.constexpr,
):
    """Return a window of a slice minus its mean, (row, column, phase) with `TILE` rows.

    Both filters are matrix products, first along rows, with weights computed on the fly. Phases
    count as 0 if the window is not `valid`.
    """
    # float16 is as precise as TF32; bfloat16 is not precise enough for the weights.
    given: tl.constexpr = slice_ptr.dtype.element_ty
    dtype: tl.constexpr = tl.float16 if given == tl.float16 else tl.float32
    products: tl.constexpr = "tf32x3" if given == tl.float32 else "tf32"
    row_axis, first_row, last_row = _axis(top, side, n_rows)
    column_axis, first_column, last_column = _axis(left, side, n_columns)
    # Aligns 16-byte loads if rows start at a multiple of 16.
    first_column = first_column // 16 * 16
    phase = tl.arange(0, PHASE_TILE * PIXEL_ROWS) // PIXEL_ROWS
    t = tl.load(phases_ptr + phase * stride_phase, mask=phase < PHASES, other=0)
    plane = slice_ptr + tl.where(valid, t, 0) * stride_t
    window = tl.zeros((PHASE_TILE * TILE, TILE), tl.float32)
    for r in range(first_row, last_row + 1, PIXEL_ROWS):
        row = r + tl.arange(0, PHASE_TILE * PIXEL_ROWS) % PIXEL_ROWS
        line = plane + row.to(tl.int64) * stride_r
        is_line = (row < n_rows) & (phase < PHASES)
        lines = tl.zeros((PHASE_TILE * PIXEL_ROWS, TILE), tl.float32)
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
        lines = tl.reshape(lines.to(dtype), (PHASE_TILE, PIXEL_ROWS, TILE))
        lines = tl.reshape(tl.permute(lines, (0, 2, 1)), (PHASE_TILE * TILE, PIXEL_ROWS))
        weight = _pixel_weights(r + tl.arange(0, PIXEL_ROWS), row_axis).to(dtype)
        window = tl.dot(lines, weight, window, input_precision=products)

    # To (out row, out column, phase). Outside the window, values are 0, as their weights are.
    window = tl.permute(tl.reshape(window, (PHASE_TILE, TILE, TILE)), (2, 1, 0))
    mean = tl.sum(window) / (_SIZE * _SIZE * PHASES)
    out_row = tl.arange(0, TILE)
    is_in = (out_row >= 2) & (out_row < _SIZE + 2)
    is_in = is_in[:, None, None] & is_in[None, :, None]
    return tl.where(is_in, window - mean, 0.0)
