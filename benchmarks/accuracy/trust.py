"""Whether intervals keep their promise, on patients whom the weights have not seen.

``python -m benchmarks.accuracy.trust DSB2_PNG`` takes the patients measured out of fold
(``results/out_of_fold.json``), judges each by a calibration fitted to the others, then measures the
test patients, judges them by the calibration that ships, and writes ``results/trust.json`` and
``docs/trust.md``: coverage, over all and by size; the score of the paper's Table III, with the best
and the worst that any standard deviation could do; whether wide intervals and a status of review
point to large errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.calibrations import others, settings
from benchmarks.accuracy.out_of_fold import OUT_OF_FOLD, read_out_of_fold
from benchmarks.command import run
from benchmarks.machine import CHECKOUT
from lvvol.datasets import SHIPPED, Part, open_dataset, read_split
from lvvol.evaluate.calibrate import Collected, collect
from lvvol.evaluate.result import is_far_off
from lvvol.model import CALIBRATIONS, load_model
from lvvol.typing import Float64
from lvvol.uncertainty import Calibration, Quantity, Row, fit
from lvvol.uncertainty.area_error import AreaError, fit_beta
from lvvol.uncertainty.crps import competition_crps, gaussian_cdf
from lvvol.uncertainty.joint import Joint, truths
from lvvol.uncertainty.simulate import best_sigma_ml

N_FOLDS = 20
LARGE_ERROR_ML = 20.0
PAGE = CHECKOUT / "docs" / "trust.md"
MARK = "<!-- Below here `benchmarks.accuracy.trust` writes. -->\n"
_TITLES = {
    OUT_OF_FOLD: "Patients out of fold, each judged by a fit to the others",
    str(Part.TEST): "Test patients, judged by the calibrations that ship",
}
_SOURCES = {
    "none": "0: no doubt",
    "propagated": "the paper's, from errors of areas",
    "shipped": "the calibration's",
    "affine_in_hindsight": "a + b V, best for these very patients",
    "error_known": "best for each error, which nobody knows",
}

KEPT = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of patients kept when those with the widest intervals are refused."""


@dataclass(frozen=True)
class Judged:
    """A patient, and a calibration that has not seen him."""

    name: str
    row: Row
    calibration: Calibration


def main(dsb2_png: Path) -> dict[str, Any]:
    """Measure, judge and count, by each calibration that ships."""
    test = open_dataset(dsb2_png).part(read_split(SHIPPED), Part.TEST)
    report = {
        OUT_OF_FOLD: figures(read_out_of_fold("dsb2"), refit=True),
        str(Part.TEST): figures(collect(test, load_model()), refit=False),
    }
    write_page(report)
    return report


def write_page(report: dict[str, Any]) -> None:
    """Write the figures below the mark of ``docs/trust.md``."""
    kept = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{kept}{MARK}{document(report)}", encoding="utf-8")


def document(report: dict[str, Any]) -> str:
    """Return the tables of all parts."""
    lines: list[str] = []
    for part in (OUT_OF_FOLD, str(Part.TEST)):
        of_part = report[part]
        lines += ["", f"## {_TITLES[part]}", ""]
        lines.append(
            f"{of_part['n_patients']} patients, {len(of_part['refused'])} refused, "
            f"{of_part['n_review']} with status `review`."
        )
        for name, figures in of_part["by_calibration"].items():
            lines += ["", f"### Calibration `{name}`", "", *_coverage_table(figures["coverage"])]
            lines += ["", _outside(figures), "", *_score_table(figures["crps"]), ""]
            auc = figures["auc_of_large_errors_by_width"]
            kept = figures["kept_edv_rmse_ml"]
            wrong = figures["wrong_yet_ok"]
            lines.append(
                f"EDV is off by more than {LARGE_ERROR_ML:g} mL in {figures['n_large_errors']}; "
                f"the width of its interval tells them with an AUC of {auc:.2f}. RMSE of EDV is "
                f"{kept['1.0']:.1f} mL, and {kept['0.8']:.1f} mL without the fifth with the widest "
                f"intervals. Status `ok` and off by more than twice the half-width: "
                f"{', '.join(wrong) or 'nobody'}."
            )
    return "\n".join([*lines, ""])


def _coverage_table(figures: dict[str, Any]) -> list[str]:
    n = figures["n_patients"]
    rows = [
        "| intervals of | EDV | ESV | SV | EF | expected |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for level, counts in figures["covered"].items():
        low, high = expected_counts(n, float(level))
        cells = [f"{counts[str(q)]} ({100 * counts[str(q)] / n:.0f} %)" for q in Quantity]
        rows.append(f"| {100 * float(level):g} % | {' | '.join(cells)} | {low} to {high} |")
    return rows


def _outside(figures: dict[str, Any]) -> str:
    """Say how many counts, over all and in thirds by size, are not as expected."""
    groups = [figures["coverage"], *figures["coverage_by_size"]]
    counts = [
        (group["n_patients"], float(level), count)
        for group in groups
        for level, counts in group["covered"].items()
        for count in counts.values()
    ]
    low, high = (
        sum(sign * count > sign * expected_counts(n, level)[end] for n, level, count in counts)
        for sign, end in ((-1, 0), (1, 1))
    )
    return (
        f"Of these and the counts in thirds by size, {len(counts)} in all, {low} are lower and "
        f"{high} higher than expected."
    )


def expected_counts(n: int, level: float) -> tuple[int, int]:
    """Return the central 95 % of how many of n intervals hold what they should.

    Examples
    --------
    >>> expected_counts(100, 0.9)
    (84, 95)
    """
    chances = [math.comb(n, k) * level**k * (1 - level) ** (n - k) for k in range(n + 1)]
    below = np.cumsum(chances)
    return int(np.searchsorted(below, 0.025)), int(np.searchsorted(below, 0.975))


def _score_table(scores: dict[str, float]) -> list[str]:
    rows = ["| standard deviation | mean CRPS |", "| --- | --- |"]
    return rows + [f"| {_SOURCES[name]} | {score:.5f} |" for name, score in scores.items()]


def figures(found: Collected, *, refit: bool) -> dict[str, Any]:
    """Return the figures of one group, judged by calibrations fitted to others."""
    return {
        "n_patients": len(found.rows) + len(found.refused),
        "refused": found.refused,
        "n_review": sum(row.features.n_reasons > 0 for row in found.rows),
        "by_calibration": {
            name: summarise(judge(found, name, refit=refit), found) for name in CALIBRATIONS
        },
    }


def judge(found: Collected, name: str, *, refit: bool) -> list[Judged]:
    """Return each patient with a calibration fitted without him, or that which ships."""
    named = sorted(zip(found.names, found.rows, strict=True), key=lambda each: each[1].edv_ml)
    shipped = load_model(calibration=name).calibration
    assert shipped is not None
    if not refit:
        return [Judged(patient, row, shipped) for patient, row in named]
    how = settings(name, found, shipped.weights_sha256)
    judged = []
    for fold in range(N_FOLDS):
        kept = [row for i, (_, row) in enumerate(named) if i % N_FOLDS != fold]
        calibration = fit([*kept, *others(name)], how)
        judged += [Judged(*each, calibration) for each in named[fold::N_FOLDS]]
    return judged


def summarise(judged: Sequence[Judged], found: Collected) -> dict[str, Any]:
    """Return all figures of one calibration."""
    by_size = sorted(judged, key=lambda each: each.row.edv_ml)
    thirds = [list(some) for some in np.array_split(np.arange(len(by_size)), 3)]
    return {
        "coverage": coverage(judged),
        "coverage_by_size": [coverage([by_size[i] for i in third]) for third in thirds],
        "crps": scores(judged, found.area_error() or AreaError.flat()),
        **warnings(judged),
    }


def coverage(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return for each level and quantity how many intervals hold the true value."""
    levels = judged[0].calibration.levels
    counts = {str(level): dict.fromkeys(map(str, Quantity), 0) for level in levels}
    for each in judged:
        true = truths(each.row.edv_ml, each.row.esv_ml)
        joint = each.calibration.joint(each.row.features)
        for level, ends in zip(levels, each.calibration.ends(joint, levels), strict=True):
            for quantity, (low, high) in ends.items():
                counts[str(level)][str(quantity)] += int(low <= true[quantity] <= high)
    return {"n_patients": len(judged), "covered": counts}


def scores(judged: Sequence[Judged], area_error: AreaError) -> dict[str, float]:
    """Return mean scores by where standard deviations come from (paper, Table III)."""
    true = np.array([(each.row.edv_ml, each.row.esv_ml) for each in judged])
    joints = [each.calibration.joint(each.row.features) for each in judged]
    means = np.array([(joint.edv_ml, joint.esv_ml) for joint in joints])
    sigmas = {
        "none": np.zeros_like(means),
        "propagated": np.column_stack(
            [_propagated(judged, area_error, means, true, phase) for phase in (0, 1)]
        ),
        "shipped": np.array([(joint.edv_sigma_ml, joint.esv_sigma_ml) for joint in joints]),
        "affine_in_hindsight": np.column_stack(
            [_best_affine(means[:, phase], true[:, phase]) for phase in (0, 1)]
        ),
        "error_known": np.array(
            [
                [best_sigma_ml(d, volume_ml=v) for d, v in zip(*each, strict=True)]
                for each in zip(means - true, true, strict=True)
            ]
        ),
    }
    return {
        name: float(competition_crps(gaussian_cdf(means, sigma), true).mean())
        for name, sigma in sigmas.items()
    }


def _propagated(
    judged: Sequence[Judged], area_error: AreaError, means: Float64, true: Float64, phase: int
) -> Float64:
    """Return the paper's standard deviations, with beta from patients of other folds."""
    sigma = np.array(
        [
            area_error.es_sigma_ml(each.row.features.es.shares, each.row.features.es.slopes_ml)
            if phase
            else area_error.ed_sigma_ml(each.row.features.ed.shares, each.row.features.ed.slopes_ml)
            for each in judged
        ]
    )
    result = np.empty(len(judged))
    for fold in range(N_FOLDS):
        own = np.arange(len(judged)) % N_FOLDS == fold
        beta = fit_beta(sigma[~own], means[~own, phase], true[~own, phase])
        result[own] = np.sqrt(beta) * sigma[own]
    return result


def _best_affine(means: Float64, true: Float64) -> Float64:
    """Return the standard deviation a + b V that scores best for these very patients."""
    best, found = np.inf, np.ones_like(means)
    for at_0 in np.arange(0.5, 20, 0.5):
        for slope in np.arange(0, 0.31, 0.01):
            sigma = at_0 + slope * means
            score = float(competition_crps(gaussian_cdf(means, sigma), true).mean())
            if score < best:
                best, found = score, sigma
    return found


def warnings(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return whether wide intervals, and a status of review, point to large errors of EDV."""
    joints = [each.calibration.joint(each.row.features) for each in judged]
    ends = [
        each.calibration.ends(joint, (0.9,))[0] for each, joint in zip(judged, joints, strict=True)
    ]
    errors_ml = np.array(
        [joint.edv_ml - each.row.edv_ml for each, joint in zip(judged, joints, strict=True)]
    )
    widths_ml = np.array([end[Quantity.EDV][1] - end[Quantity.EDV][0] for end in ends])
    large = np.abs(errors_ml) > LARGE_ERROR_ML
    review = np.array([each.row.features.n_reasons > 0 for each in judged])
    order = np.argsort(widths_ml)
    return {
        "auc_of_large_errors_by_width": area_under_curve(widths_ml, large),
        "n_large_errors": int(large.sum()),
        "kept_edv_rmse_ml": {
            str(share): float(np.sqrt(np.mean(errors_ml[order[: round(share * len(order))]] ** 2)))
            for share in KEPT
        },
        "wrong_yet_ok": [
            each.name
            for each, joint, end, asks in zip(judged, joints, ends, review, strict=True)
            if not asks and _is_wrong(each.row, joint, end)
        ],
    }


def _is_wrong(row: Row, joint: Joint, ends: dict[Quantity, tuple[float, float]]) -> bool:
    """Return whether EDV or ESV is far off."""
    return is_far_off(joint.edv_ml - row.edv_ml, ends[Quantity.EDV]) or is_far_off(
        joint.esv_ml - row.esv_ml, ends[Quantity.ESV]
    )


def area_under_curve(scores: Float64, positive: Float64) -> float | None:
    """Return the chance that a positive scores higher than a negative; None without both.

    Examples
    --------
    >>> area_under_curve(np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, True, False, True]))
    0.625
    """
    of_positives, of_negatives = scores[positive], scores[~positive]
    if not len(of_positives) or not len(of_negatives):
        return None
    difference = of_positives[:, None] - of_negatives
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", results="trust")
