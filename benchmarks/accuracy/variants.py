"""Segmentation networks side by side, in the squares of the masks, so that the ROI plays no part.

``python -m benchmarks.accuracy.variants DSB2_PNG SUNNYBROOK_PNG RUN...`` measures the patients of
DSB2's parts for calibration and validation by each run, which must not have seen them, and writes
``results/variants.json``. Runs that learned from DSB2 only are measured on Sunnybrook too, a
hospital that they have never seen: there the areas of the masks are the truth. A folder with two
networks is measured by their mean.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims.measure import dices_of, measure_patients, summary
from benchmarks.command import run
from lvvol.datasets import SHIPPED as SHIPPED_SPLIT
from lvvol.datasets import Dataset, Part, open_dataset, read_split
from lvvol.model import files_of
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.inference import load_segmenters
from lvvol.patches import iterate_patches
from lvvol.train.sampling import propagated_squares

UNSEEN = (Part.CALIBRATION, Part.VALIDATION)
SOURCES = ("o", "p")


def main(dsb2_png: Path, sunnybrook_png: Path, *runs: Path) -> dict[str, Any]:
    """Measure every run."""
    split = read_split(SHIPPED_SPLIT)
    dsb2, sunnybrook = open_dataset(dsb2_png), open_dataset(sunnybrook_png)
    unseen = dsb2.select(lambda name: split.part_of(name) in UNSEEN)
    abroad = sunnybrook.select(lambda name: split.part_of(name) != Part.LEFT_OUT)
    report: dict[str, Any] = {}
    for folder in runs:
        rows = measure_patients(folder, unseen, SOURCES)
        found: dict[str, Any] = {"n_patients": len(rows), "home": summary(rows, SOURCES)}
        recipe = folder / "recipe.json"
        if recipe.exists():
            found["recipe"] = json.loads(recipe.read_text(encoding="utf-8"))["segmentation"]
            if _is_abroad(folder):
                found["abroad"] = against_masks(folder, abroad)
        report[folder.name] = found
    return report


def _is_abroad(folder: Path) -> bool:
    """Return whether a run has learned from no Sunnybrook patient."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return "sunnybrook" not in json.dumps(facts["hfcn"]["seg"])


def against_masks(folder: Path, dataset: Dataset) -> dict[str, float]:
    """Return mean Dice, and errors of the areas by O and P in percent of all of the masks' area."""
    segment = load_segmenters(files_of(folder)[2:])
    errors: dict[str, list[float]] = {}
    dices: dict[str, list[float]] = {}
    for labels in dataset:
        squares = propagated_squares(labels)
        patches = np.concatenate(
            list(iterate_patches(labels.stack.images, squares, segment.channels))
        )
        p, shares = segment(patches)
        inside = (p >= 0.5).reshape(-1, 2, PATCH_SIZE, PATCH_SIZE)
        for name, value in dices_of(labels, squares, inside).items():
            dices.setdefault(name, []).append(value)
        by_source = {
            "o": np.clip(shares.reshape(-1, 2), 0, None),
            "p": inside.mean(axis=(2, 3)),
        }
        for t, phase in ((0, "ed"), (1, "es")):
            known = labels.labelled[:, t]
            drawn_mm2 = float(labels.masks[known, t].sum())
            if not drawn_mm2:
                continue
            for source, fractions in by_source.items():
                areas_mm2 = (fractions * squares[:, 2:] ** 2)[known, t].sum()
                errors.setdefault(f"{source}_{phase}", []).append(
                    100 * (float(areas_mm2) / drawn_mm2 - 1)
                )
    found = {name: float(np.nanmean(values)) for name, values in dices.items()}
    for name, values in errors.items():
        found[f"{name}_bias_percent"] = float(np.mean(values))
        found[f"{name}_rms_percent"] = float(np.sqrt(np.mean(np.square(values))))
    return found


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "SUNNYBROOK_PNG", "RUN...", results="variants")
