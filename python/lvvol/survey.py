"""`Survey`, what was found in a study: its series, what each shows, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lvvol.cine import CineStack, Decision
from lvvol.errors import LvvolError

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
    """One series of a study: what it shows and what became of it.

    Parameters
    ----------
    uid : str
        Series Instance UID; empty where the files hold none.
    number : int or None
        Series number; None where the files hold none.
    description : str
        Series description; empty where the files hold none.
    folder : str
        The folder its files share, relative to the study; empty for the study itself.
    views : tuple of str
        What its images show, told by geometry and time, the view of most images first.

        - short axis: cines parallel to the stack;
        - long axis: cines of a plane that holds the stack's axis;
        - other cine: cines of another plane, or of any where no stack was found;
        - many beats: one plane over many beats, as contrast agent passes or the patient breathes;
        - phase map: pixels hold the signal's phase, such as velocities;
        - localiser: still images in several directions;
        - short-axis still: still images parallel to the stack, such as late enhancement;
        - still: other still images.
    n_files, n_images, n_planes : int
        Files, images in them, and different planes they show.
    n_phases : (int, int)
        Fewest and most phases of a plane.
    rows, columns : int
        Size of most images.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns, of most images.
    n_slices_used : int
        Slices of the stack that come from this series.
    why : str
        Why it is used, or not, or only in part; one line.
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
    """All that reading a study found: its series and its stack, or why there is none.

    Parameters
    ----------
    series : tuple of Series
        By number, then UID and folder.
    stack : CineStack or None
        The short-axis stack.
    error : LvvolError or None
        Why there is no stack; exactly one of `stack` and `error` is given.
    decisions : tuple of Decision
        Every choice made while reading; those of `stack` where there is one.
    warnings : tuple of str
        What a user should know; those of `stack` where there is one.

    Raises
    ------
    ValueError
        If both or neither of `stack` and `error` are given.
    """

    series: tuple[Series, ...]
    stack: CineStack | None
    error: LvvolError | None
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]

    def __post_init__(self) -> None:
        if (self.stack is None) == (self.error is None):
            raise ValueError(
                f"stack, error: expected exactly one, got {self.stack!r} and {self.error!r}"
            )
