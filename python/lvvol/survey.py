"""`Survey`, the contents of a study: its series and how each was used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lvvol.cine import CineStack, Decision
from lvvol.errors import LvvolError
from lvvol.status import Reason

View = Literal[
    "short axis",
    "long axis",
    "other cine",
    "many beats",
    "phase map",
    "localiser",
    "short-axis still",
    "still",
]


@dataclass(frozen=True)
class Series:
    """A series of a study: its contents and how it was used.

    Parameters
    ----------
    uid : str
        Series Instance UID; empty where missing from the files.
    number : int or None
        Series Number; None where missing from the files.
    description : str
        Series Description; empty where missing from the files.
    folder : str
        The common folder of its files, relative to the study; empty for the study folder.
    views : tuple of str
        Views found from geometry and timing, the most frequent first.

        - short axis: cine parallel to the stack;
        - long axis: cine in a plane that contains the axis of the stack;
        - other cine: cine in any other plane, or in any plane if there is no stack;
        - many beats: one plane over many beats, such as perfusion or free breathing;
        - phase map: pixels are the phase of the signal, such as velocities;
        - localiser: still images in several directions;
        - short-axis still: still images parallel to the stack, such as late enhancement;
        - still: other still images.
    n_files, n_images, n_planes : int
        Number of files, of images in them, and of distinct planes.
    n_phases : (int, int)
        Smallest and largest number of phases of a plane.
    rows, columns : int
        Most frequent image size.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns, of the most frequent image size.
    n_slices_used : int
        Number of slices of the stack taken from this series.
    why : str
        Why the series is used, partly used or not used; one line.
    """

    uid: str
    number: int | None
    description: str
    folder: str
    views: tuple[View, ...]
    n_files: int
    n_images: int
    n_planes: int
    n_phases: tuple[int, int]
    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float]
    n_slices_used: int
    why: str


@dataclass(frozen=True)
class Survey:
    """The contents of a study: its series, and its stack or the reason why there is none.

    Parameters
    ----------
    series : tuple of Series
        Sorted by number, UID and folder.
    stack : CineStack or None
        The short-axis stack.
    error : LvvolError or None
        Why there is no stack; exactly one of `stack` and `error` is None.
    decisions : tuple of Decision
        All decisions made while reading; those of `stack` if there is one.
    reasons : tuple of Reason
        Reasons to review a measurement, found while reading; those of `stack` if there is one.

    Raises
    ------
    ValueError
        If both or neither of `stack` and `error` are given.
    """

    series: tuple[Series, ...]
    stack: CineStack | None
    error: LvvolError | None
    decisions: tuple[Decision, ...]
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if (self.stack is None) == (self.error is None):
            raise ValueError(
                f"stack, error: expected exactly one, got {self.stack!r} and {self.error!r}"
            )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences of `reasons`."""
        return tuple(reason.sentence for reason in self.reasons)
