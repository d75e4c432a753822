"""The table that `lvvol predict` prints."""

from __future__ import annotations

from lvvol.prediction import Prediction
from lvvol.report.text import describe, format_number, listed

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
        Volumes in mL and EF in percent with one decimal, phases counted from 1, the status with
        its reasons, and the seconds of each stage; without a line break at the end.
    """
    n_phases = prediction.stack.n_phases
    rows = [
        ("EDV", prediction.edv_ml, "mL", f"phase {prediction.ed_phase + 1} of {n_phases}"),
        ("ESV", prediction.esv_ml, "mL", f"phase {prediction.es_phase + 1} of {n_phases}"),
        ("SV", prediction.sv_ml, "mL", ""),
        ("EF", prediction.ef_percent, "%", ""),
    ]
    lines = [prediction.stack.describe(), ""]
    lines += [
        f"  {name:<4}{format_number(value):>8} {unit:<5}{note}".rstrip()
        for name, value, unit, note in rows
    ]
    lines += ["", f"Status: {prediction.status}"]
    lines += listed((describe(reason) for reason in prediction.reasons), _WIDTH)
    lines += ["", "Time"]
    stages = [*prediction.timings_s.items(), ("all stages", sum(prediction.timings_s.values()))]
    width = max(len(stage) for stage, _ in stages)
    lines += [f"  {stage:<{width}}{seconds:>8.1f} s" for stage, seconds in stages]
    return "\n".join(lines)
