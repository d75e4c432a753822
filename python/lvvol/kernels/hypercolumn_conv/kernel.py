"""The convolution's Triton kernel: nine matrix products per tile, upsampling on the fly."""

from __future__ import annotations

from collections.abc import Sequence

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch
    import triton
    import triton.language as tl
    from torch import Tensor

from lvvol.kernels import path
from lvvol.kernels.hypercolumn.kernel import aligned, first_channels, sample

_PIXELS = 64
_MIN_SIDE = 16
"""Smallest side of a matrix product on tensor cores."""


@triton.jit
def hypercolumn_conv_fwd_kernel(
    out_ptr,
    maps,
    strides,
    weight_ptr,
    bias_ptr,
    projection_ptr,
    rows,
    columns,
    FIRST: tl.constexpr,
    CHANNELS: tl.constexpr,
    ALIGNED: tl.constexpr,
    TOTAL: tl.constexpr,
    MADE: tl.constexpr,
    LAST: tl.constexpr,
    BILINEAR: tl.constexpr,
    PROJECTED: tl.constexpr,
    PRECISION: tl.constexpr,
    WIDENED: tl.constexpr,
    PIXELS: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Write all MADE output channels of PIXELS pixels of one sample, or their projection.

    For each of the nine taps, a tile of the hypercolumn, (PIXELS, DEPTH), is sampled from the maps
    and multiplied by the tap's weights, (DEPTH, WIDTH).
    """
    area = rows * columns
    blocks = tl.cdiv(area, PIXELS)
    item = (tl.program_id(0) // blocks).to(tl.int64)
    pixel = (tl.program_id(0) % blocks) * PIXELS + tl.arange(0, PIXELS)
    row, column = (pixel // columns)[:, None], (pixel % columns)[:, None]
    channel = tl.arange(0, DEPTH)
    made = tl.arange(0, WIDTH)[None, :]
    total = tl.zeros((PIXELS, WIDTH), dtype=tl.float32)
    for place in range(9):
        near_row, near_column = row + place // 3 - 1, column + place % 3 - 1
        inside = (near_row >= 0) & (near_row < rows) & (pixel < area)[:, None]
        inside &= (near_column >= 0) & (near_column < columns)
        values = tl.zeros((PIXELS, DEPTH), dtype=out_ptr.dtype.element_ty)
        for level in tl.static_range(len(maps)):
            own = channel[None, :] - FIRST[level]
            of_level = (own >= 0) & (own < CHANNELS[level])
            base = maps[level] + item * strides[4 * level]
            read = sample(
                base + own.to(tl.int64) * strides[4 * level + 1],
                near_row,
                near_column,
                rows >> level,
                columns >> level,
                strides[4 * level + 2],
                strides[4 * level + 3],
                of_level & inside,
                ALIGNED[level],
                2**level,
                BILINEAR,
            )
            values = tl.where(of_level, read, values)
        weight = tl.load(
            weight_ptr + (place * TOTAL + channel[:, None]) * MADE + made,
            mask=(channel[:, None] < TOTAL) & (made < MADE),
            other=0,
        )
        if WIDENED:
            values, weight = values.to(tl.float32), weight.to(tl.float32)
        total = tl.dot(values, weight, total, input_precision=PRECISION)
    total += tl.load(bias_ptr + made, mask=made < MADE, other=0).to(tl.float32)
    if PROJECTED:
        share = tl.load(projection_ptr + made, mask=made < MADE, other=0).to(tl.float32)
        result = tl.sum(tl.maximum(total, 0) * share, axis=1)
        tl.store(out_ptr + item * area + pixel, result.to(out_ptr.dtype.element_ty), pixel < area)
    else:
        target = pixel[:, None].to(tl.int64)
        target = target * MADE + made if LAST else made.to(tl.int64) * area + target
        mask = (made < MADE) & (pixel < area)[:, None]
        out = out_ptr + item * area * MADE
        tl.store(out + target, total.to(out_ptr.dtype.element_ty), mask=mask)


def launch_forward(
    maps: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor,
    projection: Tensor | None,
    out: Tensor,
    *,
    bilinear: bool,
) -> None:
    """Fill `out` with the convolution of the maps' hypercolumn, projected if requested.

    Parameters
    ----------
    maps : sequence of Tensor
        Finest first, with valid shapes.
    weight : Tensor, shape (made, channel, 3, 3)
        Weights of the convolution.
    bias, projection : Tensor, shape (made,)
        Contiguous.
    out : Tensor, shape (batch, made or 1, row, column)
        Contiguous or channels-last.
    bilinear : bool
        True for bilinear, False for nearest neighbour.
    """
    path.check_device(out.device)
    batch, _, rows, columns = out.shape
    if batch == 0:
        return
    made, total = weight.shape[:2]
    channels = tuple(values.shape[1] for values in maps)
    # As in torch's convolution: TF32 if cuDNN may use it.
    precision = "tf32" if torch.backends.cudnn.allow_tf32 else "ieee"
    with torch.cuda.device_of(out):
        hypercolumn_conv_fwd_kernel[(batch * triton.cdiv(rows * columns, _PIXELS),)](
            out,
            tuple(maps),
            tuple(stride for values in maps for stride in values.stride()),
            weight.permute(2, 3, 1, 0).contiguous(),
            bias,
            bias if projection is None else projection,
            rows,
            columns,
            FIRST=first_channels(channels),
            CHANNELS=channels,
            ALIGNED=tuple(aligned(values) for values in maps),
            TOTAL=total,
            MADE=made,
            LAST=not out.is_contiguous(),
            BILINEAR=bilinear,
            PROJECTED=projection is not None,
            PRECISION=precision,
            # The interpreter multiplies bfloat16 bit patterns as integers.
            WIDENED=out.device.type == "cpu",
            PIXELS=_PIXELS,
            DEPTH=max(_MIN_SIDE, triton.next_power_of_2(total)),
            WIDTH=max(_MIN_SIDE, triton.next_power_of_2(made)),
            # Prefetching the next tap would not fit in shared memory.
            num_stages=1,
        )
