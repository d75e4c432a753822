"""The table that `lvvol evaluate` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lvvol.report.text import one_line, shorten

_QUANTITIES = {
    "edv_ml": ("EDV", "mL"),
    "esv_ml": ("ESV", "mL"),
    "sv_ml": ("SV", "mL"),
    "ef_percent": ("EF", "points"),
}
_SHORT = {"edv_ml": "edv", "esv_ml": "esv", "sv_ml": "sv", "ef_percent": "ef"}


def format_figures(summary: Mapping[str, Any], refused: Sequence[str]) -> str:
    """Return the figures over all patients as lines for a person to read.

    Parameters
    ----------
    summary : mapping
        From `lvvol.evaluate.summarise`.
    refused : sequence of str
        Patients who could not be measured, with the reason.

    Returns
    -------
    str
        Without a line break at the end; figures that nobody has are left out.
    """
    blocks = [
        _counts(summary, len(refused)) + _images(summary),
        _agreement(summary),
        _doubt(summary),
        _worst(summary),
        [f"refused: {one_line(reason)}" for reason in refused],
        [f"labels contradict the images: {one_line(name)}" for name in summary.get("broken", ())],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def format_range(ends: Sequence[float] | None, digits: int) -> str:
    """Return an interval in brackets; nothing without an interval.

    Examples
    --------
    >>> format_range((9.75, 13.1), 1)
    '(9.8 to 13.1)'
    """
    return "" if ends is None else f"({ends[0]:z.{digits}f} to {ends[1]:z.{digits}f})"


def format_value(value: float | None, digits: int) -> str:
    """Return a number; a dash for None and NaN."""
    return "-" if value is None or math.isnan(value) else f"{value:z.{digits}f}"


def _counts(summary: Mapping[str, Any], n_refused: int) -> list[str]:
    n_measured = summary["n_patients"] - n_refused
    lines = [f"Patients        {n_measured} measured, {n_refused} refused"]
    if "review_share" in summary:
        wrong = summary.get("wrong_yet_ok", [])
        known = "wrong_yet_ok_share" in summary
        ending = f", {len(wrong)} wrong yet ok" if known else ""
        lines.append(f"Status          {summary['n_review']} to review{ending}")
    return lines


def _images(summary: Mapping[str, Any]) -> list[str]:
    """Return the figures of masks."""
    if "dice_ed_mean" not in summary:
        return []
    ends = summary.get("interval_95", {})

    def pair(name: str, digits: int) -> str:
        return ", ".join(
            f"{at.upper()} {format_value(summary.get(name.format(at)), digits)} "
            f"{format_range(ends.get(name.format(at)), digits)}".rstrip()
            for at in ("ed", "es")
        )

    lines = [f"Dice of P       {pair('dice_{}_mean', 3)}"]
    if "hausdorff95_ed_mean_mm" in summary:
        lines += [
            f"Hausdorff 95 %  {pair('hausdorff95_{}_mean_mm', 1)} mm",
            f"Outlines apart  {pair('surface_distance_{}_mean_mm', 1)} mm",
        ]
    recall, recall_ends = summary["roi_recall"], ends.get("roi_recall")
    in_percent = [100 * end for end in recall_ends] if recall_ends else None
    shown = f"{100 * recall:.1f} % {format_range(in_percent, 1)}".rstrip()
    lines.append(f"First ROI right {'-' if math.isnan(recall) else shown}")
    for at, levels in summary.get("area_error_mm2", {}).items():
        errors = ", ".join(f"{level} {each['mean_error']:+z.0f}" for level, each in levels.items())
        lines.append(f"{f'Area error {at.upper()}':<16}{errors} mm²")
    return lines


def _agreement(summary: Mapping[str, Any]) -> list[str]:
    """Return the table of errors."""
    of_images = "dice_ed_mean" in summary
    ends = summary.get("interval_95", {})
    rows = []
    for prefix, source in (("", " from O" if of_images else ""), ("probability_", " from P")):
        for key, (name, unit) in _QUANTITIES.items():
            if (a := summary.get(prefix + key)) is not None:
                of_rmse = format_range(ends.get(prefix + key, {}).get("rmse"), 1)
                rows.append(
                    f"{f'{name}{source}, {unit}':<18}{of_rmse:>17}{format_value(a['rmse'], 1):>8}"
                    f"{format_value(a['mean_absolute_error'], 1):>10}"
                    f"{format_value(a['mean_error'], 1):>9}{format_value(a['correlation'], 3):>8}"
                )
    if not rows:
        return []
    head = f"{'':<18}{'RMSE 95 %':>17}{'RMSE':>8}{'mean |d|':>10}{'mean d':>9}{'r':>8}"
    return [head, *rows]


def _doubt(summary: Mapping[str, Any]) -> list[str]:
    """Return limits of agreement, scores and coverage."""
    if "lower_limit" not in summary.get("edv_ml", {}):
        return []
    levels = [name for name in summary if name.startswith("coverage_")]
    shares = "".join(f"{'in ' + level.removeprefix('coverage_') + ' %':>9}" for level in levels)
    lines = [f"{'':<12}{'relative':>10}{'limits of agreement':>22}{'CRPS':>9}{shares}"]
    for key, (name, unit) in _QUANTITIES.items():
        if (a := summary.get(key)) is not None:
            limits = f"{format_value(a['lower_limit'], 1)} to {format_value(a['upper_limit'], 1)}"
            covered = [summary[level].get(_SHORT[key]) for level in levels]
            shares = "".join(f"{'-' if c is None else f'{c:.0%}':>9}" for c in covered)
            lines.append(
                f"{f'{name}, {unit}':<12}{format_value(a['relative_error_percent'], 1) + ' %':>10}"
                f"{limits:>22}{format_value(a.get('crps_mean'), 4):>9}{shares}"
            )
    if "crps_mean" in summary:
        of_crps = format_range(summary["interval_95"]["crps_mean"], 4)
        score = f"CRPS {summary['crps_mean']:.4f} {of_crps}".rstrip()
        lines.append(
            f"{score}: distance {summary['crps_error_mean']:.4f} "
            f"less spread {summary['crps_spread_mean']:.4f}"
        )
    return lines


def _worst(summary: Mapping[str, Any]) -> list[str]:
    """Return the patients with the largest errors."""
    patients = summary.get("worst", [])
    if not patients:
        return []
    lines = [
        f"{'Worst patients':<26}{'EDV d':>8}{'ESV d':>8}{'EF d':>8}{'Dice ED':>9}{'ES':>7}  status"
    ]
    lines += [
        f"{shorten(each['patient'], 25):<26}{format_value(each['edv_error_ml'], 1):>8}"
        f"{format_value(each['esv_error_ml'], 1):>8}{format_value(each['ef_error_percent'], 1):>8}"
        f"{format_value(each['dice_ed'], 3):>9}{format_value(each['dice_es'], 3):>7}"
        f"  {each['status']}".rstrip()
        for each in patients
    ]
    return lines
