"""Mutations with plausible values: each must change nothing, be refused, or be named by a warning.

They imitate exports, anonymisers and other scans in a folder, and come alone in a case, so that
the stack can be compared with the untouched one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from tests.dicom.fuzz.case import Case, even, put
from tests.dicom.fuzz.files import File
from tests.dicom.fuzz.values import ORIENTATION, PATIENT, POSITION, SPACING

IMAGE_TYPE, COMPONENT = 0x00080008, 0x00089208
STUDY, SERIES, FRAME_OF_REFERENCE = 0x0020000D, 0x0020000E, 0x00200052
DATE, TIME = 0x00080022, 0x00080032


def spacing(case: Case) -> str:
    """Multiply the pixel spacing, or the distance of the rows only."""
    factor = case.random.choice((0.5, 0.7, 0.8, 1.25, 1.5, 2.0, 5.0))
    rows_only = case.random.random() < 0.3

    def change(file: File) -> str:
        values = _numbers(file, SPACING)
        if len(values) != 2:
            return "nothing: no pixel spacing"
        values *= [factor, 1.0 if rows_only else factor]
        return _put_numbers(file, SPACING, values)

    return case.edit(change)


def in_plane_shift(case: Case) -> str:
    """Shift images by 30 to 300 mm in their plane."""
    by_mm, angle = case.random.uniform(30, 300), case.random.uniform(0, 2 * np.pi)

    def change(file: File) -> str:
        position, cosines = _numbers(file, POSITION), _numbers(file, ORIENTATION)
        if len(position) != 3 or len(cosines) != 6:
            return "nothing: no plane"
        position += by_mm * (np.cos(angle) * cosines[:3] + np.sin(angle) * cosines[3:])
        return _put_numbers(file, POSITION, position)

    return case.edit(change)


def mirrored(case: Case) -> str:
    """Negate the direction of the rows or columns."""
    axis = case.random.randrange(2)

    def change(file: File) -> str:
        cosines = _numbers(file, ORIENTATION)
        if len(cosines) != 6:
            return "nothing: no orientation"
        cosines[3 * axis : 3 * axis + 3] *= -1.0
        return _put_numbers(file, ORIENTATION, cosines)

    return case.edit(change)


def foreign(case: Case) -> str:
    """Give images the identifiers of another patient, study, series or frame of reference."""
    tags = case.random.choice(
        ((PATIENT,), (STUDY,), (FRAME_OF_REFERENCE,), (PATIENT, STUDY, SERIES, FRAME_OF_REFERENCE))
    )
    value = case.random.choice((b"2.25.77", b""))

    def change(file: File) -> str:
        return ", ".join(
            put(file, tag, b"LO" if tag == PATIENT else b"UI", _padded(tag, value)) for tag in tags
        )

    return case.edit(change)


def derived(case: Case) -> str:
    """Mark images as derived from others."""

    def change(file: File) -> str:
        return put(file, IMAGE_TYPE, b"CS", even("DERIVED\\SECONDARY\\M"))

    return case.edit(change)


def component(case: Case) -> str:
    """Mark images as the phase, the real part or the imaginary part of the signal."""
    short, long = case.random.choice((("P", "PHASE"), ("R", "REAL"), ("I", "IMAGINARY")))
    by_type = case.random.random() < 0.7

    def change(file: File) -> str:
        if by_type:
            return put(file, IMAGE_TYPE, b"CS", even(f"ORIGINAL\\PRIMARY\\{short}"))
        return put(file, COMPONENT, b"CS", even(long))

    return case.edit(change)


def clocks(case: Case) -> str:
    """Scramble the acquisition times of images, sometimes their dates too."""
    seed, with_dates = case.random.getrandbits(32), case.random.random() < 0.5

    def change(file: File) -> str:
        r = Random(f"{seed}/{file.name}")
        if with_dates:
            put(file, DATE, b"DA", even(f"20{r.randrange(10, 24)}{r.randrange(1, 13):02}11"))
        time = (
            f"{r.randrange(24):02}{r.randrange(60):02}{r.randrange(60):02}.{r.randrange(10**6):06}"
        )
        put(file, TIME, b"TM", even(time))
        return f"scrambled clocks{' and dates' * with_dates}"

    return case.edit(change)


@dataclass(frozen=True)
class Plausible:
    """A plausible mutation.

    Parameters
    ----------
    mutate : callable
        Changes a case in place and returns a log message.
    told_by : str
        Pattern of warnings that name what it does, besides `TOLD_BY_ALL`.
    unseen_in_all : bool
        Whether nothing can show it if it is the same in all images of the stack.
    """

    mutate: Callable[[Case], str]
    told_by: str
    unseen_in_all: bool = False


TOLD_BY_ALL = r"Left out|phases instead of|Slices are unevenly spaced"
"""Warnings that an image or a slice is missing."""

PLAUSIBLE: dict[str, Plausible] = {
    "spacing": Plausible(spacing, "Pixel Spacing|not square|beside the others", True),
    "in-plane shift": Plausible(in_plane_shift, "beside the others|second short-axis", True),
    "mirrored": Plausible(mirrored, "turned or mirrored|beside the others", True),
    "foreign": Plausible(foreign, "different (Patient IDs|Study|frames of reference)"),
    "derived": Plausible(derived, "derived images"),
    "component": Plausible(component, "only . slices"),
    "clocks": Plausible(clocks, "phases are ordered by|only . slices"),
}


def is_told(name: str, warnings: set[str]) -> bool:
    """Whether any warning names what a mutation does."""
    pattern = f"{TOLD_BY_ALL}|{PLAUSIBLE[name].told_by}"
    return any(re.search(pattern, warning) for warning in warnings)


def _numbers(file: File, tag: int) -> np.ndarray:
    e = file.find(tag)
    text = e.value.decode("latin-1").strip(" \0") if e else ""
    return np.array([float(v) for v in text.split("\\")] if text else [])


def _put_numbers(file: File, tag: int, values: np.ndarray) -> str:
    return put(file, tag, b"DS", even("\\".join(f"{v:.10g}" for v in values)))


def _padded(tag: int, value: bytes) -> bytes:
    return even(value) if tag == PATIENT else value + b"\0" * (len(value) % 2)
