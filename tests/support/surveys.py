"""A survey made by hand: a stack of discs, its series, and every kind of remark."""

from dataclasses import replace

import numpy as np

from lvvol.cine import Decision
from lvvol.errors import TooFewSlicesError
from lvvol.status import Code, Reason
from lvvol.survey import Series, Survey
from tests.support.discs import disc_stack


def a_series(number=5, **values):
    """A series with one slice of five phases, which is used."""
    defaults = {
        "uid": f"1.2.3.{number}",
        "number": number,
        "description": "sax",
        "folder": f"sax_{number}",
        "views": ("short axis",),
        "n_files": 5,
        "n_images": 5,
        "n_planes": 1,
        "n_phases": (5, 5),
        "rows": 160,
        "columns": 152,
        "pixel_spacing_mm": (1.5, 1.5),
        "n_slices_used": 1,
        "why": "slice 1",
    }
    return Series(**{**defaults, **values})


def a_stack(n_slices=4, **values):
    """Discs 10 mm apart, except 20 mm before the third slice; the apex comes last."""
    stack = disc_stack(n_slices, n_phases=5)
    positions_mm = stack.positions_mm + 10.0 * (np.arange(n_slices) >= 2)
    defaults = {
        "positions_mm": positions_mm,
        "series_numbers": tuple(range(5, 5 + n_slices)),
        "series_uids": tuple(f"1.2.3.{number}" for number in range(5, 5 + n_slices)),
        "apex": "last",
    }
    return replace(stack, **{**defaults, **values})


DECISIONS = (
    Decision("Excluded series 20 (4ch).", "Its plane is tilted.", ("4ch/a.dcm", "4ch/b.dcm")),
    Decision("Matched phases.", "One is missing.", ("sax/c.dcm",)),
    Decision("Skipped 2 files (first: a.txt).", "Not DICOM.", ("a.txt", "b.txt")),
    Decision("Measured slice gaps from positions.", "Other attributes are only compared."),
)


def a_survey(**values):
    """A stack, five series, four decisions and a reason to review."""
    series = (
        *(a_series(number, why=f"slice {number - 4}") for number in range(5, 9)),
        a_series(20, description="4ch", views=("long axis",), n_slices_used=0, why="it is tilted"),
    )
    defaults = {
        "series": series,
        "stack": a_stack(),
        "error": None,
        "decisions": DECISIONS,
        "reasons": (Reason(Code.GAP, "Slices are unevenly spaced."),),
    }
    return Survey(**{**defaults, **values})


def a_survey_without_stack():
    """The same series, and the reason why they form no stack."""
    return a_survey(stack=None, error=TooFewSlicesError("study: expected 3 slices, found 1"))
