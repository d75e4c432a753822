"""What `lvvol inspect` prints of a study: its series, its stack, every decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from lvvol.cine import CineStack, Decision
from lvvol.report.slices import name_series, note_slices, usual_gap_mm
from lvvol.report.text import listed, one_line, shorten
from lvvol.survey import Series, Survey
from lvvol.typing import Float64

WIDTH = 100  # characters a line may have
_MAX_DECISIONS = 60


def format_survey(survey: Survey) -> str:
    """Return what a study holds as lines for a person to read.

    Parameters
    ----------
    survey : Survey
        From `lvvol.survey_study`.

    Returns
    -------
    str
        Tables of the series and of the stack's slices, warnings and decisions; slices and phases
        are counted from 1. Lines have up to 100 characters, none of them a control character,
        whatever the headers hold; without a line break at the end.
    """
    lines = [*_series_lines(survey.series), ""]
    lines += ["Stack: none"] if survey.stack is None else _stack_lines(survey.stack)
    lines += ["", "Warnings" if survey.warnings else "Warnings: none"]
    lines += listed(survey.warnings, WIDTH)
    lines += ["", "Decisions" if survey.decisions else "Decisions: none"]
    lines += listed(map(_describe_decision, survey.decisions[:_MAX_DECISIONS]), WIDTH)
    if len(survey.decisions) > _MAX_DECISIONS:
        lines.append(f"  and {len(survey.decisions) - _MAX_DECISIONS} more: --json has them all")
    return "\n".join(lines)


def _series_lines(series: Sequence[Series]) -> list[str]:
    """Return the table of the series."""
    if not series:
        return ["Series: none"]
    names = [name_series(s.number, s.uid) or "-" for s in series]
    columns = [
        _Column("No.", names, right=True),
        _Column("View", [", ".join(s.views) for s in series], max_width=11),
        _Column("Slices", [str(s.n_planes) for s in series], right=True),
        _Column("Phases", [_span(*s.n_phases) for s in series], right=True),
        _Column("mm", [_pixel(s.pixel_spacing_mm) for s in series], max_width=6),
        _Column("Used", [_used(s) for s in series]),
    ]
    if any(s.description for s in series):
        descriptions = [shorten(s.description, 64) or "-" for s in series]
        columns.insert(1, _Column("Description", descriptions, max_width=18))
    shared = {name for name, count in Counter(names).items() if count > 1}
    why = [
        # Where a number does not tell series apart, --series needs the UID, and people the folder.
        "; ".join([s.why, *_identify(s)]) if name in shared else s.why
        for s, name in zip(series, names, strict=True)
    ]
    n_files = sum(s.n_files for s in series)
    counted = f"{len(series)} series in {n_files} file{'s' * (n_files != 1)}"
    return [counted, *_table(columns, "Why", why)]


def _identify(series: Series) -> list[str]:
    """Say where a series lies and what its UID is, as far as the study says."""
    told = {"folder": series.folder, "UID": series.uid}
    return [f"{name} {value}" for name, value in told.items() if value]


def _stack_lines(stack: CineStack) -> list[str]:
    """Return what the stack holds and the table of its slices."""
    notes = note_slices(stack)
    gaps = ["-" if note.gap_mm is None else f"{note.gap_mm:.1f}" for note in notes]
    columns = [
        _Column("Slice", [str(note.number) for note in notes], right=True),
        _Column("Position, mm", [f"{note.position_mm:z.1f}" for note in notes], right=True),
        _Column("Gap, mm", gaps, right=True),
        _Column("Series", [note.series or "-" for note in notes], right=True),
        _Column("Time, ms", [_time_span(times) for times in stack.times_ms], right=True),
    ]
    wide = f"wide gap, usually {usual_gap_mm(stack):.1f} mm"
    remarks = [", ".join(filter(None, (note.end, wide * note.wide))) for note in notes]
    unknown = [] if stack.apex else ["  Which end is the apex could not be established."]
    return [f"Stack: {stack.describe()}", *_table(columns, "", remarks), *unknown]


def _describe_decision(decision: Decision) -> str:
    """Say what was done, why, and to which files where that is not said yet."""
    text = f"{decision.what} {decision.why}".strip()
    if not decision.files or decision.files[0] in decision.what:
        return text
    first, n_files = decision.files[0], len(decision.files)
    return f"{text} ({first})" if n_files == 1 else f"{text} ({n_files} files, first: {first})"


def _span(fewest: int, most: int) -> str:
    return str(most) if fewest == most else f"{fewest}-{most}"


def _pixel(spacing_mm: tuple[float, float]) -> str:
    """Write a pixel's size, once where it is a square."""
    rows, columns = (f"{mm:.2f}" for mm in spacing_mm)
    return rows if rows == columns else f"{rows} x {columns}"


def _used(series: Series) -> str:
    """Say how much of a series is in the stack."""
    if not series.n_slices_used:
        return "no"
    return "yes" if series.n_slices_used == series.n_planes else f"{series.n_slices_used}"


def _time_span(times_ms: Float64) -> str:
    """Write the first and last time of a slice, whose last phase may show the first image."""
    known = times_ms[np.isfinite(times_ms)]
    return f"{known.min():z.0f} to {known.max():z.0f}" if known.size else "-"


@dataclass(frozen=True)
class _Column:
    """A column of a table; cells wider than it may grow are wrapped."""

    title: str
    cells: Sequence[str]
    right: bool = False
    max_width: int = 16

    def lines(self) -> list[list[str]]:
        """Return the lines of the title and of each cell, all of one width."""
        cells = (self.title, *self.cells)
        wrapped = [wrap(one_line(cell), self.max_width) or [""] for cell in cells]
        width = max(len(line) for cell in wrapped for line in cell)
        justify = str.rjust if self.right else str.ljust
        return [[justify(line, width) for line in cell] for cell in wrapped]


def _table(columns: Sequence[_Column], last_title: str, last: Sequence[str]) -> list[str]:
    """Return the lines of a table, whose last column is wrapped into the room that is left."""
    parts = [column.lines() for column in columns]
    room = WIDTH - sum(len(part[0][0]) + 2 for part in parts) - 2
    parts.append(_Column(last_title, last, max_width=room).lines())
    lines = []
    for cells in zip(*parts, strict=True):
        for i in range(max(map(len, cells))):
            line = (cell[i] if i < len(cell) else " " * len(cell[0]) for cell in cells)
            lines.append(("  " + "  ".join(line)).rstrip())
    return lines
