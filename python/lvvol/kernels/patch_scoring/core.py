"""Patch scoring by the core, the fastest implementation on a CPU."""

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
"""Windows per batch, which bounds the memory."""


class _Cached(NamedTuple):
    """A cached core classifier, with the weights it was built from besides the key `conv1`."""

    others: list[Tensor]
    writes: list[int]
    network: _core.RoiClassifier


_cache: MutableMapping[Tensor, _Cached] = WeakTensorKeyDictionary()


def score(
    images: Tensor,
    slices: Tensor,
    squares: Tensor,
    phases: Tensor,
    weights: ScoringWeights,
    scores: Tensor,
) -> None:
    """Fill `scores`; the other arguments are those of `patch_scoring`, already validated.

    Uses as many threads as torch.
    """
    if images.device.type != "cpu":
        raise ValueError(f"path: 'core' expected tensors on the CPU, got {images.device}")
    if images.dtype != torch.float32 or not images.is_contiguous():
        images, slices, phases = _copy_used(images, slices, phases)
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
    """Return the core's classifier for some weights, cached as long as they live.

    It is rebuilt after a weight has been modified in place. torch does not track that for inference
    tensors, for which it is rebuilt at every call; `scoring_weights` does not create any.
    """
    conv1, *others = weights
    tracked = not any(weight.is_inference() for weight in weights)
    writes = [weight._version for weight in weights] if tracked else None
    cached = _cache.get(conv1)
    if cached and cached.writes == writes and all(map(operator.is_, cached.others, others)):
        return cached.network
    network = _build(weights)
    if writes is not None:
        _cache[conv1] = _Cached(others, writes, network)
    return network


def _copy_used(images: Tensor, slices: Tensor, phases: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return float32 copies of the images in use, and the new indices of slices and phases."""
    z, slices = torch.unique(slices, return_inverse=True)
    t, phases = torch.unique(phases, return_inverse=True)
    return images[z[:, None], t].float(), slices, phases


def _build(weights: ScoringWeights) -> _core.RoiClassifier:
    """Build the core's classifier from some weights."""
    kernels = (
        from_pooling(weights.conv1),
        from_pooling(weights.conv2),
        weights.conv3.permute(0, 3, 1, 2),
    )
    biases = weights.bias1, weights.bias2, weights.bias3
    # The core expects two logits, but only their difference matters: set the second to 0.
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
    """Return a tensor as a C-contiguous array, without a copy if possible."""
    return tensor.contiguous().numpy(force=True)
