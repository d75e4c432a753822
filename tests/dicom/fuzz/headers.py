"""Read the headers of a case independently, without lvvol's code.

Headers are parsed by pydicom and converted to affines here, by the equation of the standard (PS3.3
C.7.6.2.1.1). Numbers must have the format that the standard requires.
"""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.dicom.fuzz.files import take_apart
from tests.dicom.fuzz.values import CHARACTER_SET

Array = npt.NDArray[np.float64]

# Larger numbers count as missing (docs/reading.md).
LARGEST = 1e10

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(eq=False)
class Frame:
    """An image of a case: its header and pixels."""

    file: str
    pristine: bool
    datasets: tuple[Dataset, ...]
    index: int

    @cached_property
    def uid(self) -> str:
        return text_of(self.datasets[-1], "SOPInstanceUID")

    @cached_property
    def exam(self) -> tuple[str, str]:
        whole = self.datasets[-1]
        return text_of(whole, "PatientID"), text_of(whole, "StudyInstanceUID")

    @cached_property
    def image_type(self) -> tuple[str, ...]:
        texts = [text_of(d, k) for k in ("FrameType", "ImageType") for d in self.datasets]
        return tuple(next(filter(None, texts), "").upper().split("\\"))

    @cached_property
    def component(self) -> str:
        texts = (text_of(dataset, "ComplexImageComponent") for dataset in self.datasets)
        return next(filter(None, texts), "").upper()

    @property
    def is_magnitude(self) -> bool:
        """Whether nothing says that the pixels are another part of the signal."""
        others = {"P", "PHASE", "R", "REAL", "I", "IMAGINARY"}
        return others.isdisjoint({self.component, *self.image_type[2:3]})

    @cached_property
    def affine(self) -> Array | None:
        """Map from (row, column, k, 1) to patient mm; None if the header defines no plane."""
        position, cosines, spacing = (
            next((n for d in self.datasets if len(n := numbers_of(d, keyword)) == count), None)
            for keyword, count in (
                ("ImagePositionPatient", 3),
                ("ImageOrientationPatient", 6),
                ("PixelSpacing", 2),
            )
        )
        if position is None or cosines is None or spacing is None or min(spacing) <= 0:
            return None
        right, down = np.array(cosines[:3]), np.array(cosines[3:])
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(right), np.linalg.norm(down)
            if not np.isfinite(lengths).all() or np.abs(np.array(lengths) - 1).max() > 1e-3:
                return None
            right, down = right / lengths[0], down / lengths[1]
        if abs(right @ down) > 2e-3:
            return None
        down = down - (down @ right) * right
        affine = np.eye(4)
        affine[:3, 0] = down / np.linalg.norm(down) * spacing[0]
        affine[:3, 1] = right * spacing[1]
        affine[:3, 2] = np.cross(right, down / np.linalg.norm(down))
        affine[:3, 3] = position
        return affine

    @cached_property
    def is_torn(self) -> bool:
        """Whether there are more pixels than rows x columns, so the row length is wrong."""
        whole = self.datasets[-1]
        if whole["PixelData"].is_undefined_length:
            return False
        counts = [numbers_of(whole, keyword) for keyword in ("Rows", "Columns", "BitsAllocated")]
        n_frames = numbers_of(whole, "NumberOfFrames") or (1.0,)
        if not all(counts) or not n_frames[0]:
            return False
        n_bits = np.prod([count[0] for count in counts]) * max(n_frames[0], 1.0)
        return any(whole.PixelData[int(n_bits) // 8 :])

    @cached_property
    def trigger_ms(self) -> float | None:
        for keyword in ("TriggerTime", "NominalCardiacTriggerDelayTime"):
            for dataset in self.datasets:
                numbers = numbers_of(dataset, keyword)
                if numbers:
                    return numbers[0]
        return None

    @cached_property
    def pixels(self) -> npt.NDArray[np.float32]:
        """Pixels decoded by pydicom and rescaled; ValueError for MONOCHROME1."""
        whole = self.datasets[-1]
        if text_of(whole, "PhotometricInterpretation") == "MONOCHROME1":
            raise ValueError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = pydicom.pixels.pixel_array(whole, index=self.index).astype(np.float64)
        slope = next((n[0] for d in self.datasets if (n := numbers_of(d, "RescaleSlope"))), 1.0)
        shift = next((n[0] for d in self.datasets if (n := numbers_of(d, "RescaleIntercept"))), 0.0)
        return (stored * (slope or 1.0) + shift).astype(np.float32)


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return the text of an element with stripped values."""
    try:
        element: Any = dataset.get_item(keyword)
        raw = element.value if isinstance(element, RawDataElement) else dataset[keyword].value
    except Exception:
        return ""
    if raw is None:
        return ""
    if isinstance(raw, bytes):
        raw = raw.decode("latin-1")
    values = raw.split("\\") if isinstance(raw, str) else list(raw) if _many(raw) else [raw]
    return "\\".join(str(v).strip(" \0") for v in values)


def numbers_of(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the numbers of an element; empty if any is malformed or implausibly large."""
    try:
        element: Any = dataset.get_item(keyword)
        if isinstance(element, RawDataElement) and element.VR not in ("FD", "FL", "UL", "US"):
            values = element.value.decode("latin-1").split("\\")
            values = [value.strip(" \0\r\n\u00a0") for value in values]
            numbers = [float(value) for value in values if _DECIMAL.fullmatch(value)]
            if len(numbers) < len(values):
                return ()
        else:
            value = dataset[keyword].value
            numbers = [float(v) for v in (value if _many(value) else [value])]
    except Exception:
        return ()
    return tuple(numbers) if all(abs(number) <= LARGEST for number in numbers) else ()


def _many(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue"


def frames_of(file: str, content: bytes, pristine: bool) -> list[Frame]:
    """Return the frames of a file; empty if pydicom cannot read it."""
    usual = sys.getrecursionlimit()
    try:
        with warnings.catch_warnings(), pydicom.config.disable_value_validation():
            warnings.simplefilter("ignore")
            sys.setrecursionlimit(8000)  # for deeply nested sequences
            try:
                return _read(file, content, pristine)
            except Exception:
                # Pydicom rejects invalid character sets, which are irrelevant here.
                apart = take_apart(content)
                apart.body = [e for e in apart.body if e.tag != CHARACTER_SET]
                return _read(file, apart.encoded(), pristine)
    except Exception:
        return []
    finally:
        sys.setrecursionlimit(usual)


def _read(file: str, content: bytes, pristine: bool) -> list[Frame]:
    """Return the frames of a file; errors are of any type."""
    whole = pydicom.dcmread(BytesIO(content), force=True)
    if "TransferSyntaxUID" not in whole.file_meta:
        implicit = whole.original_encoding[0]
        whole.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
    if "PixelData" not in whole:
        return []
    per_frame = list(whole.get("PerFrameFunctionalGroupsSequence") or [])
    shared = list(whole.get("SharedFunctionalGroupsSequence") or [])[:1]
    frames = []
    for index in range(max(len(per_frame), 1)):
        groups = [*per_frame[index : index + 1], *shared]
        macros = [e.value[0] for group in groups for e in group if e.VR == "SQ" and e.value]
        frames.append(Frame(file, pristine, (*macros, whole), index))
    return frames
