"""The hypercolumn's Triton kernels, which read and write every element once.

They store nothing between levels, and no two programs write the same element, so results do not
depend on the order of programs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch
    import triton
    import triton.language as tl
    from torch import Tensor

from lvvol.kernels import path

_TILE = 2048
_FORWARD_TILE = 1024
_MAX_CHANNELS = 64
_BAND_PIXELS = 384


@triton.jit
def _source(fine, size, FACTOR: tl.constexpr):
    """Return the two coarse positions around a fine one, and the weight of the second."""
    position = tl.maximum((fine.to(tl.float32) + 0.5) * (1.0 / FACTOR) - 0.5, 0.0)
    low = position.to(tl.int32)
    return low, tl.minimum(low + 1, size - 1), position - low.to(tl.float32)


@triton.jit
def sample(
    base,
    row,
    column,
    rows,
    columns,
    row_stride,
    column_stride,
    mask,
    ALIGNED: tl.constexpr,
    FACTOR: tl.constexpr,
    BILINEAR: tl.constexpr,
):
    """Return a map's values at fine positions; `base` points at each channel's first element.

    ALIGNED divides both strides; known at compile time, it allows vectorised loads.
    """
    row_stride = row_stride // ALIGNED * ALIGNED
    column_stride = column_stride // ALIGNED * ALIGNED
    if BILINEAR and FACTOR > 1:
        top, bottom, below = _source(row, rows, FACTOR)
        left, right, beside = _source(column, columns, FACTOR)
        first, last = base + top.to(tl.int64) * row_stride, base + bottom.to(tl.int64) * row_stride
        west, east = left.to(tl.int64) * column_stride, right.to(tl.int64) * column_stride
        above = (1 - beside) * tl.load(first + west, mask=mask, other=0).to(tl.float32)
        above += beside * tl.load(first + east, mask=mask, other=0).to(tl.float32)
        under = (1 - beside) * tl.load(last + west, mask=mask, other=0).to(tl.float32)
        under += beside * tl.load(last + east, mask=mask, other=0).to(tl.float32)
        value = ((1 - below) * above + below * under).to(base.dtype.element_ty)
    else:
        offset = (row // FACTOR).to(tl.int64) * row_stride
        offset += (column // FACTOR).to(tl.int64) * column_stride
        value = tl.load(base + offset, mask=mask, other=0)
    return value


@triton.jit
def hypercolumn_fwd_kernel(
    out_ptr,
    maps,
    strides,
    rows,
    columns,
    FIRST: tl.constexpr,
    CHANNELS: tl.constexpr,
    ALIGNED: tl.constexpr,
    TOTAL: tl.constexpr,
    LAST: tl.constexpr,
    BILINEAR: tl.constexpr,
    PIXELS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Write all channels of PIXELS fine pixels of one sample.

    `strides` holds the four strides of each map. FIRST and CHANNELS are each level's first output
    channel and number of channels. LAST means that the output is channels-last; a tile then spans
    WIDTH channels across levels, so that it writes whole cache lines; otherwise, of one level.
    """
    area = rows * columns
    blocks = tl.cdiv(area, PIXELS)
    item = (tl.program_id(0) // blocks).to(tl.int64)
    pixel = (tl.program_id(0) % blocks) * PIXELS + tl.arange(0, PIXELS)
    out = out_ptr + item * area * TOTAL
    if LAST:
        row, column = (pixel // columns)[:, None], (pixel % columns)[:, None]
        for begin in range(0, TOTAL, WIDTH):
            channel = begin + tl.arange(0, WIDTH)[None, :]
            value = tl.zeros((PIXELS, WIDTH), dtype=out_ptr.dtype.element_ty)
            for level in tl.static_range(len(maps)):
                own = channel - FIRST[level]
                of_level = (own >= 0) & (own < CHANNELS[level])
                base = maps[level] + item * strides[4 * level]
                read = sample(
                    base + own.to(tl.int64) * strides[4 * level + 1],
                    row,
                    column,
                    rows >> level,
                    columns >> level,
                    strides[4 * level + 2],
                    strides[4 * level + 3],
                    of_level & (pixel < area)[:, None],
                    ALIGNED[level],
                    2**level,
                    BILINEAR,
                )
                value = tl.where(of_level, read, value)
            place = pixel[:, None].to(tl.int64) * TOTAL + channel
            tl.store(out + place, value, mask=(channel < TOTAL) & (pixel < area)[:, None])
    else:
        row, column = (pixel // columns)[None, :], (pixel % columns)[None, :]
        for level in tl.static_range(len(maps)):
            base = maps[level] + item * strides[4 * level]
            for begin in range(0, CHANNELS[level], WIDTH):
                own = begin + tl.arange(0, WIDTH)[:, None]
                mask = (own < CHANNELS[level]) & (pixel < area)[None, :]
                value = sample(
                    base + own.to(tl.int64) * strides[4 * level + 1],
                    row,
                    column,
                    rows >> level,
                    columns >> level,
                    strides[4 * level + 2],
                    strides[4 * level + 3],
                    mask,
                    ALIGNED[level],
                    2**level,
                    BILINEAR,
                )
                place = (FIRST[level] + own).to(tl.int64) * area + pixel[None, :]
                tl.store(out + place, value, mask=mask)


@triton.jit
def _weight(fine, coarse, size, FACTOR: tl.constexpr):
    """Return the weight of a coarse position in a fine one, along one axis."""
    low, high, share = _source(fine, size, FACTOR)
    return tl.where(low == coarse, 1 - share, 0.0) + tl.where(high == coarse, share, 0.0)


@triton.jit
def _gather_level(
    out,
    gradient,
    strides,
    rows,
    columns,
    band,
    FIRST: tl.constexpr,
    CHANNELS: tl.constexpr,
    FACTOR: tl.constexpr,
    SPREAD: tl.constexpr,
    AT_ONCE: tl.constexpr,
    PIXELS: tl.constexpr,
    WIDTH: tl.constexpr,
    BAND: tl.constexpr,
    LAST: tl.constexpr,
):
    """Write the gradient of one level in one band of one sample.

    A coarse pixel's window of SPREAD x SPREAD fine pixels is read AT_ONCE pixels at a time.
    """
    fine_rows, fine_columns = rows * FACTOR, columns * FACTOR
    begin = band * (BAND // FACTOR) * columns
    end = tl.minimum(begin + (BAND // FACTOR) * columns, rows * columns)
    for start in range(begin, end, PIXELS):
        pixel = start + tl.arange(0, PIXELS)
        row, column = (pixel // columns)[:, None], (pixel % columns)[:, None]
        for own in range(0, CHANNELS, WIDTH):
            channel = own + tl.arange(0, WIDTH)
            base = gradient + (FIRST + channel).to(tl.int64) * strides[1]
            total = tl.zeros((WIDTH, PIXELS), dtype=tl.float32)
            for step in range(0, SPREAD * SPREAD, AT_ONCE):
                place = (step + tl.arange(0, AT_ONCE))[None, :]
                fine_row = row * FACTOR - (SPREAD - FACTOR) // 2 + place // SPREAD
                fine_column = column * FACTOR - (SPREAD - FACTOR) // 2 + place % SPREAD
                mask = (pixel < end)[:, None]
                if SPREAD > FACTOR:
                    mask &= (fine_row >= 0) & (fine_row < fine_rows)
                    mask &= (fine_column >= 0) & (fine_column < fine_columns)
                offset = fine_row.to(tl.int64) * strides[2]
                offset += fine_column.to(tl.int64) * strides[3]
                read = tl.load(
                    base[:, None, None] + offset[None, :, :],
                    mask=(channel < CHANNELS)[:, None, None] & mask[None, :, :],
                    other=0,
                ).to(tl.float32)
                if SPREAD > FACTOR:
                    weight = _weight(fine_row, row, rows, FACTOR)
                    weight *= _weight(fine_column, column, columns, FACTOR)
                    read *= weight[None, :, :]
                total += tl.sum(read, axis=2)
            if LAST:
                place = pixel[None, :].to(tl.int64) * CHANNELS + channel[:, None]
            else:
                place = channel[:, None].to(tl.int64) * (rows * columns) + pixel[None, :]
            mask = (channel < CHANNELS)[:, None] & (pixel < end)[None, :]
            tl.store(out + place, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def hypercolumn_bwd_kernel(
    gradient_ptr,
    strides,
    gradients,
    rows,
    columns,
    BAND: tl.constexpr,
    FIRST: tl.constexpr,
    CHANNELS: tl.constexpr,
    SPREAD: tl.constexpr,
    AT_ONCE: tl.constexpr,
    LAST: tl.constexpr,
    TILE: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Write the gradients of all levels in a band of BAND fine rows of one sample.

    `strides` holds the four strides of the incoming gradient. A coarse pixel's gradient is the
    weighted sum over the fine pixels that it contributes to: its footprint for nearest, a window
    twice as wide for bilinear. BAND is a multiple of the coarsest footprint, so every level reads
    the same band.
    """
    bands = tl.cdiv(rows, BAND)
    item = (tl.program_id(0) // bands).to(tl.int64)
    for level in tl.static_range(len(gradients)):
        area = (rows >> level) * (columns >> level)
        _gather_level(
            gradients[level] + item * area * CHANNELS[level],
            gradient_ptr + item * strides[0],
            strides,
            rows >> level,
            columns >> level,
            tl.program_id(0) % bands,
            FIRST[level],
            CHANNELS[level],
            2**level,
            SPREAD[level],
            AT_ONCE[level],
            TILE // WIDTH // AT_ONCE[level],
            WIDTH,
            BAND,
            LAST,
        )


def launch_forward(maps: Sequence[Tensor], out: Tensor, *, bilinear: bool) -> None:
    """Fill `out` with the hypercolumn.

    Parameters
    ----------
    maps : sequence of Tensor
        Finest first, with valid shapes.
    out : Tensor, shape (batch, sum of channels, row, column)
        Contiguous or channels-last.
    bilinear : bool
        True for bilinear, False for nearest neighbour.
    """
    path.check_device(out.device)
    batch, total, rows, columns = out.shape
    if batch == 0:
        return
    last = not out.is_contiguous()
    channels = tuple(values.shape[1] for values in maps)
    width = _width(total, _MAX_CHANNELS) if last else _width(max(channels), 4)
    pixels = _FORWARD_TILE // width
    grid = (batch * triton.cdiv(rows * columns, pixels),)
    with torch.cuda.device_of(out):
        hypercolumn_fwd_kernel[grid](
            out,
            tuple(maps),
            tuple(stride for values in maps for stride in values.stride()),
            rows,
            columns,
            FIRST=first_channels(channels),
            CHANNELS=channels,
            ALIGNED=tuple(aligned(values) for values in maps),
            TOTAL=total,
            LAST=last,
            BILINEAR=bilinear,
            PIXELS=pixels,
            WIDTH=width,
        )


def launch_backward(gradient: Tensor, gradients: Sequence[Tensor], *, bilinear: bool) -> None:
    """Fill `gradients` with the gradients of the maps.

    Parameters
    ----------
    gradient : Tensor, shape (batch, sum of channels, row, column)
        Gradient of the hypercolumn, in any layout.
    gradients : sequence of Tensor
        Finest first, each contiguous or channels-last.
    bilinear : bool
        True for bilinear, False for nearest neighbour.
    """
    path.check_device(gradient.device)
    batch, _, rows, columns = gradient.shape
    if batch == 0:
        return
    channels = tuple(values.shape[1] for values in gradients)
    spread = [2**level * (2 if bilinear and level else 1) for level in range(len(gradients))]
    width = _width(max(channels), 4)
    band = 2 ** (len(gradients) - 1)
    while band * columns < _BAND_PIXELS and band < rows:
        band *= 2
    with torch.cuda.device_of(gradient):
        hypercolumn_bwd_kernel[(batch * triton.cdiv(rows, band),)](
            gradient,
            gradient.stride(),
            tuple(gradients),
            rows,
            columns,
            BAND=band,
            FIRST=first_channels(channels),
            CHANNELS=channels,
            SPREAD=tuple(spread),
            AT_ONCE=tuple(min(side * side, _TILE // width) for side in spread),
            LAST=any(not values.is_contiguous() for values in gradients),
            TILE=_TILE,
            WIDTH=width,
        )


def first_channels(channels: Sequence[int]) -> tuple[int, ...]:
    """Return each level's first channel in the hypercolumn, coarsest level first."""
    return tuple(sum(channels[level + 1 :]) for level in range(len(channels)))


def _width(channels: int, largest: int) -> int:
    """Return the number of channels in a tile, a power of two."""
    return min(int(triton.next_power_of_2(channels)), largest)


def aligned(values: Tensor) -> int:
    """Return the largest power of two up to 16 that divides a map's row and column strides."""
    return math.gcd(16, *values.stride()[2:])
