"""Cases of the hypercolumn: maps of HFCN, forward and backward, in both layouts and modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu.card import DTYPES, name_of
from benchmarks.gpu.case import Case, Operation, seeded
from lvvol.kernels.hypercolumn import hypercolumn
from lvvol.kernels.path import forced
from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.hfcn import HFCN

LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
MODES = ("nearest", "bilinear")
CHANNELS = (4, 4, 4, 4)
SIZE = 48
BATCHES = (8192, 256)
TARGETS = {"times compiled": 2.0, "share of floor": 0.7}
TOLERANCES = {torch.float32: 1e-6, torch.bfloat16: 2e-2, torch.float16: 2e-3}
NETWORK_BATCH = 8192
NETWORK_TOLERANCES = {torch.float32: 1e-2, torch.bfloat16: 1e-1}


def head_maps(
    batch: int,
    dtype: torch.dtype,
    layout: torch.memory_format,
    device: torch.device,
    channels: Sequence[int] = CHANNELS,
) -> list[Tensor]:
    """Return maps like those of HFCN's heads, which require gradients."""
    generator = seeded(device, 0)
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
                    text = f"{widths[0]} channels, {name}, {mode}, {name_of(dtype)}"
                    yield text, partial(both, dtype, layout, mode, widths)


def cases(device: torch.device) -> Iterator[Case]:
    """Yield the cases, each made on the device when it is its turn."""
    for dtype in NETWORK_TOLERANCES:
        yield network_case(dtype, device)
    for size, maps, mode in sizes(device):
        yield from both_ways(size, maps, mode)


def sizes(device: torch.device) -> Iterator[tuple[str, list[Tensor], str]]:
    """Yield maps of every size, largest first, with its name and the mode."""
    for batch in BATCHES:
        for dtype in DTYPES:
            for name, layout in LAYOUTS.items():
                for mode in MODES:
                    maps = head_maps(batch, dtype, layout, device)
                    yield f"{batch} patches, {name}, {mode}, {name_of(dtype)}", maps, mode


def both_ways(size: str, maps: list[Tensor], mode: str) -> Iterator[Case]:
    """Yield the upsampling of maps, and its gradient."""
    dtype = maps[0].dtype
    reference = partial(hypercolumn, mode=mode, path="reference")
    candidate = partial(hypercolumn, mode=mode, path="triton")
    gradient = torch.randn_like(reference(maps))

    def forward(operation: Operation) -> Callable[[], object]:
        detached = [values.detach() for values in maps]
        return lambda: operation(detached)

    def backward(operation: Operation) -> Callable[[], object]:
        stacked = operation(maps)
        return lambda: torch.autograd.grad(stacked, maps, gradient, retain_graph=True)

    for kernel, prepare in (("hypercolumn", forward), ("hypercolumn gradient", backward)):
        yield Case(
            kernel=kernel,
            size=size,
            dtype=dtype,
            reference=reference,
            candidate=candidate,
            prepare=prepare,
            bytes_moved=sum(values.nbytes for values in (*maps, gradient)),
            tolerance=TOLERANCES[dtype],
            targets=TARGETS,
        )


def network_case(dtype: torch.dtype, device: torch.device) -> Case:
    """Return the whole HFCN as trained, compared with HFCN made ready for inference.

    The latter has folded batch normalisation, channels-last maps and upsampling by the kernel, and
    is compiled too.
    """
    torch.manual_seed(0)
    plain = HFCN().to(device, dtype).eval()
    readied = deepcopy(plain)
    fold_batch_norm(readied)
    compiled = torch.compile(readied)
    patches = torch.randn(NETWORK_BATCH, 1, SIZE, SIZE, device=device).to(dtype)

    def by_reference(batch: Tensor) -> Sequence[Tensor]:
        with forced("reference"):
            return plain(batch)

    def by_kernel(batch: Tensor) -> Sequence[Tensor]:
        with forced("triton"):
            return compiled(batch.contiguous(memory_format=torch.channels_last))

    def prepare(operation: Operation) -> Callable[[], object]:
        def run() -> object:
            with torch.no_grad():
                return operation(patches)

        return run

    size = f"{NETWORK_BATCH} patches, {name_of(dtype)}"
    weights = sum(values.nbytes for values in plain.parameters())
    return Case(
        kernel="HFCN",
        size=size,
        dtype=dtype,
        reference=by_reference,
        candidate=by_kernel,
        prepare=prepare,
        bytes_moved=4 * patches.nbytes + weights,
        operations=NETWORK_BATCH * operations(plain),
        tolerance=NETWORK_TOLERANCES[dtype],
        targets={"times compiled": 1.5},
    )


def operations(network: HFCN) -> int:
    """Return the operations of a network's convolutions on one patch, two per multiply-add."""
    counted: list[int] = []

    def count(layer: torch.nn.Conv2d, _: object, made: Tensor) -> None:
        counted.append(2 * made[0].numel() * layer.weight[0].numel())

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    weight = next(network.parameters())
    with torch.no_grad(), forced("reference"):
        network(weight.new_zeros(1, 1, SIZE, SIZE))
    for hook in hooks:
        hook.remove()
    return sum(counted)
