"""Signal of tissues in bSSFP relative to blood, and its variation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvvol.phantom.body.shapes import Grid, Samples, WaveField, draw_field
from lvvol.typing import Float32

BLOOD = 1.0
FAT = -1.0
"""Negative: at bSSFP's echo time fat is out of phase with water, so a voxel with both is dark and
fat has a black outline."""

SKIN = 0.35
MUSCLE = 0.165
LUNG = 0.085
GAS = 0.02
LIVER = 0.38
SPLEEN = 0.34
KIDNEY = 0.55
FLUID = 1.15
CORD = 0.5
BONE = 0.04
MARROW = -0.42
CARTILAGE = 0.3
VERTEBRA = 0.24


@dataclass(frozen=True)
class Weave:
    """The fields of `Texture` on the samples of one grid, flat."""

    uneven: Float32
    loops: Float32
    grain: Float32
    fibre: Float32
    net: Float32
    finer: Float32
    fat_level: float

    def fat(self, where: npt.NDArray[np.intp]) -> Samples:
        """Return the signal of fat at some samples: lobules between thin septa."""
        septa = np.abs(self.fibre[where] + 0.7 * self.loops[where]) * 4.0
        lobules = 1.0 + 0.06 * self.grain[where] + 0.07 * self.loops[where]
        fat: Samples = FAT * self.fat_level * lobules * (0.80 + 0.20 * np.minimum(septa, 1.0))
        return fat


@dataclass(frozen=True)
class Texture:
    """Random fields that vary the tissues.

    Parameters
    ----------
    uneven, loops, grain : WaveField
        Variation over about 50, 25 and 5 mm.
    fibre : WaveField
        Variation elongated along muscles.
    vessels : tuple of WaveField
        Two fields whose common zeros form the vessels.
    fat_level : float
        Signal of fat relative to the usual; it depends strongly on the flip angle.
    """

    uneven: WaveField
    loops: WaveField
    grain: WaveField
    fibre: WaveField
    vessels: tuple[WaveField, WaveField]
    fat_level: float

    def on(self, grid: Grid) -> Weave:
        """Return the fields on the samples of a grid."""

        def flat(field: Float32) -> Float32:
            return np.broadcast_to(field, grid.shape).ravel()

        # Thin vessels need every sample through the slice; the other fields vary little across it.
        middle = grid.middle()
        finer = grid.scaled((1.9, 1.9, 1.9), (0.0, 0.0, 0.0))
        return Weave(
            uneven=flat(self.uneven(middle)),
            loops=flat(self.loops(middle)),
            grain=flat(self.grain(middle)),
            fibre=flat(self.fibre(middle)),
            net=self._net(grid),
            finer=self._net(finer),
            fat_level=self.fat_level,
        )

    def _net(self, grid: Grid) -> Float32:
        """Return the distance of both fields from 0, which is small along a net of thin tubes."""
        first, second = (field(grid).ravel() for field in self.vessels)
        return np.sqrt(first * first + second * second)


def draw_texture(rng: np.random.Generator) -> Texture:
    """Draw the texture of a body."""
    return Texture(
        uneven=draw_field(rng, 110.0),
        loops=draw_field(rng, 50.0, 16),
        grain=draw_field(rng, 11.0, 40),
        fibre=draw_field(rng, (16.0, 22.0, 60.0), 30),
        vessels=(draw_field(rng, 42.0, 9), draw_field(rng, 42.0, 9)),
        fat_level=float(rng.uniform(0.85, 1.45)),
    )
