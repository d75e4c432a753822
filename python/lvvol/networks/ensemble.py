"""Several networks that segment the same patches, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lvvol.typing import Float32, Float64


class Segmenter(Protocol):
    """A network that segments patches."""

    @property
    def channels(self) -> int:
        """Channels of a patch, as in `lvvol.patches.iterate_patches`."""
        ...

    def __call__(self, patches: Float32, *, threads: int = 0) -> tuple[Float32, Float64]:
        """Return P (n, row, column) and the share that is LV cavity (n,) of each patch."""
        ...


class Ensemble:
    """The mean of several networks.

    Their errors differ where they have learned different things, so those of the mean are smaller:
    one image is not misled by a neighbour, and neighbours tell an atrium from a ventricle.

    Parameters
    ----------
    members : sequence of Segmenter
        At least one. Each sees as many of a patch's channels as it takes; a patch begins with the
        slice alone.

    Raises
    ------
    ValueError
        If there is no member.
    """

    def __init__(self, members: Sequence[Segmenter]) -> None:
        if not members:
            raise ValueError("members: expected at least one network, got none")
        self._members = tuple(members)

    @property
    def channels(self) -> int:
        """Channels of a patch: as many as the member takes that takes most."""
        return max(member.channels for member in self._members)

    def __call__(self, patches: Float32, *, threads: int = 0) -> tuple[Float32, Float64]:
        """Segment patches by every member.

        Parameters
        ----------
        patches : ndarray of float32, shape (n, channel, row, column)
            As in `lvvol.patches.iterate_patches`.
        threads : int
            Largest number of threads; 0 for one per core.

        Returns
        -------
        likelihood : ndarray of float32, shape (n, row, column)
            Mean P, 0 to 1.
        fractions : ndarray of float64, shape (n,)
            Mean share of each patch that is LV cavity.

        Raises
        ------
        ValueError
            If the patches have another number of channels, or a member refuses them.
        """
        if patches.ndim != 4 or patches.shape[1] != self.channels:
            raise ValueError(
                f"patches: expected (n, {self.channels}, row, column), got {patches.shape}"
            )
        found = [
            member(np.ascontiguousarray(patches[:, : member.channels]), threads=threads)
            for member in self._members
        ]
        likelihood: Float32 = np.stack([p for p, _ in found]).mean(axis=0, dtype=np.float32)
        fractions: Float64 = np.stack([shares for _, shares in found]).mean(axis=0)
        return likelihood, fractions
