"""Networks as functions of arrays: NumPy in, NumPy out, no gradients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier

Float32 = npt.NDArray[np.float32]

PATCH_SIZE = 48
"""Rows and columns of HFCN's patches."""

_BATCH_PATCHES = 64
_BATCH_WINDOWS = 512


def standardise(patches: Tensor) -> Tensor:
    """Bring each patch to mean 0 and variance 1.

    Parameters
    ----------
    patches : Tensor, shape (batch, channel, row, column)
        Grey values.

    Returns
    -------
    Tensor, same shape
        The deviation counts as at least 1e-3, so that a flat patch stays flat.
    """
    centred = patches - patches.mean(dim=(1, 2, 3), keepdim=True)
    deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return centred / deviation.clamp_min(1e-3)


def score_windows(network: RoiClassifier, windows: Float32) -> npt.NDArray[np.float64]:
    """Return the probability that each window is the LV's square.

    Parameters
    ----------
    network : RoiClassifier
        In evaluation mode.
    windows : ndarray of float32, shape (n, 6, 25, 25)
        Windows with their mean subtracted.

    Returns
    -------
    ndarray, shape (n,)
        0 to 1.
    """
    scores = np.empty(len(windows))
    with torch.inference_mode():
        for start in range(0, len(windows), _BATCH_WINDOWS):
            batch = torch.from_numpy(windows[start : start + _BATCH_WINDOWS])
            logits = network(batch.contiguous(memory_format=torch.channels_last))
            scores[start : start + _BATCH_WINDOWS] = logits.softmax(dim=1)[:, 0].numpy()
    return scores


def segment_patches(network: HFCN, patches: Float32) -> tuple[Float32, npt.NDArray[np.float64]]:
    """Return P and the area of every patch.

    Parameters
    ----------
    network : HFCN
        In evaluation mode.
    patches : ndarray of float32, shape (n, 48, 48)
        Patches of mean 0 and variance 1.

    Returns
    -------
    likelihood : ndarray of float32, shape (n, 48, 48)
        P, 0 to 1.
    fractions : ndarray, shape (n,)
        Mean of O: the share of the patch that is LV cavity (paper eq. 7). It is a regression and
        may stray a little below 0.
    """
    likelihood = np.empty(patches.shape, dtype=np.float32)
    fractions = np.empty(len(patches))
    with torch.inference_mode():
        for start in range(0, len(patches), _BATCH_PATCHES):
            stop = start + _BATCH_PATCHES
            batch = torch.from_numpy(patches[start:stop])[:, None]
            logits, area_map = network(batch.contiguous(memory_format=torch.channels_last))
            likelihood[start:stop] = logits.softmax(dim=1)[:, 0].numpy()
            fractions[start:stop] = area_map.mean(dim=(1, 2, 3)).numpy()
    return likelihood, fractions


def ready(network: nn.Module) -> None:
    """Make a network ready for inference, in place: evaluation mode, batch normalisation folded."""
    network.eval()
    _fold(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(module: nn.Module) -> None:
    """Fold each batch normalisation into the convolution before it."""
    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None:
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        _fold(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None
