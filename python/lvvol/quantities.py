"""What is reported of a measurement: each quantity with its value, unit and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.cine import CineStack
from lvvol.prediction import Interval, Prediction
from lvvol.provenance import Patient
from lvvol.typing import Float64

MS_PER_MINUTE = 60_000.0


@dataclass(frozen=True)
class Quantity:
    """One figure of a result.

    Parameters
    ----------
    name : str
        Short name, such as ``EDV``.
    meaning : str
        In words.
    value : float
        In `unit`; NaN where it is not defined.
    unit : str
        As printed.
    note : str
        What it rests on, in a few words; may be empty.
    interval : (float, float), optional
        Calibrated interval, in `unit`.
    """

    name: str
    meaning: str
    value: float
    unit: str
    note: str = ""
    interval: Interval | None = None


def volumes_of(prediction: Prediction) -> tuple[Quantity, ...]:
    """Return EDV, ESV, SV and EF."""
    n_phases = prediction.stack.n_phases
    ed, es = (f"phase {t + 1} of {n_phases}" for t in (prediction.ed_phase, prediction.es_phase))
    p = prediction
    return (
        Quantity("EDV", "end-diastolic volume", p.edv_ml, "mL", ed, p.edv_interval_ml),
        Quantity("ESV", "end-systolic volume", p.esv_ml, "mL", es, p.esv_interval_ml),
        Quantity("SV", "stroke volume", p.sv_ml, "mL", "", p.sv_interval_ml),
        Quantity("EF", "ejection fraction", p.ef_percent, "%", "", p.ef_interval_percent),
    )


def function_of(prediction: Prediction) -> tuple[Quantity, ...]:
    """Return heart rate, cardiac output and peak rates, as far as times are known."""
    found = []
    cycle = heart_cycle(prediction.stack)
    if cycle is not None:
        median_ms, spread_percent = cycle
        rate = MS_PER_MINUTE / median_ms
        output = prediction.sv_ml * rate / 1000
        note = "median of the slices" if prediction.stack.n_slices > 1 else ""
        if spread_percent >= 1:
            note += f", which differ by {spread_percent:.0f} %"
        found += [
            Quantity("HR", "heart rate", rate, "1/min", note),
            Quantity("CO", "cardiac output", output, "L/min", "SV times heart rate"),
        ]
    rates = peak_rates_ml_per_s(prediction.volumes_ml, phase_times_ms(prediction.stack))
    if rates is not None:
        note = "steepest slope between three phases"
        found += [
            Quantity("PER", "peak ejection rate", rates[0], "mL/s", note),
            Quantity("PFR", "peak filling rate", rates[1], "mL/s", note),
        ]
    return tuple(found)


def indexed_of(prediction: Prediction, patient: Patient) -> tuple[Quantity, ...]:
    """Return volumes per body surface area; none where height or weight is unknown."""
    bsa_m2 = patient.bsa_m2
    if bsa_m2 is None:
        return ()
    size = f"{patient.height_cm:.0f} cm, {patient.weight_kg:.0f} kg; Mosteller"
    per_area = [
        Quantity(f"{q.name}i", f"{q.meaning} per BSA", q.value / bsa_m2, "mL/m²")
        for q in volumes_of(prediction)
        if q.unit == "mL"
    ]
    per_area += [
        Quantity("CI", "cardiac index", q.value / bsa_m2, "L/min/m²", "CO per BSA")
        for q in function_of(prediction)
        if q.name == "CO"
    ]
    return (Quantity("BSA", "body surface area", bsa_m2, "m²", size), *per_area)


def heart_cycle(stack: CineStack) -> tuple[float, float] | None:
    """Return the length of the heart cycle and how much it differs between slices.

    Parameters
    ----------
    stack : CineStack
        The stack.

    Returns
    -------
    (float, float) or None
        Median in ms, and the range from the shortest to the longest in percent of it; None where no
        slice tells.
    """
    known = [cycle for cycle in stack.cycles_ms if cycle > 0]
    if not known:
        return None
    median_ms = float(np.median(known))
    return median_ms, 100 * (max(known) - min(known)) / median_ms


def phase_times_ms(stack: CineStack) -> Float64 | None:
    """Return the mean time of each phase over the slices; None where unknown or out of order."""
    times_ms = stack.times_ms
    if not np.isfinite(times_ms).all():
        return None
    mean = times_ms.mean(axis=0)
    return mean if (np.diff(mean) > 0).all() else None


def peak_rates_ml_per_s(
    volumes_ml: Float64, times_ms: Float64 | None
) -> tuple[float, float] | None:
    """Return the fastest emptying and filling.

    Parameters
    ----------
    volumes_ml : ndarray of float64, shape (phase,)
        Volume of each phase.
    times_ms : ndarray of float64, shape (phase,), or None
        Time of each phase, increasing; None where unknown.

    Returns
    -------
    (float, float) or None
        Peak ejection rate and peak filling rate in mL/s, both positive; None for fewer than three
        phases or unknown times.

    Notes
    -----
    Differences between the phases before and after each phase, which is not the first or last.
    Longer phases smooth the curve and lower the rates.

    Examples
    --------
    >>> peak_rates_ml_per_s(np.array([100.0, 60.0, 40.0, 70.0]), np.array([0.0, 100, 200, 300]))
    (300.0, 50.0)
    """
    if times_ms is None or len(volumes_ml) < 3:
        return None
    slopes = 1000 * (volumes_ml[2:] - volumes_ml[:-2]) / (times_ms[2:] - times_ms[:-2])
    return max(0.0, -float(slopes.min())), max(0.0, float(slopes.max()))
