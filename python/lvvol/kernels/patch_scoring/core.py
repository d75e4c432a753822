"""Patch scoring by the core, which is the fastest way on a CPU."""

from __future__ import annotations

import operator
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary

from lvvol import _core
from lvvol.kernels.patch_scoring.weights import WINDOW_SIZE, ScoringWeights, from_pooling
from lvvol.windows import extract_windows

_BATCH = 1024
"""Windows cut at a time, so that memory does not grow with their number."""


class _Kept(NamedTuple):
    """A classifier of the core's and what it was built of, beside the `conv1` it is kept by."""

    others: list[Tensor]
    writes: list[int]
    network: _core.RoiClassifier


_kept: MutableMapping[Tensor, _Kept] = WeakTensorKeyDictionary()


def score(
    images: Tensor,
    slices: Tensor,
    squares: Tensor,
    phases: Tensor,
    weights: ScoringWeights,
    scores: Tensor,
) -> None:
    """Fill `scores`; other arguments are those of `patch_scoring`, checked, their values too.

    Runs on as many threads as torch does.
    """
    if images.device.type != "cpu":
        raise ValueError(f"path: 'core' expected tensors on the CPU, got {images.device}")
    if images.dtype != torch.float32 or not images.is_contiguous():
        images, slices, phases = _needed(images, slices, phases)
    network, threads = classifier(weights), torch.get_num_threads()
    stack, z, edges, t = map(_array, (images, slices, squares, phases))
    for start in range(0, len(z), _BATCH):
        part = slice(start, start + _BATCH)
        windows = extract_windows(
            stack,
            z[part],
            edges[part],
            t if t.ndim == 1 else t[part],
            WINDOW_SIZE,
            normalise="mean",
            threads=threads,
        )
        scores[part] = torch.from_numpy(network(windows, threads=threads))


def classifier(weights: ScoringWeights) -> _core.RoiClassifier:
    """Return the core's classifier of some weights, built once and kept as long as they live.

    It is built anew where a weight was written to since, and, as torch does not count that in
    inference tensors, at every call where one is such; `scoring_weights` makes none.
    """
    conv1, *others = weights
    countable = not any(weight.is_inference() for weight in weights)
    writes = [weight._version for weight in weights] if countable else None
    kept = _kept.get(conv1)
    if kept and kept.writes == writes and all(map(operator.is_, kept.others, others)):
        return kept.network
    network = _build(weights)
    if writes is not None:
        _kept[conv1] = _Kept(others, writes, network)
    return network


def _needed(images: Tensor, slices: Tensor, phases: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return float32 copies of those images that windows are cut from, and where they now are."""
    z, slices = torch.unique(slices, return_inverse=True)
    t, phases = torch.unique(phases, return_inverse=True)
    return images[z[:, None], t].float(), slices, phases


def _build(weights: ScoringWeights) -> _core.RoiClassifier:
    """Return the core's classifier of some weights."""
    kernels = (
        from_pooling(weights.conv1),
        from_pooling(weights.conv2),
        weights.conv3.permute(0, 3, 1, 2),
    )
    biases = weights.bias1, weights.bias2, weights.bias3
    # Two logits that differ by the head: one is the head, the other 0.
    head = functional.pad(weights.head[None], (0, 0, 0, 1))
    head_bias = functional.pad(weights.head_bias, (0, 1))
    return _core.RoiClassifier(
        convolutions=[
            (_array(kernel.float()), _array(bias))
            for kernel, bias in zip(kernels, biases, strict=True)
        ],
        linear=(_array(head), _array(head_bias)),
        size=WINDOW_SIZE,
    )


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    """Return a tensor as an array: of the same memory where that is contiguous, else of a copy."""
    return tensor.contiguous().numpy(force=True)
