"""Thick-walled hearts: phantoms whose cavity nearly closes, and patients of the thickest walls.

``python -m benchmarks.accuracy.thick_walls DSB2_PNG [WEIGHTS]`` measures phantoms with walls of 15
to 25 mm, and the patients of the parts calibration and validation, and writes
``results/thick_walls.json``. With the folder of a run in WEIGHTS, of that run; it must not have
learned from these patients.

No patient's wall is drawn. Its thickness is taken from the image at ED: from the mask's edge
outwards, how far it is until the grey value is nearer to that of the cavity than to that of the
wall again. That happens first where the right ventricle lies beyond the septum, so the thickness is
the lower quartile over all directions, and of a patient the median over the middle half of slices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import run
from lvvol import Model, load_model
from lvvol.datasets import SHIPPED, LabelledStack, Part, open_dataset, read_split
from lvvol.errors import LvvolError
from lvvol.phantom import make_phantom
from lvvol.typing import Bool, Float32, Float64
from lvvol.volume import cone_volume_ml, ejection_fraction_percent

WALLS_MM = (15.0, 18.0, 21.0, 25.0)
PARTS = (Part.CALIBRATION, Part.VALIDATION)
LARGEST_WALL_MM = 35
N_DIRECTIONS = 72
THICKEST = 0.1
"""Share of the patients that counts as thick-walled."""


def main(dsb2_png: Path, weights: Path | None = None) -> dict[str, Any]:
    """Measure both groups."""
    model = load_model(weights)
    split = read_split(SHIPPED)
    dataset = open_dataset(dsb2_png).select(lambda name: split.part_of(name) in PARTS)
    patients = [row for labels in dataset if (row := _of_patient(labels, model))]
    patients.sort(key=lambda row: -row["wall_mm"])
    thickest = patients[: round(THICKEST * len(patients))]
    phantoms = [_of_phantom(seed, mm, model) for mm in WALLS_MM for seed in range(40, 44)]
    return {
        "phantoms": _summary(phantoms) | {"each": phantoms},
        "thickest_patients": _summary(thickest) | {"each": thickest},
        "all_patients": _summary(patients),
    }


def _of_phantom(seed: int, wall_mm: float, model: Model) -> dict[str, Any]:
    study = make_phantom(seed, n_phases=12, edv_ml=85.0, ef_percent=70.0, wall_mm=wall_mm)
    measured = model.predict(study.to_cine_stack())
    truth = study.truth
    by_p = cone_volume_ml(measured.probability_areas_mm2.T, measured.stack.positions_mm)
    return {
        "phantom": seed,
        "wall_mm": wall_mm,
        "status": str(measured.status),
        **_errors("o", (measured.edv_ml, measured.esv_ml), (truth.edv_ml, truth.esv_ml)),
        **_errors("p", (by_p.max(), by_p.min()), (truth.edv_ml, truth.esv_ml)),
    }


def _of_patient(labels: LabelledStack, model: Model) -> dict[str, Any] | None:
    """Measure a patient; None without volumes, or if refused."""
    if labels.phase_volumes_ml is None or not labels.masks[:, 0].any():
        return None
    try:
        measured = model.predict_working_stack(labels.stack)
    except LvvolError:
        return None
    by_p = cone_volume_ml(measured.probability_areas_mm2.T, measured.stack.positions_mm)
    return {
        "patient": labels.patient,
        "wall_mm": wall_mm(labels),
        "status": str(measured.status),
        **_errors("o", (measured.edv_ml, measured.esv_ml), labels.phase_volumes_ml),
        **_errors("p", (by_p.max(), by_p.min()), labels.phase_volumes_ml),
    }


def wall_mm(labels: LabelledStack) -> float:
    """Return the thickness of a patient's wall at ED; NaN where no slice shows it."""
    drawn = np.flatnonzero(labels.masks[:, 0].any(axis=(1, 2)))
    quarter = len(drawn) // 4
    middle = drawn[quarter : len(drawn) - quarter]
    found = [_wall_of(labels.stack.images[z, 0], labels.masks[z, 0]) for z in middle]
    return float(np.nanmedian(found))


def _wall_of(image: Float32, mask: Bool) -> float:
    drawn = mask.astype(np.uint8)
    ring = cv2.dilate(drawn, np.ones((9, 9), np.uint8)) - cv2.dilate(drawn, np.ones((3, 3)))
    blood, muscle = np.median(image[mask]), np.percentile(image[ring > 0], 25)
    rows, columns = np.nonzero(mask)
    angles = np.linspace(0, 2 * np.pi, N_DIRECTIONS, endpoint=False)
    along = np.arange(0, 120, 0.5)
    r = rows.mean() + along[None] * np.sin(angles)[:, None]
    c = columns.mean() + along[None] * np.cos(angles)[:, None]
    grey = _sampled(image, r, c)
    inside = _sampled(drawn.astype(np.float32), r, c) >= 0.5
    bright = grey > 0.5 * (float(blood) + float(muscle))
    thicknesses = []
    for edge, light in zip(inside.sum(axis=1), bright, strict=True):
        outside = light[edge : edge + 2 * LARGEST_WALL_MM]
        dark = np.flatnonzero(~outside)
        if len(dark) == 0:
            continue
        ends = np.flatnonzero(outside[dark[0] :])
        thicknesses.append(0.5 * (dark[0] + ends[0]) if len(ends) else float(LARGEST_WALL_MM))
    return float(np.percentile(thicknesses, 25)) if thicknesses else float("nan")


def _sampled(image: Float32, rows: Float64, columns: Float64) -> Float32:
    sampled = cv2.remap(
        image, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR
    )
    return np.asarray(sampled, np.float32)


def _errors(source: str, measured: tuple[float, float], true: tuple[float, float]) -> Any:
    (edv, esv), (true_edv, true_esv) = map(tuple, (measured, true))
    ef = ejection_fraction_percent(edv, esv) - ejection_fraction_percent(true_edv, true_esv)
    return {
        f"{source}_edv_error_ml": float(edv - true_edv),
        f"{source}_esv_error_ml": float(esv - true_esv),
        f"{source}_ef_error_points": float(ef),
    }


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean and the root mean square of every error."""
    found: dict[str, Any] = {"n": len(rows), "wall_mm": _mean([row["wall_mm"] for row in rows])}
    for name in rows[0]:
        if "_error_" in name:
            errors = np.array([row[name] for row in rows])
            found[f"{name}_mean"] = _mean(errors)
            found[f"{name}_rms"] = float(np.sqrt(np.mean(errors**2)))
    return found


def _mean(values: Any) -> float:
    return float(np.nanmean(values))


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "[WEIGHTS]", results="thick_walls")
