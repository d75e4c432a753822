"""The table that `lvvol calibrate` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lvvol.report.text import one_line

if TYPE_CHECKING:
    from lvvol.uncertainty import Calibration, Coverage

_UNITS = {"ef": "points"}


def coverage_dict(coverage: Coverage | None) -> dict[str, Any] | None:
    """Return a coverage as plain values; None for None."""
    if coverage is None:
        return None
    return {
        "n_patients": coverage.n_patients,
        "crps": coverage.crps,
        "levels": {
            str(level): {
                str(quantity): {
                    "covered": count,
                    "mean_width": coverage.mean_width[level][quantity],
                }
                for quantity, count in counts.items()
            }
            for level, counts in coverage.covered.items()
        },
    }


def format_coverage(
    calibration: Calibration, before: Coverage | None, after: Coverage, refused: list[str]
) -> str:
    """Return a new calibration and what it is worth as lines for a person to read.

    Parameters
    ----------
    calibration : Calibration
        The new one.
    before : Coverage or None
        Of the calibration that it started from, on the same patients.
    after : Coverage
        Of calibrations fitted without the patients that they are judged by.
    refused : list of str
        Patients who cannot be measured, with the reason.

    Returns
    -------
    str
        Without a line break at the end.
    """
    lines = [
        f"Calibration {one_line(calibration.source)}: {calibration.n_patients} patients, "
        f"{len(refused)} not measured",
        *(
            f"  {name} = {bias.offset_ml:+.1f} mL {bias.slope - 1:+.1%} of what is measured"
            for name, bias in (
                ("EDV - measured", calibration.edv_bias),
                ("ESV - measured", calibration.esv_bias),
            )
        ),
        "",
        "True values inside the intervals, each patient judged without being fitted to:",
        f"  {'':<14}{'before':>12}{'now':>12}{'mean width':>18}",
    ]
    for level, counts in sorted(after.covered.items()):
        for quantity, count in counts.items():
            unit = _UNITS.get(str(quantity), "mL")
            width = f"{after.mean_width[level][quantity]:.1f} {unit}"
            lines.append(
                f"  {f'{100 * level:g} %':<6}{str(quantity).upper():<8}"
                f"{_share(before, level, quantity):>12}"
                f"{count / after.n_patients:>12.0%}{width:>18}"
            )
    earlier = f"{before.crps:.4f}" if before else "-"
    lines.append(f"  {'CRPS':<14}{earlier:>12}{after.crps:>12.4f}")
    return "\n".join([*lines, *(f"not measured: {one_line(reason)}" for reason in refused)])


def _share(coverage: Coverage | None, level: float, quantity: Any) -> str:
    counts: Mapping[Any, int] = coverage.covered.get(level, {}) if coverage else {}
    if coverage is None or quantity not in counts:
        return "-"
    return f"{counts[quantity] / coverage.n_patients:.0%}"
