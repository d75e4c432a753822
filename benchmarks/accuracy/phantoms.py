"""Measured volumes of phantoms, compared with their closed-form ones.

``python -m benchmarks.accuracy.phantoms`` measures seeds 1 to 12 and writes
``results/phantoms.json``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol import pipeline
from lvvol.phantom import PhantomStudy, make_phantom


def compare(phantoms: Iterable[PhantomStudy]) -> dict[str, Any]:
    """Return the errors of EDV and ESV in percent, and the warnings, of each phantom."""
    each = []
    for phantom in phantoms:
        measured = pipeline.predict(phantom.to_cine_stack())
        each.append(
            {
                "seed": phantom.seed,
                "edv_error_percent": 100 * (measured.edv_ml / phantom.truth.edv_ml - 1),
                "esv_error_percent": 100 * (measured.esv_ml / phantom.truth.esv_ml - 1),
                "warnings": list(measured.warnings),
            }
        )
    summary = {}
    for name in ("edv_error_percent", "esv_error_percent"):
        errors = np.array([entry[name] for entry in each])
        summary[name] = {
            "mean": float(errors.mean()),
            "lowest": float(errors.min()),
            "highest": float(errors.max()),
        }
    return {**summary, "each": each}


def main() -> dict[str, Any]:
    """Compare twelve phantoms."""
    return compare(make_phantom(seed) for seed in range(1, 13))


if __name__ == "__main__":
    run(main, __doc__, results="phantoms")
