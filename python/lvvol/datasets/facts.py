"""`Facts`: what training and splits ask of a patient before they read pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from lvvol.datasets.labelled import LabelledStack


@dataclass(frozen=True)
class Facts:
    """A patient's shape, labels and fingerprint.

    Parameters
    ----------
    shape : (int, int, int, int)
        Slices, phases, rows and columns of the working stack.
    labelled : tuple of (int, int)
        Slice and phase of each labelled image.
    edv_ml, esv_ml : float or None
        Labelled volumes.
    ed_phase, es_phase : int or None
        Phases of ED and ES.
    fingerprint : str
        `fingerprint` of the patient.
    """

    shape: tuple[int, int, int, int]
    labelled: tuple[tuple[int, int], ...]
    edv_ml: float | None
    esv_ml: float | None
    ed_phase: int | None
    es_phase: int | None
    fingerprint: str


def facts_of(labels: LabelledStack) -> Facts:
    """Return the facts of a patient that has been read."""
    z, t, rows, columns = labels.stack.images.shape
    return Facts(
        shape=(z, t, rows, columns),
        labelled=tuple((int(z), int(t)) for z, t in np.argwhere(labels.labelled)),
        edv_ml=labels.edv_ml,
        esv_ml=labels.esv_ml,
        ed_phase=labels.ed_phase,
        es_phase=labels.es_phase,
        fingerprint=fingerprint(labels),
    )


def fingerprint(labels: LabelledStack) -> str:
    """Return a hash of all that training takes from a patient.

    Parameters
    ----------
    labels : LabelledStack
        The patient.

    Returns
    -------
    str
        SHA-256 in hexadecimal. It differs where the name, an image, a label, a volume, a phase or
        a length in mm does.
    """
    stack = labels.stack
    # None becomes NaN.
    numbers = (*stack.pixel_spacing_mm, labels.edv_ml, labels.esv_ml, labels.systolic_excess)
    phases = (labels.ed_phase, labels.es_phase)
    digest = hashlib.sha256(f"{labels.patient} {stack.images.shape}".encode())
    digest.update(np.array([*numbers, *phases], dtype=np.float64).tobytes())
    digest.update(np.asarray(stack.positions_mm, dtype=np.float64).tobytes())
    digest.update(np.ascontiguousarray(labels.labelled).tobytes())
    for z, t in np.ndindex(
        labels.labelled.shape
    ):  # plane by plane, so that nothing is copied whole
        digest.update(np.ascontiguousarray(stack.images[z, t]).data)
        if labels.labelled[z, t]:
            digest.update(np.packbits(labels.masks[z, t]).data)
    return digest.hexdigest()
