"""From patients to figures, each with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lvvol.evaluate.resampling import Resampling, error_figures, interval, value
from lvvol.evaluate.result import PatientResult, column
from lvvol.evaluate.slices import LEVELS, TIMES
from lvvol.status import Status
from lvvol.typing import Bool, Float64
from lvvol.uncertainty import Quantity
from lvvol.volume import ejection_fraction_percent

SCHEMA_VERSION = 1
"""Of the JSON of ``lvvol evaluate``; docs/evaluation.md lists the keys."""

KEYS = {
    Quantity.EDV: "edv_ml",
    Quantity.ESV: "esv_ml",
    Quantity.SV: "sv_ml",
    Quantity.EF: "ef_percent",
}
N_WORST = 10
ROI_RIGHT = 0.5
"""IoU from which an ROI counts as found."""

_N_BINS = 10
_OF_IMAGES = {
    "dice_ed_mean": "dice_ed",
    "dice_es_mean": "dice_es",
    "hausdorff95_ed_mean_mm": "hausdorff95_ed_mm",
    "hausdorff95_es_mean_mm": "hausdorff95_es_mm",
    "surface_distance_ed_mean_mm": "surface_distance_ed_mm",
    "surface_distance_es_mean_mm": "surface_distance_es_mm",
    "roi_overlap_mean": "roi_overlap",
}
_OF_SCORES = {
    "crps_mean": "crps",
    "crps_error_mean": "crps_error",
    "crps_spread_mean": "crps_spread",
}


def summarise(results: Sequence[PatientResult], refused: Sequence[str] = ()) -> dict[str, Any]:
    """Return the figures over all patients, with bootstrap intervals.

    Parameters
    ----------
    results : sequence of PatientResult
        At least one.
    refused : sequence of str
        Patients who could not be measured, with the reason.

    Returns
    -------
    dict
        Plain values, the keys of docs/evaluation.md. Volumes are in mL, EF in percent points,
        shares 0 to 1. ``probability_`` marks figures of binarised P. Patients without labelled
        volumes count only for the images' figures, and figures of which nobody has a label are left
        out. Refused patients count as missed ROIs, and for the share of failures.

    Raises
    ------
    ValueError
        If `results` is empty.
    """
    if not results:
        raise ValueError("results: expected at least one patient, got none")
    draws = Resampling(len(results) + len(refused))
    found = figures(results, draws)
    values, intervals = _split(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "n_patients": len(results) + len(refused),
        "n_failed": len(refused),
        "n_review": sum(result.status == Status.REVIEW for result in results),
        **values,
        "pit": _pit(results),
        "wrong_yet_ok": [result.patient for result in results if result.wrong_yet_ok == 1],
        "worst": worst(results),
        "interval_95": intervals,
    }


def figures(results: Sequence[PatientResult], draws: Resampling) -> dict[str, Any]:
    """Return all figures in each draw.

    Parameters
    ----------
    results : sequence of PatientResult
        Patients measured.
    draws : Resampling
        Of these, followed by the patients who failed.

    Returns
    -------
    dict
        Arrays of shape (1 + resample,), in groups of dicts.
    """
    patients = list(results)
    n_failed = draws.n_patients - len(patients)

    def padded(values: Float64, failed: float = np.nan) -> Float64:
        return np.concatenate([values, np.full(n_failed, failed)])

    found: dict[str, Any] = {}
    images = {name: padded(column(patients, field)) for name, field in _OF_IMAGES.items()}
    if not all(np.isnan(values).all() for values in images.values()):
        found |= {name: draws.mean(values) for name, values in images.items()}
        overlaps = column(patients, "roi_overlap")
        right = np.where(np.isnan(overlaps), np.nan, overlaps >= ROI_RIGHT)
        # Whoever fails has no ROI; where nobody has masks, nothing is known of ROIs.
        missed = np.nan if np.isnan(overlaps).all() else 0.0
        found["roi_recall"] = draws.mean(padded(right, missed))
    if area_errors := _area_errors(patients, draws, padded):
        found["area_error_mm2"] = area_errors
    found |= _volumes(patients, draws, padded)
    found |= _scores(patients, draws, padded, found)
    found["failed_share"] = draws.mean(padded(np.zeros(len(patients)), 1.0))
    if any(result.status for result in patients):
        review = np.array([float(result.status == Status.REVIEW) for result in patients])
        found["review_share"] = draws.mean(padded(review))
    wrong = padded(column(patients, "wrong_yet_ok"))
    if not np.isnan(wrong).all():
        found["wrong_yet_ok_share"] = draws.mean(wrong)
    return found


def worst(results: Sequence[PatientResult], n_worst: int = N_WORST) -> list[dict[str, Any]]:
    """Return the patients with the largest errors of EDV or ESV, or without volumes of Dice.

    Parameters
    ----------
    results : sequence of PatientResult
        Patients measured.
    n_worst : int
        How many at most.

    Returns
    -------
    list of dict
        ``patient``, ``edv_error_ml``, ``esv_error_ml``, ``ef_error_percent``, ``dice_ed``,
        ``dice_es`` and ``status``, the worst first. Whoever has no label at all is not among them.
    """
    ranked = []
    for result in results:
        errors = result.errors()
        off_ml = max(abs(errors[Quantity.EDV]), abs(errors[Quantity.ESV]))
        rank = (1, off_ml) if off_ml == off_ml else (0, 1.0 - result.dice_ed)
        if rank[1] == rank[1]:
            ranked.append((rank, result, errors))
    ranked.sort(key=lambda each: (-each[0][0], -each[0][1], each[1].patient))
    return [
        {
            "patient": result.patient,
            "edv_error_ml": errors[Quantity.EDV],
            "esv_error_ml": errors[Quantity.ESV],
            "ef_error_percent": errors[Quantity.EF],
            "dice_ed": result.dice_ed,
            "dice_es": result.dice_es,
            "status": result.status,
        }
        for _, result, errors in ranked[:n_worst]
    ]


def _area_errors(patients: list[PatientResult], draws: Resampling, padded: Any) -> dict[str, Any]:
    """Return errors of areas by phase and level: means over patients of their slices' means."""
    found: dict[str, Any] = {}
    for at in TIMES:
        for level in LEVELS:
            errors = [
                [s.measured_mm2 - s.drawn_mm2 for s in p.slices if (s.at, s.level) == (at, level)]
                for p in patients
            ]
            if any(errors):
                means = {
                    "mean_error": [np.mean(each) if each else np.nan for each in errors],
                    "mean_absolute_error": [
                        np.mean(np.abs(each)) if each else np.nan for each in errors
                    ],
                }
                found.setdefault(at, {})[level] = {
                    name: draws.mean(padded(np.array(each))) for name, each in means.items()
                }
    return found


def _volumes(patients: list[PatientResult], draws: Resampling, padded: Any) -> dict[str, Any]:
    """Return the agreement of each quantity, from O and from binarised P."""
    edv, esv = (padded(column(patients, f"labelled_{name}")) for name in ("edv_ml", "esv_ml"))
    known: Bool = ~(np.isnan(edv) | np.isnan(esv))
    if not known.any():
        return {}
    labelled = _four(edv, esv)
    found: dict[str, Any] = {}
    for prefix in ("", "probability_"):
        of_edv, of_esv = (
            padded(column(patients, f"{prefix}{name}")) for name in ("edv_ml", "esv_ml")
        )
        if np.isnan(of_edv[known]).all():
            continue
        for name, values in _four(of_edv, of_esv).items():
            found[f"{prefix}{name}"] = error_figures(draws, values, labelled[name], known)
    return found


def _four(edv_ml: Float64, esv_ml: Float64) -> dict[str, Float64]:
    """Return all quantities by their keys."""
    ef_percent = ejection_fraction_percent(edv_ml, esv_ml)
    return dict(zip(KEYS.values(), (edv_ml, esv_ml, edv_ml - esv_ml, ef_percent), strict=True))


def _scores(
    patients: list[PatientResult], draws: Resampling, padded: Any, found: dict[str, Any]
) -> dict[str, Any]:
    """Return scores of distributions, those of one quantity among its figures, and coverage."""
    overall: dict[str, Any] = {}
    for name, score in _OF_SCORES.items():
        of_each = []
        for quantity in (Quantity.EDV, Quantity.ESV):
            values = padded(
                np.array([p.scores.get(quantity, {}).get(score, np.nan) for p in patients])
            )
            if not np.isnan(values).all():
                found[KEYS[quantity]][name] = draws.mean(values)
                of_each.append(values)
        if of_each:
            overall[name] = draws.mean(np.mean(of_each, axis=0))
    levels = sorted({level for p in patients for level in p.intervals}, key=float)
    for level in levels:
        for quantity in Quantity:
            covered = padded(np.array([p.covered(level, quantity) for p in patients]))
            if not np.isnan(covered).all():
                overall.setdefault(f"coverage_{level}", {})[str(quantity)] = draws.mean(covered)
    return overall


def _pit(results: Sequence[PatientResult]) -> dict[str, list[int]]:
    """Return how many patients fall in each tenth of their distributions."""
    found = {}
    for quantity in Quantity:
        values = np.array([r.scores.get(quantity, {}).get("pit", np.nan) for r in results])
        known = values[~np.isnan(values)]
        if len(known):
            counts, _ = np.histogram(known, bins=_N_BINS, range=(0.0, 1.0))
            found[str(quantity)] = counts.tolist()
    return found


def _split(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of a tree of draws, and the intervals in a tree of the same form."""
    values: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for name, item in found.items():
        if isinstance(item, dict):
            values[name], intervals[name] = _split(item)
        else:
            values[name], intervals[name] = value(item), interval(item)
    return values, intervals
