"""What a result needs beside its measurement: of whom, from which files, by which weights."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvvol.sources import Source

NIFTI_LAYOUTS = ("slices", "resampled")


@dataclass(frozen=True)
class Patient:
    """The patient, as far as a result tells.

    Parameters
    ----------
    height_cm, weight_kg : float or None
        None where unknown.
    name, patient_id, birth_date, study_date : str
        Empty unless a result shall identify the patient.

    Examples
    --------
    >>> round(Patient(height_cm=180, weight_kg=80).bsa_m2, 2)
    2.0
    """

    height_cm: float | None = None
    weight_kg: float | None = None
    name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    study_date: str = ""

    def with_size(self, height_cm: float | None, weight_kg: float | None) -> Patient:
        """Return the patient with another height or weight, where one is given."""
        return replace(
            self,
            height_cm=self.height_cm if height_cm is None else height_cm,
            weight_kg=self.weight_kg if weight_kg is None else weight_kg,
        )

    @property
    def bsa_m2(self) -> float | None:
        """Body surface area (Mosteller 1987): the root of height times weight over 3600."""
        if self.height_cm is None or self.weight_kg is None:
            return None
        return math.sqrt(self.height_cm * self.weight_kg / 3600)


@dataclass(frozen=True)
class NiftiForm:
    """How NIfTI files are laid out and named.

    Parameters
    ----------
    layout : {"slices", "resampled"}
        Of a stack that one affine with equal gaps does not place: one file a slice with the pixels
        as they are, or one file on planes with equal gaps.
    bids_subject : str
        Subject label of names as in BIDS, letters and digits; empty for plain names.

    Raises
    ------
    ValueError
        If a value is another.
    """

    layout: str = "slices"
    bids_subject: str = ""

    def __post_init__(self) -> None:
        if self.layout not in NIFTI_LAYOUTS:
            raise ValueError(
                f"layout: expected one of {', '.join(NIFTI_LAYOUTS)}, got {self.layout!r}"
            )
        label = self.bids_subject
        if label and not (label.isascii() and label.isalnum()):
            raise ValueError(f"bids_subject: expected letters and digits, got {label!r}")


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Parameters
    ----------
    study : Path, Source or None
        The folder, archive or file that was read, or a source of files; None for a stack from
        elsewhere.
    weights_sha256 : str
        Hash of the weights that measured it; empty if unknown.
    patient : Patient
        The patient.
    nifti : NiftiForm
        How NIfTI files are laid out and named.
    names : tuple of str
        What is written, by the names of `lvvol.report.files.WRITERS`; files may refer to others.
    run : str
        Differs from run to run, so that DICOM results of two runs have different UIDs.
    """

    study: Path | Source | None = None
    weights_sha256: str = ""
    patient: Patient = field(default_factory=Patient)
    nifti: NiftiForm = NiftiForm()
    names: tuple[str, ...] = ()
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
