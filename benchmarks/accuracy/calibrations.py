"""The calibrations that ship, fitted to measurements out of fold.

``python -m benchmarks.accuracy.calibrations`` reads ``results/out_of_fold.json`` and writes
``calibration_none.json`` and ``calibration_dsb2.json`` beside the shipped weights, for them.
``dsb2`` is fitted to DSB2. ``none`` corrects no bias, and is fitted to Sunnybrook too, measured by
weights that had learned from DSB2 only: its intervals hold the spread between readers.
"""

from __future__ import annotations

from benchmarks.accuracy.out_of_fold import read_out_of_fold
from benchmarks.command import run
from lvvol.evaluate.calibrate import Collected
from lvvol.model import CALIBRATIONS, hash_weights
from lvvol.networks.files import SHIPPED
from lvvol.uncertainty import Row, Settings, fit, write_calibration


def main() -> None:
    """Fit and write both."""
    sha256 = hash_weights()
    dsb2 = read_out_of_fold("dsb2")
    for name, file in CALIBRATIONS.items():
        rows = [*dsb2.rows, *others(name)]
        write_calibration(fit(rows, settings(name, dsb2, sha256)), SHIPPED / file)
        print(f"{name}: {len(rows)} patients")


def others(name: str) -> list[Row]:
    """Return the patients of other sources that a calibration is fitted to."""
    return read_out_of_fold("sunnybrook").rows if name == "none" else []


def settings(name: str, dsb2: Collected, weights_sha256: str) -> Settings:
    """Return how a calibration is fitted."""
    return Settings(
        source=name,
        weights_sha256=weights_sha256,
        area_error=dsb2.area_error(),
        fix_bias=name == "none",
    )


if __name__ == "__main__":
    run(main, __doc__)
