"""`summary.html`, one self-contained page on many studies: distributions, doubts and a table."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from lvvol.prediction import Interval
from lvvol.report.text import format_number, one_line

MOST_LISTED = 5000
"""Studies in the table: the page stays below a few megabytes."""

_PARTS = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    """One study, as the page shows it.

    Parameters
    ----------
    id : str
        Its ID.
    status : str
        ``ok``, ``review`` or ``failed``.
    edv_ml, esv_ml, ef_percent : float or None
        None where not measured.
    edv_interval_ml, esv_interval_ml, ef_interval_percent : (float, float) or None
        None without a calibration.
    reasons : tuple of str
        Codes of the reasons to review.
    error : str
        Name of the error of a failed study.
    message : str
        The error.
    report : str
        Address of its page, relative to the folder; empty if it was not written.
    timings_s : mapping of str to float
        Seconds of each step.
    finished : str
        When, in ISO 8601; empty if unknown.
    """

    id: str
    status: str
    edv_ml: float | None = None
    esv_ml: float | None = None
    ef_percent: float | None = None
    edv_interval_ml: Interval | None = None
    esv_interval_ml: Interval | None = None
    ef_interval_percent: Interval | None = None
    reasons: tuple[str, ...] = ()
    error: str = ""
    message: str = ""
    report: str = ""
    timings_s: Mapping[str, float] | None = None
    finished: str = ""

    @property
    def width(self) -> float:
        """Width of the interval of EF in percentage points; -1 without an interval."""
        ends = self.ef_interval_percent
        return ends[1] - ends[0] if ends else -1.0


class Histogram:
    """How many studies have a value in each bin, by status.

    Parameters
    ----------
    name, unit : str
        What is counted.
    field : str
        The attribute of `Line`.
    width : int
        Width of a bin.
    n_bins : int
        Number of bins from 0; the last one also holds what lies beyond.
    """

    def __init__(self, name: str, unit: str, field: str, width: int, n_bins: int) -> None:
        self.name, self.unit, self.field, self.width = name, unit, field, width
        self.counts = [Counter[str]() for _ in range(n_bins)]

    def add(self, line: Line) -> None:
        """Count a study, if it has the value."""
        value = getattr(line, self.field)
        if value is not None:
            bin_ = min(max(int(value // self.width), 0), len(self.counts) - 1)
            self.counts[bin_][line.status] += 1

    @property
    def most(self) -> int:
        """Studies in the fullest bin; at least 1."""
        return max(1, *(counts.total() for counts in self.counts))


def make_cohort_page(lines: Iterable[Line], title: str) -> str:
    """Make the page.

    Parameters
    ----------
    lines : iterable of Line
        The studies; one at a time is looked at, and at most `MOST_LISTED` are kept.
    title : str
        Name of the cohort, such as that of its folder.

    Returns
    -------
    str
        HTML that loads nothing; it links to the reports of single studies.
    """
    histograms = (
        Histogram("EDV", "mL", "edv_ml", 20, 20),
        Histogram("ESV", "mL", "esv_ml", 20, 20),
        Histogram("EF", "%", "ef_percent", 5, 20),
    )
    by_status: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    finished: list[str] = []
    n_timed = 0
    # Widest intervals first, then what has none; the number keeps the order of what is alike.
    kept: list[tuple[float, int, Line]] = []
    for number, line in enumerate(lines):
        by_status[line.status] += 1
        reasons.update(line.reasons)
        errors.update([line.error] if line.error else [])
        if line.timings_s:
            n_timed += 1
            seconds.update(dict(line.timings_s))
        if line.finished:
            finished = [min([*finished, line.finished]), max([*finished, line.finished])]
        for histogram in histograms:
            histogram.add(line)
        entry = (line.width, -number, line)
        if len(kept) < MOST_LISTED:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
    listed = [line for *_, line in sorted(kept, key=lambda entry: entry[:2], reverse=True)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PARTS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = format_number
    return environment.get_template("page.html").render(
        title=one_line(title),
        version=version("lvvol"),
        n=by_status.total(),
        by_status=by_status,
        histograms=histograms,
        reasons=reasons.most_common(),
        errors=errors.most_common(),
        steps=[(name, total / n_timed) for name, total in seconds.items()],
        n_timed=n_timed,
        finished=finished,
        n_listed=len(listed),
        data={"total": by_status.total(), **_for_script(listed, histograms)},
        styles=(_PARTS / "page.css").read_text(encoding="utf-8"),
        script=(_PARTS / "page.js").read_text(encoding="utf-8"),
    )


def _for_script(lines: Sequence[Line], histograms: Sequence[Histogram]) -> dict[str, Any]:
    """Return what the script filters: one short list a study."""
    return {
        "bins": [{"width": h.width, "n": len(h.counts), "most": h.most} for h in histograms],
        "rows": [
            [
                line.id,
                line.status,
                _pair(line.edv_ml, line.edv_interval_ml),
                _pair(line.esv_ml, line.esv_interval_ml),
                _pair(line.ef_percent, line.ef_interval_percent),
                line.reasons,
                line.error,
                one_line(line.message),
                line.report,
            ]
            for line in lines
        ],
    }


def _pair(value: float | None, interval: Interval | None) -> list[float | None]:
    """Return a value and the ends of its interval, rounded."""
    ends = interval or (None, None)
    return [None if v is None else round(v, 1) for v in (value, *ends)]
