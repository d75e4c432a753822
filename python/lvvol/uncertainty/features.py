"""What a measurement says about its own reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lvvol.cine import CineStack
from lvvol.typing import Float64
from lvvol.uncertainty.area_error import share_slopes_ml

if TYPE_CHECKING:
    from lvvol.roi import Rois

CAVITY = 0.1
"""Area relative to the largest of its phase from which on a slice holds a cavity."""


class Measurement(Protocol):
    """What features are read from: the parts of a `lvvol.Prediction` that the networks made."""

    @property
    def stack(self) -> CineStack: ...  # noqa: D102 - documented by `Prediction`
    @property
    def rois(self) -> Rois: ...  # noqa: D102
    @property
    def reasons(self) -> Sequence[object]: ...  # noqa: D102
    @property
    def kept_slices(self) -> list[int]: ...  # noqa: D102
    @property
    def areas_mm2(self) -> Float64: ...  # noqa: D102
    @property
    def volumes_ml(self) -> Float64: ...  # noqa: D102
    @property
    def ed_phase(self) -> int: ...  # noqa: D102
    @property
    def es_phase(self) -> int: ...  # noqa: D102
    def probability_areas_at(self, phase: int) -> Float64: ...  # noqa: D102


@dataclass(frozen=True)
class PhaseFeatures:
    """Features of ED or of ES.

    Parameters
    ----------
    volume_ml : float
        The measured volume.
    shares : tuple of float, one per slice
        F, the cavity's share of the ROI.
    slopes_ml : tuple of float, one per slice
        alpha, mL per unit of share; see `lvvol.uncertainty.area_error`.
    n_slices : int
        Slices that hold a cavity.
    base, apex : float
        Area of the end slice of the stack relative to the largest, 0 to 1. Where the apex is
        unknown, the end with the larger cavity at ED counts as the base.
    disagreement : float
        Difference of the areas from O and P, summed over slices, relative to the larger sum;
        0 to 1.
    """

    volume_ml: float
    shares: tuple[float, ...]
    slopes_ml: tuple[float, ...]
    n_slices: int
    base: float
    apex: float
    disagreement: float


@dataclass(frozen=True)
class Features:
    """Features of one measurement.

    Parameters
    ----------
    ed, es : PhaseFeatures
        Those of the two phases.
    largest_gap_mm : float
        Largest distance to a neighbouring slice, of those that hold a cavity at ED.
    lowest_score : float
        Lowest ROI score of the slices that hold a cavity at ED, 0 to 1.
    n_reasons : int
        Reasons to review.
    """

    ed: PhaseFeatures
    es: PhaseFeatures
    largest_gap_mm: float
    lowest_score: float
    n_reasons: int


def features(prediction: Measurement) -> Features:
    """Return the features of a measurement.

    Parameters
    ----------
    prediction : Measurement
        A `lvvol.Prediction`, with its reasons.

    Returns
    -------
    Features
        Plain numbers, without images.
    """
    kept = prediction.kept_slices
    areas_mm2 = prediction.areas_mm2[kept]
    sides_mm = prediction.rois.squares_mm[kept, 2]
    positions_mm = prediction.stack.positions_mm[kept]
    ed_areas_mm2 = areas_mm2[:, prediction.ed_phase]
    last_is_apex = (
        prediction.stack.apex == "last"
        if prediction.stack.apex
        else bool(ed_areas_mm2[-1] < ed_areas_mm2[0])
    )

    def of(phase: int) -> PhaseFeatures:
        areas = areas_mm2[:, phase]
        shares = areas / sides_mm**2
        relative = _relative(areas)
        first, last = float(relative[0]), float(relative[-1])
        total, other = float(areas.sum()), float(prediction.probability_areas_at(phase).sum())
        return PhaseFeatures(
            volume_ml=float(prediction.volumes_ml[phase]),
            shares=tuple(shares.tolist()),
            slopes_ml=tuple(share_slopes_ml(shares, sides_mm, positions_mm).tolist()),
            n_slices=int((relative >= CAVITY).sum()),
            base=first if last_is_apex else last,
            apex=last if last_is_apex else first,
            disagreement=abs(total - other) / (max(total, other) or 1.0),
        )

    held = _relative(ed_areas_mm2) >= CAVITY
    gaps_mm = np.diff(positions_mm)[held[:-1] | held[1:]]
    return Features(
        ed=of(prediction.ed_phase),
        es=of(prediction.es_phase),
        largest_gap_mm=float(gaps_mm.max(initial=0.0)),
        lowest_score=float(prediction.rois.scores[kept][held].min(initial=1.0)),
        n_reasons=len(prediction.reasons),
    )


def _relative(areas_mm2: Float64) -> Float64:
    """Return areas relative to the largest; 0 where there is no cavity at all."""
    largest = areas_mm2.max()
    return np.asarray(areas_mm2 / largest) if largest > 0 else np.zeros_like(areas_mm2)
