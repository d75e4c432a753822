"""``docs/paper.md``: what the paper claims, what was measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.claims.arms import ARMS, FEW_STUDIES, N_FEW, Cohort
from benchmarks.claims.late import LEARNED, MEASURED, N_PHASES
from benchmarks.machine import CHECKOUT

PAGE = CHECKOUT / "docs" / "paper.md"

Results = Mapping[str, Sequence[Mapping[str, Any]]]
"""Reports by arm, one per seed."""

COLUMNS = {
    "dice_ed": "Dice ED",
    "dice_es": "Dice ES",
    "o_edv_rmse_ml": "EDV RMSE, mL",
    "o_esv_rmse_ml": "ESV RMSE, mL",
    "o_ef_mae_points": "EF MAE, points",
}
IN_PERCENT = {"o_edv_rmse_percent": "EDV RMSE, %", "o_esv_rmse_percent": "ESV RMSE, %"}
"""Of phantoms, whose true volumes are exact."""
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
    ("Re-picking phases helps (III-I)", Side("re-picked"), Side("first picks")),
)


def write_page(results: Results) -> None:
    """Write the page; arms without results are listed as not run."""
    parts = [_HEAD, _table(results, "dsb2", COLUMNS), _PHANTOMS]
    parts += [_table(results, "phantoms", COLUMNS | IN_PERCENT), "\n## Claim by claim\n"]
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


def _table(results: Results, measured: Cohort, columns: Mapping[str, str]) -> str:
    head = ["training", "seeds", *columns.values()]
    rows = [head, ["---"] * len(head)]
    for arm, reports in results.items():
        if ARMS[arm].measured != measured:
            continue
        for source in ("o", "p"):
            names = [name.replace("o_", f"{source}_", 1) for name in columns]
            if not all(name in report for report in reports for name in names):
                continue
            cells = [_spread([report[name] for report in reports], name) for name in names]
            rows.append([f"{arm}, {source.upper()}", str(len(reports)), *cells])
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
    who = {"dsb2": "this fold", "phantoms": "these phantoms"}[ARMS[one.arm].measured]
    verdict = {-1: "holds", 0: "is not decided", 1: "does not hold"}
    words = "; ".join(
        f"{quantity} {verdict[v]}"
        for quantity, v in zip(("EDV", "ESV", "EF"), verdicts, strict=True)
    )
    return (
        f"### {text}\n\nMean absolute error of {one.label} minus that of {other.label}, by "
        "patient, with its 95 % bootstrap interval; negative favours the claim:\n\n"
        + "\n".join(lines)
        + f"\n\nThe claim by {who}: {words}.\n"
        + "".join(_picks(report) for report in results[one.arm] if "picks" in report)
    )


def _picks(report: Mapping[str, Any]) -> str:
    """Say how many phases were right, before and after."""
    picks = report["picks"]
    before, after = (
        f"{picks[when]['ed']} at ED, {picks[when]['es']} at ES and {picks[when]['both']} at both"
        for when in ("before", "after")
    )
    return (
        f"\nSeed {report['seed']}: of {picks['patients']} cines, the first picks are within one "
        f"phase of the truth in {before}; after re-picking, in {after}.\n"
    )


def _absolute(reports: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return each patient's absolute error, the mean over seeds."""
    by_seed = [{row["patient"]: abs(row[name]) for row in report["each"]} for report in reports]
    return [float(np.mean([errors[patient] for errors in by_seed])) for patient in by_seed[0]]


_HEAD = """# The paper's claims, tested

Liao et al. (2017) claim what the sections below repeat. Each is tested by trainings that differ in
one thing. The figures of every patient are in `benchmarks/results/claims`; `make claims` trains the
arms that have no results yet and writes this page.

Networks are measured in the squares of the masks, so that the search for the ROI plays no part, on
those whom no training saw, at ED and the systolic phase that is labelled.

## Patients

All of these learn from the same patients, or from some of their masks or volumes where the name
says so, with a quarter of the blocks of the shipped recipe. They are measured on the same fold of
DSB2 image pairs. Test patients and those left out are not used. Means over seeds, and their range;
intervals below are over patients, so that one seed leaves the noise of training out.
"""

_PHANTOMS = f"""
## Phantoms

Re-picking needs whole cines whose true phases are known. These trainings learn from the masks of
{N_FEW} Sunnybrook patients, and from EDV and ESV of {len(LEARNED)} [phantoms](phantom.md)
of {N_PHASES} phases without masks or phases. Their cines begin anywhere in the cycle, at each phase
as often as at any other, while
training takes the first phase for ED and the one least like it for ES. So most first picks are
wrong, and those of four or five cines in twelve are the wrong way round. The shipped classifier
finds the squares. HFCN is trained for {FEW_STUDIES["blocks"]} blocks, and after re-picking
once more from the beginning.
{len(MEASURED)} other phantoms are measured, at their true ED and ES.
"""
