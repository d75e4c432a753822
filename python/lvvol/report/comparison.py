"""The table that `lvvol compare` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lvvol.report.evaluation.tables import digits
from lvvol.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = (
    *("dice_ed_mean", "dice_es_mean", "hausdorff95_ed_mean_mm", "hausdorff95_es_mean_mm"),
    *("roi_recall", "crps_mean", "coverage_90.edv", "coverage_90.esv", "coverage_90.ef"),
    *("review_share", "wrong_yet_ok_share"),
)
_OF_VOLUMES = ("rmse", "mean_absolute_error", "mean_error", "crps_mean")
_VOLUMES = ("edv_ml", "esv_ml", "sv_ml", "ef_percent")


def format_comparison(comparison: Mapping[str, Any]) -> str:
    """Return the main figures of two evaluations as lines for a person to read.

    Parameters
    ----------
    comparison : mapping
        A `lvvol.evaluate.compare.Comparison` as plain values.

    Returns
    -------
    str
        Without a line break at the end.
    """
    shown = {*_SHOWN, *(f"{key}.{name}" for key in _VOLUMES for name in _OF_VOLUMES)}
    width = max(map(len, shown)) + 2
    lines = [
        f"{comparison['n_patients']} patients in both",
        "",
        f"{'':<{width}}{'A':>11}{'B':>11}{'B - A':>11}{'95 %':>24}  better",
    ]
    for each in comparison["differences"]:
        if each["figure"] in shown:
            ends = (
                "" if each["low"] is None else f"({digits(each['low'])} to {digits(each['high'])})"
            )
            numbers = "".join(f"{digits(each[key]):>11}" for key in ("a", "b", "difference"))
            line = f"{each['figure']:<{width}}{numbers}{ends:>24}  {each['better'].upper()}"
            lines.append(line.rstrip())
    for key, name in (("only_a", "A"), ("only_b", "B")):
        if names := comparison[key]:
            lines += ["", f"measured in {name} only: {', '.join(map(one_line, names))}"]
    return "\n".join(lines)
