"""Text output of `lvvol inspect`: series, stack, reasons to review and decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from lvvol.cine import CineStack, Decision
from lvvol.report.slices import name_series, summarise_slices, usual_gap_mm
from lvvol.report.text import describe, listed, one_line, shorten
from lvvol.survey import Series, Survey
from lvvol.typing import Float64

WIDTH = 100  # characters per line
_MAX_DECISIONS = 60


def format_survey(survey: Survey) -> str:
    """Format a survey as text.

    Parameters
    ----------
    survey : Survey
        From `lvvol.survey_study`.

    Returns
    -------
    str
        Tables of series and slices, reasons to review and decisions, without a trailing newline.
        Slices and phases count from 1. Lines have at most 100 characters, none of them control
        characters.
    """
    lines = [*_series_lines(survey.series), ""]
    lines += ["Stack: none"] if survey.stack is None else _stack_lines(survey.stack)
    lines += ["", "Reasons to review" if survey.reasons else "Reasons to review: none"]
    lines += listed((describe(reason) for reason in survey.reasons), WIDTH)
    lines += ["", "Decisions" if survey.decisions else "Decisions: none"]
    lines += listed(map(_describe_decision, survey.decisions[:_MAX_DECISIONS]), WIDTH)
    if len(survey.decisions) > _MAX_DECISIONS:
        n_more = len(survey.decisions) - _MAX_DECISIONS
        lines.append(f"  and {n_more} more (use --json to list all)")
    return "\n".join(lines)


def _series_lines(series: Sequence[Series]) -> list[str]:
    """Format the table of series."""
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
        # If the number is not unique, --series needs the UID.
        "; ".join([s.why, *_identify(s)]) if name in shared else s.why
        for s, name in zip(series, names, strict=True)
    ]
    n_files = sum(s.n_files for s in series)
    counted = f"{len(series)} series in {n_files} file{'s' * (n_files != 1)}"
    return [counted, *_table(columns, "Why", why)]


def _identify(series: Series) -> list[str]:
    """Return the folder and UID of a series, if known."""
    identifiers = {"folder": series.folder, "UID": series.uid}
    return [f"{name} {value}" for name, value in identifiers.items() if value]


def _stack_lines(stack: CineStack) -> list[str]:
    """Format the summary of the stack and the table of its slices."""
    slices = summarise_slices(stack)
    gaps = ["-" if s.gap_mm is None else f"{s.gap_mm:.1f}" for s in slices]
    columns = [
        _Column("Slice", [str(s.number) for s in slices], right=True),
        _Column("Position, mm", [f"{s.position_mm:z.1f}" for s in slices], right=True),
        _Column("Gap, mm", gaps, right=True),
        _Column("Series", [s.series or "-" for s in slices], right=True),
        _Column("Time, ms", [_time_span(times) for times in stack.times_ms], right=True),
    ]
    wide = f"wide gap, usually {usual_gap_mm(stack):.1f} mm"
    remarks = [", ".join(filter(None, (s.end, wide * s.wide))) for s in slices]
    unknown = [] if stack.apex else ["  The apical end of the stack is unknown."]
    return [f"Stack: {stack.describe()}", *_table(columns, "", remarks), *unknown]


def _describe_decision(decision: Decision) -> str:
    """Format a decision with its reason, and its files unless already mentioned."""
    text = f"{decision.what} {decision.why}".strip()
    if not decision.files or decision.files[0] in decision.what:
        return text
    first, n_files = decision.files[0], len(decision.files)
    return f"{text} ({first})" if n_files == 1 else f"{text} ({n_files} files, first: {first})"


def _span(fewest: int, most: int) -> str:
    return str(most) if fewest == most else f"{fewest}-{most}"


def _pixel(spacing_mm: tuple[float, float]) -> str:
    """Format the pixel size, once if the pixels are square."""
    rows, columns = (f"{mm:.2f}" for mm in spacing_mm)
    return rows if rows == columns else f"{rows} x {columns}"


def _used(series: Series) -> str:
    """Format how much of a series is used: yes, no or a number of slices."""
    if not series.n_slices_used:
        return "no"
    return "yes" if series.n_slices_used == series.n_planes else f"{series.n_slices_used}"


def _time_span(times_ms: Float64) -> str:
    """Format the range of times of a slice; its last phase may repeat the first image."""
    known = times_ms[np.isfinite(times_ms)]
    return f"{known.min():z.0f} to {known.max():z.0f}" if known.size else "-"


@dataclass(frozen=True)
class _Column:
    """A table column; cells wider than `max_width` are wrapped."""

    title: str
    cells: Sequence[str]
    right: bool = False
    max_width: int = 16

    def lines(self) -> list[list[str]]:
        """Return the lines of the title and each cell, padded to the same width."""
        cells = (self.title, *self.cells)
        wrapped = [wrap(one_line(cell), self.max_width) or [""] for cell in cells]
        width = max(len(line) for cell in wrapped for line in cell)
        justify = str.rjust if self.right else str.ljust
        return [[justify(line, width) for line in cell] for cell in wrapped]


def _table(columns: Sequence[_Column], last_title: str, last: Sequence[str]) -> list[str]:
    """Format a table; the last column is wrapped into the remaining width."""
    parts = [column.lines() for column in columns]
    room = WIDTH - sum(len(part[0][0]) + 2 for part in parts) - 2
    parts.append(_Column(last_title, last, max_width=room).lines())
    lines = []
    for cells in zip(*parts, strict=True):
        for i in range(max(map(len, cells))):
            line = (cell[i] if i < len(cell) else " " * len(cell[0]) for cell in cells)
            lines.append(("  " + "  ".join(line)).rstrip())
    return lines
