"""FCN for prediction. The core has no averaging network, so this baseline runs in torch."""

from __future__ import annotations

import threading
from pathlib import Path

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch

import numpy as np

from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.layers import check_patches
from lvvol.networks.weights import load_fcn_module
from lvvol.typing import Float32, Float64

_THREADS = threading.Lock()
"""Held while torch's number of threads, which is one for the whole process, is changed."""

_BATCH = 256


class FcnSegmenter:
    """FCN as a measurement calls it, like the core's HFCN.

    Parameters
    ----------
    path : Path
        Weights of FCN.

    Raises
    ------
    WeightsError
        As in `load_fcn_module`.
    """

    channels = 1

    def __init__(self, path: Path) -> None:
        self._network = load_fcn_module(path)
        fold_batch_norm(self._network)

    def __call__(self, patches: Float32, *, threads: int = 0) -> tuple[Float32, Float64]:
        """Segment patches.

        Parameters
        ----------
        patches : ndarray of float32, shape (n, 1, row, column)
            Each of mean 0 and variance 1.
        threads : int
            Largest number of threads; 0 for torch's own choice.

        Returns
        -------
        likelihood : ndarray of float32, shape (n, row, column)
            P of the LV cavity, 0 to 1.
        fractions : ndarray of float64, shape (n,)
            Share of each patch where P is at least one half (paper, eq. 1).

        Raises
        ------
        ValueError
            If the patches have several channels, or a size that the stages cannot halve.
        """
        x = torch.from_numpy(patches)
        check_patches(x, self._network.size_multiple)
        likelihood = np.empty((len(patches), *patches.shape[2:]), dtype=np.float32)
        fractions = np.empty(len(patches))
        with _THREADS, torch.no_grad():
            before = torch.get_num_threads()
            torch.set_num_threads(threads or before)
            try:
                for start in range(0, len(x), _BATCH):
                    part = slice(start, start + _BATCH)
                    logits, area_map = self._network(x[part])
                    likelihood[part] = logits[:, 0].exp().numpy()
                    fractions[part] = area_map.double().mean(dim=(1, 2, 3)).numpy()
            finally:
                torch.set_num_threads(before)
        return likelihood, fractions
