"""Cases of the convolutions to P and O straight from the head maps, at sizes of the hypercolumn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu.card import DTYPES, name_of
from benchmarks.gpu.case import Case, Operation, seeded
from benchmarks.gpu.hypercolumn import LAYOUTS, MODES, head_maps, sizes
from lvvol.kernels.hypercolumn.op import layout_of
from lvvol.kernels.hypercolumn_conv import hypercolumn_conv

TOLERANCES = {torch.float32: 2e-3, torch.bfloat16: 2e-2, torch.float16: 4e-3}


def cases(device: torch.device) -> Iterator[Case]:
    """Yield the cases, each made on the device when it is its turn."""
    for size, maps, mode in sizes(device):
        yield from convolutions(size, [values.detach() for values in maps], mode)


def convolutions(size: str, maps: list[Tensor], mode: str) -> Iterator[Case]:
    """Yield the convolutions straight from the maps to P and O."""
    for output, arguments in outputs(maps).items():
        reference = partial(hypercolumn_conv, mode=mode, path="reference")
        read, weight, *others = arguments
        made = reference(*arguments)

        def prepare(operation: Operation, given: tuple = arguments) -> Callable[[], object]:
            return lambda: operation(*given)

        yield Case(
            kernel=f"hypercolumn to {output}",
            size=size,
            dtype=made.dtype,
            reference=reference,
            candidate=partial(hypercolumn_conv, mode=mode, path="triton"),
            prepare=prepare,
            bytes_moved=sum(values.nbytes for values in (*read, weight, *others, made)),
            operations=2 * weight.numel() * made.numel() // made.shape[1],
            tolerance=TOLERANCES[made.dtype],
            targets={"times compiled": 1.0},
        )


def outputs(maps: list[Tensor]) -> dict[str, tuple[object, ...]]:
    """Return arguments of the convolutions to P and O; O also reads P, next to the finest map."""
    finest = maps[0]
    total = sum(values.shape[1] for values in maps)
    with_p = torch.cat([finest, finest[:, :2]], 1).contiguous(memory_format=layout_of(finest))
    generator = seeded(finest.device, 1)

    def random(*size: int) -> Tensor:
        values = torch.randn(size, generator=generator, device=finest.device)
        return (values / 9).to(finest.dtype)

    return {
        "P": (maps, random(2, total, 3, 3), random(2)),
        "O": ([with_p, *maps[1:]], random(8, total + 2, 3, 3), random(8), random(8)),
    }


def launches() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every variant of the kernel."""
    for name, layout in LAYOUTS.items():
        for mode in MODES:
            for dtype in DTYPES:
                maps = head_maps(2, dtype, layout, torch.device("cpu"))
                for output, arguments in outputs([values.detach() for values in maps]).items():
                    text = f"{output}, {name}, {mode}, {name_of(dtype)}"
                    yield text, partial(hypercolumn_conv, *arguments, mode=mode, path="triton")
