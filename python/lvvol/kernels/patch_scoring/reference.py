"""Patch scoring in plain torch: the reference for the kernel and the core."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lvvol.kernels.patch_scoring.weights import WINDOW_SIZE, ScoringWeights, from_pooling

LARGEST_STEP = 4096.0
"""Largest size of a window's pixel, in image pixels."""

SAME_POINT = 1e-9
"""Points closer than this, in pixels, count as equal, so that rounding does not blur."""

_BATCH, _CPU_BATCH = 512, 16
"""Windows per batch; smaller on a CPU, so that the images they are cut from fit in the cache."""


def patch_scoring_reference(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor, weights: ScoringWeights
) -> Tensor:
    """Score windows of a stack in batches.

    Parameters and result are those of `patch_scoring`; computation is in float32. A window whose
    slice or phases are not in the stack, or whose square is invalid, scores NaN.
    """
    batch = _CPU_BATCH if images.device.type == "cpu" else _BATCH
    phases = phases.expand(len(slices), -1)
    scores = []
    for start in range(0, len(slices), batch):
        part = slice(start, start + batch)
        windows = sample_windows(images, slices[part], squares[part], phases[part])
        scores.append(_classify(windows, weights))
    return torch.cat(scores) if scores else images.new_empty(0, dtype=torch.float32)


def sample_windows(images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor) -> Tensor:
    """Extract windows from a stack and subtract their means.

    Parameters
    ----------
    images : Tensor, shape (slice, phase, row, column)
        Finite grey values.
    slices : Tensor of int64, shape (window,)
        Slice of each window.
    squares : Tensor of float64, shape (window, 3)
        Top edge, left edge and side, in pixels; pixel i covers i to i + 1.
    phases : Tensor of int64, shape (phase,) or (window, phase)
        Phases of all windows, or of each.

    Returns
    -------
    Tensor of float32, shape (window, phase, 25, 25)
        Equal to `lvvol.extract_windows` with `normalise="mean"`; NaN if a slice, phase or square is
        invalid.
    """
    valid, slices, squares, phases = within_stack(images, slices, squares, phases)
    rows, columns = (
        axis_weights(squares[:, axis], squares[:, 2], images.shape[2 + axis]) for axis in (0, 1)
    )
    planes = images[slices[:, None], phases].float()
    windows = rows[:, None] @ planes @ columns[:, None].mT
    windows = windows - windows.mean(dim=(1, 2, 3), keepdim=True)
    return windows.where(valid[:, None, None, None], torch.nan)


def within_stack(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return which windows are valid, and slices, squares and phases, (window, phase), that are.

    Those of invalid windows are replaced.
    """
    phases = phases.expand(len(slices), -1)
    valid = are_valid(images, slices, squares, phases)
    own = valid[:, None]
    edges = squares.where(own, float(WINDOW_SIZE))
    return valid, slices.where(valid, 0), edges, phases.where(own, 0)


def are_valid(images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor) -> Tensor:
    """Return which windows have a slice and phases in the stack and a square of a valid size."""
    valid = (slices >= 0) & (slices < images.shape[0])
    valid &= ((phases >= 0) & (phases < images.shape[1])).all(dim=-1)
    side = squares[:, 2]
    return valid & squares.isfinite().all(dim=1) & (side > 0) & (side <= LARGEST_STEP * WINDOW_SIZE)


def axis_weights(start: Tensor, side: Tensor, pixels: int) -> Tensor:
    """Return the weight of each pixel along an axis in each output.

    Parameters
    ----------
    start, side : Tensor of float64, shape (window,)
        First edge of each window and its length, in pixels.
    pixels : int
        Pixels along the axis.

    Returns
    -------
    Tensor of float32, shape (window, 25, pixel)
        Weights, which sum to 1 over pixels: a triangle of max(step, 1) pixels on each side, times a
        linear term that puts its centroid at the output's centre; edge pixels are repeated beyond
        the image.
    """
    step = (side / WINDOW_SIZE)[:, None]
    reach = step.where(step > 1 + SAME_POINT, 1.0)
    index = torch.arange(WINDOW_SIZE, device=start.device)
    centre = start[:, None] + (0.5 * step - 0.5) + step * index
    rounded = centre.round()
    centre = centre.where((centre - rounded).abs() >= SAME_POINT, rounded)
    # Beyond this, the result is constant.
    centre = centre.clamp(-reach - 1, pixels + reach)

    low, high = (centre - reach).floor() + 1, (centre + reach).ceil() - 1
    sums, first, second = _moments(low, high, centre, reach)
    slope = (-first / second).where(reach > 1, 0.0)
    before, after = (
        part[0] + slope * part[1]
        for part in (
            _moments(low, high.clamp(max=-1), centre, reach),
            _moments(low.clamp(min=pixels), high, centre, reach),
        )
    )
    pixel = torch.arange(pixels, device=start.device)
    away = pixel - centre[..., None]
    weights = (1 - away.abs() / reach[..., None]).clamp(min=0) * (1 + slope[..., None] * away)
    weights[..., 0] += before
    weights[..., -1] += after
    return (weights / (sums + slope * first)[..., None]).float()


def _moments(low: Tensor, high: Tensor, centre: Tensor, reach: Tensor) -> list[Tensor]:
    """Return the sums of h, h d and h d^2 over the pixels from low to high.

    d is a pixel's distance from the centre and h = 1 - |d| / reach, the triangle's height.
    """
    middle = centre.floor()
    left = _powers(low, high.minimum(middle), centre)
    right = _powers(low.maximum(middle + 1), high, centre)
    return [
        left[n] + left[n + 1] / reach + right[n] - right[n + 1] / reach
        for n in range(len(left) - 1)
    ]


def _powers(low: Tensor, high: Tensor, centre: Tensor) -> list[Tensor]:
    """Return the sums of 1, d, d^2 and d^3 over the pixels from low to high, if any."""
    n = (high - low + 1).clamp(min=0)
    d = low - centre
    ones, squares = n * (n - 1) / 2, n * (n - 1) * (2 * n - 1) / 6
    return [
        n,
        n * d + ones,
        n * d**2 + 2 * d * ones + squares,
        n * d**3 + 3 * d**2 * ones + 3 * d * squares + ones**2,
    ]


def _classify(windows: Tensor, weights: ScoringWeights) -> Tensor:
    """Return the probability that each window shows the LV's square."""
    x = windows.contiguous(memory_format=torch.channels_last)
    for weight, bias in ((weights.conv1, weights.bias1), (weights.conv2, weights.bias2)):
        x = functional.conv2d(x, from_pooling(weight).float(), bias, padding=2)
        x = functional.max_pool2d(x.relu(), 2)
    x = functional.conv2d(x, weights.conv3.permute(0, 3, 1, 2).float(), weights.bias3, padding=1)
    return (x.relu().mean(dim=(2, 3)) @ weights.head + weights.head_bias).sigmoid()
