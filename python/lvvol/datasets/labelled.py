"""`LabelledStack`, the form in which labelled studies reach training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lvvol.cine import CineStack
from lvvol.typing import Bool, Float32, Float64


@dataclass(frozen=True)
class LabelledStack:
    """A working stack with its labels: ED and ES alone, or a whole cine.

    Parameters
    ----------
    patient : str
        Source and patient, such as ``dsb2/0042``; the unit of splits.
    stack : CineStack
        Working stack: images in 0 to 1, pixels of 1 mm.
    masks : ndarray of bool, shape (slice, phase, row, column)
        LV cavity, papillary muscles inside. `no_masks` costs no memory where nothing is drawn.
    labelled : ndarray of bool, shape (slice, phase)
        True where there is a label; elsewhere `masks` is meaningless, not empty.
    edv_ml, esv_ml : float or None
        Labelled volumes.
    systolic_excess : float
        Mean excess of the ES phase's volume over ESV, as a share of the stroke volume, where that
        phase was not chosen as the smallest.
    ed_phase, es_phase : int or None
        Phases of ED and ES; both None where they are not known. A stack of two phases is ED, then
        ES.

    Raises
    ------
    ValueError
        If the shapes differ, or the phases are not two of the stack's.
    """

    patient: str
    stack: CineStack
    masks: Bool
    labelled: Bool
    edv_ml: float | None = None
    esv_ml: float | None = None
    systolic_excess: float = 0.0
    ed_phase: int | None = None
    es_phase: int | None = None

    def __post_init__(self) -> None:
        images = self.stack.images.shape
        if self.masks.shape != images or self.labelled.shape != images[:2]:
            raise ValueError(
                "masks, labelled: expected (slice, phase, row, column) and (slice, phase) as the "
                f"stack's {images}, got {self.masks.shape} and {self.labelled.shape}"
            )
        phases = (self.ed_phase, self.es_phase)
        if phases == (None, None):
            if images[1] == 2:
                object.__setattr__(self, "ed_phase", 0)
                object.__setattr__(self, "es_phase", 1)
        elif not all(t is not None and 0 <= t < images[1] for t in phases) or len({*phases}) < 2:
            raise ValueError(
                f"ed_phase, es_phase: expected two of {images[1]} phases or None twice, "
                f"got {phases[0]} and {phases[1]}"
            )

    @property
    def phases(self) -> tuple[int, int] | None:
        """ED and ES; None where they are not known."""
        if self.ed_phase is None or self.es_phase is None:
            return None
        return self.ed_phase, self.es_phase

    @property
    def phase_volumes_ml(self) -> tuple[float, float] | None:
        """Volumes at `phases`; None without labels."""
        if self.edv_ml is None or self.esv_ml is None:
            return None
        return self.edv_ml, self.esv_ml + self.systolic_excess * (self.edv_ml - self.esv_ml)

    def at(self, ed_phase: int, es_phase: int) -> LabelledStack:
        """Return the pair of two phases of the cine.

        Parameters
        ----------
        ed_phase, es_phase : int
            Phases to take for ED and ES, whatever `phases` says.

        Returns
        -------
        LabelledStack
            Of two phases, with everything else unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> cine = stack_of_planes(np.zeros((3, 30, 8, 8), np.float32), np.arange(3.0))
        >>> drawn = np.zeros((3, 30), bool)
        >>> labels = LabelledStack("dsb2/0042", cine, no_masks(cine), drawn, 151.0, 60.0)
        >>> labels.at(0, 11).stack.n_phases
        2
        """
        taken = [ed_phase, es_phase]
        pair = replace(
            self.stack,
            images=self.stack.images[:, taken],
            times_ms=self.stack.times_ms[:, taken],
            sop_instance_uids=tuple(
                tuple(uids[t] for t in taken) for uids in self.stack.sop_instance_uids
            ),
        )
        return replace(
            self,
            stack=pair,
            masks=self.masks[:, taken],
            labelled=self.labelled[:, taken],
            ed_phase=0,
            es_phase=1,
        )


def no_masks(stack: CineStack) -> Bool:
    """Return read-only masks of a stack in which nothing is drawn; they take no memory."""
    return np.broadcast_to(np.zeros((), dtype=bool), stack.images.shape)


def stack_of_planes(
    images: Float32,
    positions_mm: Float64,
    pixel_spacing_mm: tuple[float, float] = (1.0, 1.0),
) -> CineStack:
    """Return a stack of images whose position in the patient is unknown.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Grey values.
    positions_mm : ndarray, shape (slice,)
        Positions along the normal, increasing.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.

    Returns
    -------
    CineStack
        With rows along +y, columns along +x, the normal along +z, and unknown times.
    """
    affines = np.tile(np.eye(4), (len(images), 1, 1))
    affines[:, :2, :2] = [[0.0, pixel_spacing_mm[1]], [pixel_spacing_mm[0], 0.0]]
    affines[:, 2, 3] = positions_mm
    return CineStack(
        images=images,
        pixel_spacing_mm=pixel_spacing_mm,
        positions_mm=positions_mm.astype(np.float64),
        times_ms=np.full(images.shape[:2], np.nan),
        affines=affines,
    )
