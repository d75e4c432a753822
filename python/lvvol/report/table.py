"""The table that `lvvol predict` prints."""

from __future__ import annotations

import math
from textwrap import TextWrapper

import numpy as np

from lvvol.prediction import Prediction

_WIDTH = 88


def format_table(prediction: Prediction) -> str:
    """Return the measurement as lines for a person to read.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    str
        Volumes in mL and EF in percent with one decimal, phases counted from 1, every warning, and
        the seconds of each stage; without a line break at the end.
    """
    n_phases = prediction.stack.n_phases
    rows = [
        ("EDV", prediction.edv_ml, "mL", f"phase {prediction.ed_phase + 1} of {n_phases}"),
        ("ESV", prediction.esv_ml, "mL", f"phase {prediction.es_phase + 1} of {n_phases}"),
        ("SV", prediction.sv_ml, "mL", ""),
        ("EF", prediction.ef_percent, "%", ""),
    ]
    lines = [_describe_stack(prediction), ""]
    lines += [
        f"  {name:<4}{format_number(value):>8} {unit:<5}{note}".rstrip()
        for name, value, unit, note in rows
    ]
    lines += ["", "Warnings" if prediction.warnings else "Warnings: none"]
    wrap = TextWrapper(_WIDTH, initial_indent="  - ", subsequent_indent="    ")
    for warning in prediction.warnings:
        lines += wrap.wrap(warning)
    lines += ["", "Time"]
    stages = [*prediction.timings_s.items(), ("all stages", sum(prediction.timings_s.values()))]
    width = max(len(stage) for stage, _ in stages)
    lines += [f"  {stage:<{width}}{seconds:>8.1f} s" for stage, seconds in stages]
    return "\n".join(lines)


def format_number(value: float) -> str:
    """Return a number with one decimal, and a dash where it is not defined."""
    return f"{value:.1f}" if math.isfinite(value) else "-"


def _describe_stack(prediction: Prediction) -> str:
    """Say in one line what was measured."""
    stack = prediction.stack
    rows, columns = stack.images.shape[2:]
    gaps = np.unique(np.round(stack.slice_gaps_mm, 1))
    apart = f"{gaps[0]:.1f}" if len(gaps) == 1 else f"{gaps[0]:.1f} to {gaps[-1]:.1f}"
    between_rows, between_columns = stack.pixel_spacing_mm
    return (
        f"{stack.n_slices} slices {apart} mm apart, {stack.n_phases} phases, "
        f"{rows} x {columns} pixels of {between_rows:.2f} x {between_columns:.2f} mm"
    )
