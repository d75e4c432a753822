"""Two evaluations of the same patients, compared pair by pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.errors import PredictionsError
from lvvol.evaluate.resampling import Resampling, interval, value
from lvvol.evaluate.result import PatientResult
from lvvol.evaluate.summary import SCHEMA_VERSION, figures
from lvvol.typing import Float64, StrPath

_HIGHER_IS_BETTER = ("dice_ed_mean", "dice_es_mean", "roi_recall", "roi_overlap_mean")
_LOWER_IS_BETTER = (
    *("rmse", "mean_absolute_error", "relative_error_percent", "crps_mean", "wrong_yet_ok_share"),
    *("hausdorff95_ed_mean_mm", "hausdorff95_es_mean_mm", "review_share"),
    *("surface_distance_ed_mean_mm", "surface_distance_es_mean_mm"),
)
"""Figures of which more, or less, is better; of the others (bias, coverage) neither."""

_SAME_ML = 1e-6


@dataclass(frozen=True)
class Difference:
    """One figure of two evaluations.

    Parameters
    ----------
    figure : str
        Its name, groups joined by dots: ``edv_ml.rmse``.
    a, b : float
        In each evaluation, over the patients of both.
    difference : float
        b - a.
    low, high : float or None
        The bootstrap's 95 % interval of the difference, patients drawn in pairs.
    better : {"a", "b", ""}
        Which is better where the interval excludes 0; empty where it does not, or where neither
        direction of the figure is better.
    """

    figure: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    better: str


@dataclass(frozen=True)
class Comparison:
    """Two evaluations.

    Parameters
    ----------
    n_patients : int
        Patients measured in both, whom all figures are of.
    only_a, only_b : tuple of str
        Patients measured in one of them; they count for no figure.
    differences : tuple of Difference
        In the order of the evaluation's figures, those that both have.
    """

    n_patients: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(a: StrPath, b: StrPath) -> Comparison:
    """Compare two evaluations patient by patient.

    Parameters
    ----------
    a, b : str or path-like
        Files of ``lvvol evaluate --json``, or folders of ``lvvol evaluate -o``.

    Returns
    -------
    Comparison
        Differences b - a. Because both measure the same patients, and each resample draws a patient
        from both, they are surer than the intervals of each alone suggest.

    Raises
    ------
    PredictionsError
        If a file is no evaluation, no patient is in both, or the labels of one differ.

    Notes
    -----
    Paired percentile bootstrap, as `lvvol.evaluate.resampling.Resampling`.
    """
    of_a, of_b = read_evaluation(a), read_evaluation(b)
    names = [name for name in of_a if name in of_b]
    if not names:
        raise PredictionsError(f"{a}, {b}: expected patients measured in both, got none")
    for name in names:
        labels = [(each.labelled_edv_ml, each.labelled_esv_ml) for each in (of_a[name], of_b[name])]
        if not np.allclose(labels[0], labels[1], rtol=0, atol=_SAME_ML, equal_nan=True):
            raise PredictionsError(
                f"{b}: {name}: expected the labels of {a}, EDV {labels[0][0]:g} and "
                f"ESV {labels[0][1]:g} mL, got {labels[1][0]:g} and {labels[1][1]:g}"
            )
    draws = Resampling(len(names))
    in_a = dict(_flat(figures([of_a[name] for name in names], draws)))
    in_b = dict(_flat(figures([of_b[name] for name in names], draws)))
    # Failed patients are in neither list, so that the share of failures is 0 in both.
    common = [name for name in in_a if name in in_b and name != "failed_share"]
    return Comparison(
        n_patients=len(names),
        only_a=tuple(name for name in of_a if name not in of_b),
        only_b=tuple(name for name in of_b if name not in of_a),
        differences=tuple(_difference(name, in_a[name], in_b[name]) for name in common),
    )


def read_evaluation(place: StrPath) -> dict[str, PatientResult]:
    """Read the patients of an evaluation.

    Parameters
    ----------
    place : str or path-like
        As in `compare`.

    Returns
    -------
    dict of str to PatientResult
        Patients measured, by name.

    Raises
    ------
    PredictionsError
        If it cannot be read or is no evaluation.
    """
    path = Path(place)
    if path.is_dir():
        path = path / "evaluation.json"
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or "schema_version" not in content:
            raise ValueError("no schema_version")
        if content["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version {content['schema_version']}, not {SCHEMA_VERSION}")
        results = [PatientResult.from_dict(each) for each in content["each"]]
    except OSError as error:
        raise PredictionsError(
            f"{path}: expected the JSON of lvvol evaluate, got {error.strerror or error}"
        ) from error
    except KeyError as error:
        raise PredictionsError(
            f"{path}: expected the JSON of lvvol evaluate, got no {error.args[0]}"
        ) from error
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise PredictionsError(
            f"{path}: expected the JSON of lvvol evaluate, got {error}"
        ) from error
    by_name = {result.patient: result for result in results}
    if len(by_name) < len(results):
        raise PredictionsError(f"{path}: expected each patient once")
    return by_name


def _flat(found: dict[str, Any], before: str = "") -> Iterator[tuple[str, Float64]]:
    for name, item in found.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{before}{name}.")
        else:
            yield f"{before}{name}", item


def _difference(name: str, a: Float64, b: Float64) -> Difference:
    ends = interval(b - a)
    kind = name.rpartition(".")[2]
    sign = 1 if kind in _HIGHER_IS_BETTER else -1 if kind in _LOWER_IS_BETTER else 0
    better = ""
    if ends is not None and sign and (ends[0] > 0 or ends[1] < 0):
        better = "b" if sign * value(b - a) > 0 else "a"
    low, high = ends or (None, None)
    return Difference(name, value(a), value(b), value(b - a), low, high, better)
