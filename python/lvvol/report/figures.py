"""The table that `lvvol evaluate` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_AGREEMENT = (
    ("edv_ml", "EDV from O, mL"),
    ("esv_ml", "ESV from O, mL"),
    ("ef_percent", "EF from O, points"),
    ("probability_edv_ml", "EDV from P, mL"),
    ("probability_esv_ml", "ESV from P, mL"),
    ("probability_ef_percent", "EF from P, points"),
)


def format_figures(summary: Mapping[str, Any], refused: Sequence[str]) -> str:
    """Return the figures over all patients as lines for a person to read.

    Parameters
    ----------
    summary : mapping
        From `lvvol.evaluate.summarise`.
    refused : sequence of str
        Patients in whom no ROI was found, with the reason.

    Returns
    -------
    str
        Without a line break at the end; volumes are left out where no patient has them labelled.
    """
    lines = [
        f"Patients        {summary['patients']} measured, {len(refused)} refused",
        f"Dice of P       ED {summary['dice_ed_mean']:.3f}, ES {summary['dice_es_mean']:.3f}",
        f"First ROI right {summary['roi_found_percent']:.1f} %",
    ]
    rows = [(label, summary[key]) for key, label in _AGREEMENT if key in summary]
    if rows:
        lines += ["", f"{'':<18}{'RMSE':>8}{'mean |d|':>10}{'mean d':>9}{'r':>8}"]
    lines += [
        f"{label:<18}{a['rmse']:>8.1f}{a['mean_absolute_error']:>10.1f}"
        f"{a['mean_error']:>9.1f}{a['correlation']:>8.3f}"
        for label, a in rows
    ]
    return "\n".join([*lines, *(f"refused: {reason}" for reason in refused)])
