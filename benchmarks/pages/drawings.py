"""Contours drawn without the images they were drawn on: no pixel of a patient is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

Results = Mapping[str, Any]

OURS, MASK, SQUARE, PROPOSAL = "#2b6ca3", "#c8641e", "#6b7280", "#b6bcc6"
_CELL, _LABEL = 100.0, 12.0
_MARGIN_MM = 4.0
_TEXT = 13.0
_LEGEND = (("lvvol", OURS), ("mask", MASK), ("ROI", SQUARE))


def stacks(patients: Sequence[Results], phases: Sequence[str] = ("ed", "es")) -> str:
    """Draw slices of patients, one row a phase, as SVG.

    Parameters
    ----------
    patients : sequence of mapping
        Contours as `benchmarks.accuracy.paper.outlines` returns them.
    phases : sequence of {"ed", "es"}
        Rows of each patient.
    """
    parts: list[str] = []
    top = _TEXT * 1.8
    n_columns = max(len(patient["slices"]) for patient in patients)
    for patient in patients:
        parts.append(_text(4, top + _TEXT, _title(patient), weight="bold"))
        top += _TEXT * 1.6
        for phase in phases:
            for column, drawn in enumerate(patient["slices"]):
                parts.append(_slice(drawn, phase, column * _CELL, top))
            top += _CELL + _LABEL
        top += _TEXT / 2
    return _svg(n_columns * _CELL, top, [*_legend(_LEGEND), *parts])


def _title(patient: Results) -> str:
    of, true = patient["volumes_ml"], patient["true_volumes_ml"]
    return (
        f"{patient['patient']}: EDV {of[0]:.0f} mL (label {true[0]:.0f}), "
        f"ES {of[1]:.0f} mL (label {true[1]:.0f})"
    )


def _slice(drawn: Results, phase: str, left: float, top: float) -> str:
    """Draw one slice around its ROI."""
    (row, column, side), at = drawn["square_mm"], drawn[phase]
    scale = (_CELL - 4) / (side + 2 * _MARGIN_MM)
    place = (
        f"translate({left + 2:.1f} {top + _LABEL:.1f}) scale({scale:.4f}) "
        f"translate({_MARGIN_MM - column:.1f} {_MARGIN_MM - row:.1f})"
    )
    shapes = _square((row, column, side), SQUARE)
    for path, colour in ((at["mask"], MASK), (at["ours"], OURS)):
        if path:
            shapes += _path(path, colour)
    words = f"{drawn['slice'] + 1} {phase.upper()}  {at['o_mm2']:.0f} / {at['drawn_mm2']:.0f}"
    return f'<g transform="{place}">{shapes}</g>{_text(left + 6, top + _LABEL, words, size=8)}'


def search(typical: Results, n_shown: int = 10) -> str:
    """Draw the three steps of the search for the ROI in one patient (paper, Fig. 3)."""
    rows, columns = typical["image_mm"]
    scale = 210 / max(rows, columns)
    squares, scores = typical["proposals_mm"], typical["scores"]
    panels = (
        (f"1  {len(squares)} proposals ({min(n_shown, len(squares))} shown)", squares[:n_shown]),
        (f"2  the classifier's choice, {scores[0]:.2f}", squares[:1]),
        ("3  refined", [typical["refined_mm"]]),
    )
    parts = list(_legend((("square", SQUARE), ("mask", MASK))))
    for number, (title, shown) in enumerate(panels):
        left, top = number * 220.0, _TEXT * 2
        colours = [PROPOSAL] * len(shown) if number == 0 else [OURS] * len(shown)
        shapes = "".join(_square(s, c) for s, c in zip(shown, colours, strict=True))
        shapes = f'<rect width="{columns}" height="{rows}" fill="#f1f3f6"/>' + shapes
        shapes += _path(typical["middle_mask"], MASK)
        parts.append(_text(left + 4, top + _TEXT, title))
        parts.append(
            f'<g transform="translate({left:.0f} {top + 20:.0f}) scale({scale:.4f})">{shapes}</g>'
        )
    return _svg(3 * 220, _TEXT * 2 + 20 + rows * scale, parts)


def _square(square: Sequence[float], colour: str) -> str:
    row, column, side = square
    return (
        f'<rect x="{column:.1f}" y="{row:.1f}" width="{side:.1f}" height="{side:.1f}" '
        f'fill="none" stroke="{colour}" vector-effect="non-scaling-stroke"/>'
    )


def _path(path: str, colour: str) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/>'
    )


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    parts, left = [], 4.0
    for name, colour in entries:
        parts.append(f'<path d="M{left} 9h16" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(left + 20, 13, name, size=10))
        left += 75
    return parts


def _text(x: float, y: float, words: str, *, size: float = 11, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" '
        f'xml:space="preserve">{escape(words)}</text>'
    )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" font-family="sans-serif" fill="#1f2937">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )
