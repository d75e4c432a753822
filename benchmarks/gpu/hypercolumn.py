"""The hypercolumn's cases: HFCN's maps, forward and backward, in both layouts and modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from lvvol.kernels.hypercolumn import hypercolumn

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
MODES = ("nearest", "bilinear")
CHANNELS = (4, 4, 4, 4)
SIZE = 48


def head_maps(
    batch: int,
    dtype: torch.dtype,
    layout: torch.memory_format,
    device: torch.device,
    channels: Sequence[int] = CHANNELS,
) -> list[Tensor]:
    """Return maps as HFCN's heads give them, with gradients asked for."""
    generator = torch.Generator(device).manual_seed(0)
    return [
        torch.randn(
            (batch, count, SIZE >> level, SIZE >> level), generator=generator, device=device
        )
        .to(dtype, memory_format=layout)
        .requires_grad_()
        for level, count in enumerate(channels)
    ]


def launches() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every variant of the kernels, forward and backward."""

    def both(dtype: torch.dtype, layout: torch.memory_format, mode: str, widths: Sequence[int]):
        maps = head_maps(2, dtype, layout, torch.device("cpu"), widths)
        stacked = hypercolumn(maps, mode, path="triton")
        torch.autograd.grad(stacked, maps, torch.empty_like(stacked))

    for widths in (CHANNELS, (5, 5, 5, 5)):
        for name, layout in LAYOUTS.items():
            for mode in MODES:
                for dtype in DTYPES:
                    text = f"{widths[0]} channels, {name}, {mode}, {str(dtype).split('.')[1]}"
                    yield text, partial(both, dtype, layout, mode, widths)
