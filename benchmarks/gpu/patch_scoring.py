"""Cases of patch scoring, compared with grid sampling plus the classifier, and with its reference.

`torch.nn.functional.grid_sample` interpolates bilinearly whatever the size of a window. That is
less work than the filter of patch scoring, and skips pixels of a window that shrinks. On images
with constant slope the two agree, so there the comparison can be checked as well as timed. Patch
scoring is also checked on noise, against its reference, which has the same filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.gpu.card import DTYPES, name_of
from benchmarks.gpu.case import Case, Operation, seeded
from lvvol.kernels.patch_scoring import patch_scoring, scoring_weights
from lvvol.kernels.patch_scoring.reference import patch_scoring_reference
from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.weights import load_roi_classifier_module

SLICES = 16
WINDOWS = (2400, 16384)
REFERENCE_WINDOWS = 512
PHASES = 30
PIXELS = 256
SIDES = (40.0, 110.0)
TARGETS = {"times compiled": 3.0}
# Fractions of the largest score: both ways round to one part in 2^11 (float16), 2^10 (TF32, for
# float32) or 2^8 (bfloat16) at every layer; the tolerance is some tens of times that.
TOLERANCES = {torch.float32: 3e-2, torch.float16: 3e-2, torch.bfloat16: 1e-1}

OPERATIONS = 2 * (24 * 24 * 25 * 6 * 32 + 12 * 12 * 25 * 32 * 32 + 6 * 6 * 9 * 32 * 32 + 2 * 32)
"""Operations of Table I's layers on one window, two per multiply-add, less the row and column that
pooling drops (25 to 24)."""


def rising_images(device: torch.device) -> Tensor:
    """Return a stack of images with constant slope, each less steep than the one before."""
    z, t, row, column = torch.meshgrid(
        torch.arange(SLICES, device=device),
        torch.arange(PHASES, device=device),
        torch.arange(PIXELS, device=device),
        torch.arange(PIXELS, device=device),
        indexing="ij",
    )
    return (0.7 * row + 0.3 * column) / PIXELS * (1 - 0.02 * t) * (1 - 0.02 * z)


def random_images(device: torch.device) -> Tensor:
    """Return a stack of noise on several scales."""
    generator = seeded(device, 0)
    images = torch.zeros(SLICES, PHASES, PIXELS, PIXELS, device=device)
    for pixels in (8, 32, 128):
        noise = torch.rand((SLICES, PHASES, pixels, pixels), generator=generator, device=device)
        images += functional.interpolate(noise, (PIXELS, PIXELS), mode="bilinear") / 3
    return images


def squares_inside(windows: int, device: torch.device) -> Tensor:
    """Return squares, (window, 3), inside the images."""
    generator = seeded(device, 1)
    corner_and_side = torch.rand(
        (windows, 3), generator=generator, dtype=torch.float64, device=device
    )
    side = SIDES[0] + (SIDES[1] - SIDES[0]) * corner_and_side[..., 2:]
    # Farther from the edge than a filter reaches.
    corner = 8 + (PIXELS - side - 16) * corner_and_side[..., :2]
    return torch.cat([corner, side], dim=-1)


def by_grid_sampling(
    network: nn.Module, images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor
) -> Tensor:
    """Score windows, the same number in each slice; coordinates have float32 or more."""
    squares = squares.unflatten(0, (len(images), -1))
    centres = (torch.arange(25, device=images.device) + 0.5) / 25
    rows, columns = (
        2 * (squares[..., axis, None] + squares[..., 2, None] * centres) / PIXELS - 1
        for axis in (0, 1)
    )
    shape = (*squares.shape[:2], 25, 25)
    grid = torch.stack([columns[..., None, :].expand(shape), rows[..., None].expand(shape)], dim=-1)
    windows = functional.grid_sample(
        images[:, phases].float(),
        grid.float().flatten(1, 2),
        padding_mode="border",
        align_corners=False,
    )
    windows = windows.unflatten(2, (-1, 25)).transpose(1, 2).flatten(0, 1)
    windows = windows - windows.mean(dim=(1, 2, 3), keepdim=True)
    windows = windows.to(images.dtype).contiguous(memory_format=torch.channels_last)
    return network(windows).float().softmax(dim=1)[:, 0]


def case(kernel: str, images: Tensor, windows: int, targets: dict[str, float]) -> Case:
    """Return a case of windows of a stack; `kernel` selects the reference."""
    dtype, device = images.dtype, images.device
    network = load_roi_classifier_module().to(device)
    weights = scoring_weights(network, dtype)
    plain = deepcopy(network)
    fold_batch_norm(plain)
    references = {
        "patch scoring": partial(by_grid_sampling, plain.to(dtype)),
        "patch scoring, same filter": partial(patch_scoring_reference, weights=weights),
    }
    slices = torch.arange(windows, device=device) // (windows // SLICES)
    squares = squares_inside(windows, device)
    phases = torch.arange(0, PHASES, PHASES // 6, device=device)

    def prepare(operation: Operation) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode():
                return operation(images, slices, squares, phases)

        return run

    return Case(
        kernel=kernel,
        size=f"{windows} windows, {name_of(dtype)}",
        dtype=dtype,
        reference=references[kernel],
        candidate=partial(patch_scoring, weights=weights, path="triton"),
        prepare=prepare,
        bytes_moved=images[:, phases].nbytes + slices.nbytes + squares.nbytes + 4 * windows,
        operations=windows * OPERATIONS,
        tolerance=TOLERANCES[dtype],
        targets=targets,
    )


def cases(device: torch.device) -> Iterator[Case]:
    """Yield the cases, each made on the device when it is its turn."""
    for dtype in DTYPES:
        for windows in WINDOWS:
            targets = TARGETS if windows == max(WINDOWS) else {}
            yield case("patch scoring", rising_images(device).to(dtype), windows, targets)
    for dtype in DTYPES:
        images = random_images(device).to(dtype)
        yield case("patch scoring, same filter", images, REFERENCE_WINDOWS, {})


def launches() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every variant of the kernels."""
    network = load_roi_classifier_module()
    images, squares = torch.zeros(1, 6, 64, 64), torch.zeros(600, 3, dtype=torch.float64) + 25
    slices, phases = torch.zeros(600, dtype=torch.int64), torch.arange(6)
    for dtype in DTYPES:
        arguments = images.to(dtype), slices, squares, phases, scoring_weights(network, dtype)
        text = f"6 phases, {name_of(dtype)}"
        yield text, partial(patch_scoring, *arguments, path="triton")
