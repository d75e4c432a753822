"""The table that `lvvol predict` prints."""

from __future__ import annotations

from lvvol.prediction import Prediction
from lvvol.quantities import volumes_of
from lvvol.report.text import describe, format_interval, format_number, listed
from lvvol.slice_choice import name_slices

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
        Volumes in mL and EF in percent with one decimal and their intervals, phases counted from 1,
        the status with its reasons, and the seconds of each stage; without a line break at the end.
    """
    volumes = volumes_of(prediction)
    width = max(len(format_interval(q.interval)) for q in volumes)
    lines = [prediction.stack.describe(), ""]
    for q in volumes:
        shown = format_interval(q.interval).ljust(width + 3 if width else 0)
        lines.append(
            f"  {q.name:<4}{format_number(q.value):>8} {q.unit:<5}{shown}{q.note}".rstrip()
        )
    lines += _doubt(prediction)
    if blood := prediction.blood:
        lines += [
            "",
            f"  Without papillary muscles, an estimate by grey values: EDV {blood.edv_ml:.1f} mL, "
            f"ESV {blood.esv_ml:.1f} mL, EF {blood.ef_percent:.1f} %",
        ]
    if prediction.excluded:
        lines += ["", f"Left out by choice: {name_slices(prediction.excluded)}"]
    lines += ["", f"Status: {prediction.status}"]
    lines += listed((describe(reason) for reason in prediction.reasons), _WIDTH)
    lines += ["", "Time"]
    stages = [*prediction.timings_s.items(), ("all stages", sum(prediction.timings_s.values()))]
    width = max(len(stage) for stage, _ in stages)
    lines += [f"  {stage:<{width}}{seconds:>8.1f} s" for stage, seconds in stages]
    return "\n".join(lines)


def _doubt(prediction: Prediction) -> list[str]:
    """Say what the intervals are, or why there are none."""
    found = prediction.intervals
    if found is None:
        return ["", "  No intervals: the errors of these weights are not known (lvvol calibrate)."]
    said = f"In brackets: intervals that hold the true value in {100 * found.level:g} % of studies."
    return ["", f"  {said}"]
