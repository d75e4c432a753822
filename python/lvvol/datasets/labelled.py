"""`LabelledStack`, the form in which labelled studies reach training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.cine import CineStack
from lvvol.typing import Bool, Float32, Float64


@dataclass(frozen=True)
class LabelledStack:
    """A working stack of two phases, ED then ES, with its labels.

    Parameters
    ----------
    patient : str
        Source and patient, such as ``dsb2/0042``; the unit of splits.
    stack : CineStack
        Working stack: images in 0 to 1, pixels of 1 mm, two phases.
    masks : ndarray of bool, shape (slice, 2, row, column)
        LV cavity, papillary muscles inside.
    labelled : ndarray of bool, shape (slice, 2)
        True where there is a label; elsewhere `masks` is meaningless, not empty.
    edv_ml, esv_ml : float or None
        Labelled volumes.
    systolic_excess : float
        Mean excess of the second phase's volume over ESV, as a share of the stroke volume, where
        that phase was not chosen as the smallest.
    """

    patient: str
    stack: CineStack
    masks: Bool
    labelled: Bool
    edv_ml: float | None = None
    esv_ml: float | None = None
    systolic_excess: float = 0.0

    def __post_init__(self) -> None:
        images = self.stack.images.shape
        if images[1] != 2 or self.masks.shape != images or self.labelled.shape != images[:2]:
            raise ValueError(
                "masks, labelled: expected (slice, 2, row, column) and (slice, 2) as the stack's "
                f"{images}, got {self.masks.shape} and {self.labelled.shape}"
            )

    @property
    def phase_volumes_ml(self) -> tuple[float, float] | None:
        """Volumes of the two phases; None without labels."""
        if self.edv_ml is None or self.esv_ml is None:
            return None
        return self.edv_ml, self.esv_ml + self.systolic_excess * (self.edv_ml - self.esv_ml)


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
