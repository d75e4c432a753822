"""``docs/paper.md``: what the paper claims, what was measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.machine import CHECKOUT

PAGE = CHECKOUT / "docs" / "paper.md"

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Reports by arm, one per seed."""

FIGURES = ("dice_ed", "dice_es", "o_edv_rmse_ml", "o_esv_rmse_ml", "o_ef_mae_points")
COLUMNS = ("Dice ED", "Dice ES", "EDV RMSE, mL", "ESV RMSE, mL", "EF MAE, points")
_BY_P = {name: name.replace("o_", "p_", 1) for name in FIGURES}
N_RESAMPLED = 2000


@dataclass(frozen=True)
class Side:
    """One side of a comparison: an arm, and whether areas come from O or from P."""

    arm: str
    source: str = "o"

    @property
    def label(self) -> str:
        """Return its name in a table."""
        return f"{self.arm}, areas from {self.source.upper()}"


CLAIMS: tuple[tuple[str, Side, Side], ...] = (
    (
        "Alternate training measures volumes better than masks alone (III-H)",
        Side("alternate"),
        Side("masks only", "p"),
    ),
    (
        "Alternate training measures volumes better than volumes alone (III-H)",
        Side("alternate"),
        Side("volumes only"),
    ),
    (
        "The regressed area O is better than the binarised P (III-F)",
        Side("alternate"),
        Side("alternate", "p"),
    ),
    (
        "The hypercolumn is better than the FCN that averages (III-F)",
        Side("masks only", "p"),
        Side("FCN, masks only", "p"),
    ),
    (
        "With 20 patients' masks, volumes of many others help (the paper's own situation)",
        Side("few masks and volumes"),
        Side("few masks", "p"),
    ),
    (
        "The l1 loss on volumes is better than l2 (III-H)",
        Side("l1 on volumes"),
        Side("l2 on volumes"),
    ),
)


def write_page(results: Results) -> None:
    """Write the page; arms without results are listed as not run."""
    parts = [_HEAD, _table(results), "\n## Claim by claim\n"]
    parts += [_claim(text, one, other, results) for text, one, other in CLAIMS]
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


def difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Return the paired difference of mean absolute errors, one minus other, with its interval.

    Parameters
    ----------
    one, other : sequence of float
        Absolute errors of the same patients, means over seeds.

    Returns
    -------
    mean, low, high : float
        The difference and its 95 % bootstrap interval over patients.
    """
    differences = np.asarray(one) - np.asarray(other)
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(differences), size=(N_RESAMPLED, len(differences)))
    low, high = np.percentile(differences[chosen].mean(axis=1), [2.5, 97.5])
    return float(differences.mean()), float(low), float(high)


def _table(results: Results) -> str:
    head = ["training", "seeds", *COLUMNS]
    rows = [head, ["---"] * len(head)]
    for arm, reports in results.items():
        for source, names in (("O", FIGURES), ("P", [_BY_P[name] for name in FIGURES])):
            if not all(name in report for report in reports for name in names):
                continue
            cells = [_spread([report[name] for report in reports], name) for name in names]
            rows.append([f"{arm}, {source}", str(len(reports)), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _spread(values: Sequence[float], name: str) -> str:
    digits = 3 if name.startswith("dice") else 1
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _claim(text: str, one: Side, other: Side, results: Results) -> str:
    missing = [side.arm for side in (one, other) if side.arm not in results]
    if missing:
        return f"### {text}\n\nNot run yet: {', '.join(missing)}.\n"
    lines = []
    verdicts = []
    for name, unit in (("edv_error_ml", "mL"), ("esv_error_ml", "mL"), ("ef_error_points", "")):
        first, second = (_absolute(results[s.arm], f"{s.source}_{name}") for s in (one, other))
        mean, low, high = difference(first, second)
        verdicts.append(-1 if high < 0 else 1 if low > 0 else 0)
        quantity = name.split("_")[0].upper()
        unit = unit or "points"
        lines.append(f"- {quantity}: {mean:+.2f} {unit} ({low:+.2f} to {high:+.2f})")
    verdict = {-1: "holds", 0: "is not decided", 1: "does not hold"}
    words = "; ".join(
        f"{quantity} {verdict[v]}"
        for quantity, v in zip(("EDV", "ESV", "EF"), verdicts, strict=True)
    )
    return (
        f"### {text}\n\nMean absolute error of {one.label} minus that of {other.label}, by "
        "patient, with its 95 % bootstrap interval; negative favours the claim:\n\n"
        + "\n".join(lines)
        + f"\n\nThe claim by this fold: {words}.\n"
    )


def _absolute(reports: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return each patient's absolute error, the mean over seeds."""
    by_seed = [{row["patient"]: abs(row[name]) for row in report["each"]} for report in reports]
    return [float(np.mean([errors[patient] for errors in by_seed])) for patient in by_seed[0]]


_HEAD = """# The paper's claims, tested

Liao et al. (2017) claim what the sections below repeat. Each is tested by trainings that differ in
one thing, with a quarter of the blocks of the shipped recipe. All learn from the same patients and
are measured on the same fold of DSB2 image pairs, which none of them saw, in the squares of the
masks, so that the search for the ROI plays no part. Errors of ESV refer to the labelled phase. Test
patients and those left out are not used.

`make claims` trains the arms that have no results yet and writes this page; the figures of every
patient are in `benchmarks/results/claims`.

## All trainings

Means over seeds, and their range.
"""
