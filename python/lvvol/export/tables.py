"""`volumes.csv`, `areas.csv` and `distribution.csv`; slices and phases count from 1."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable

from lvvol.prediction import Prediction
from lvvol.quantities import phase_times_ms


def format_volumes(prediction: Prediction) -> bytes:
    """Return `volumes.csv`: one row per phase with its time and its volume, and at ED and ES more.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    bytes
        Times are means over the slices, empty where unknown. At ED and ES stand EDV and ESV as they
        are stated, calibrated, and the ends of their intervals, empty without a calibration.
    """
    times_ms = phase_times_ms(prediction.stack)
    stated = {
        prediction.ed_phase: ("ED", prediction.edv_ml, prediction.edv_interval_ml),
        prediction.es_phase: ("ES", prediction.esv_ml, prediction.esv_interval_ml),
    }

    def at(phase: int) -> tuple[str, ...]:
        if phase not in stated:
            return ("", "", "", "")
        mark, volume_ml, interval_ml = stated[phase]
        return (mark, *map(_number, (volume_ml, *(interval_ml or (math.nan, math.nan)))))

    rows = [
        (
            t + 1,
            "" if times_ms is None else _number(float(times_ms[t])),
            _number(float(volume_ml)),
            *at(t),
        )
        for t, volume_ml in enumerate(prediction.volumes_ml)
    ]
    return _csv(
        [("phase", "time_ms", "volume_ml", "mark", "stated_ml", "low_ml", "high_ml"), *rows]
    )


def format_areas(prediction: Prediction) -> bytes:
    """Return `areas.csv`: one row per slice with its position, and its area at every phase.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    bytes
        Areas in mm2, those behind the volumes; none for slices that the reader left out.
    """
    phases = [f"phase_{t + 1}_mm2" for t in range(prediction.stack.n_phases)]
    rows = [
        (
            z + 1,
            _number(float(position_mm)),
            *("" if z in prediction.excluded else _number(area) for area in areas_mm2),
        )
        for z, (position_mm, areas_mm2) in enumerate(
            zip(prediction.stack.positions_mm, prediction.areas_mm2.tolist(), strict=True)
        )
    ]
    return _csv([("slice", "position_mm", *phases), *rows])


def format_distribution(prediction: Prediction) -> bytes | None:
    """Return `distribution.csv`, in the form of the Second Annual Data Science Bowl.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    bytes or None
        A row for EDV and one for ESV: the probability of at most 0, 1, ..., 599 mL. None without
        intervals.
    """
    distribution = prediction.distribution()
    if distribution is None:
        return None
    columns = [f"P{n}" for n in range(distribution.shape[1])]
    rows = [
        (f"study_{name}", *(f"{value:.6f}" for value in values))
        for name, values in zip(("Diastole", "Systole"), distribution.tolist(), strict=True)
    ]
    return _csv([("Id", *columns), *rows])


def _number(value: float) -> str:
    """Return a number with three decimals; nothing if it is not finite."""
    return f"{value:.3f}" if math.isfinite(value) else ""


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("ascii")
