"""Patients measured by the network of an arm in the squares of their masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.datasets import Dataset, LabelledStack
from lvvol.evaluate.figures import dice
from lvvol.model import files_of
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.inference import load_segmenters
from lvvol.patches import iterate_patches
from lvvol.planes import resample
from lvvol.roi.square import Squares
from lvvol.train.sampling import propagated_squares
from lvvol.typing import Bool
from lvvol.volume import cone_volume_ml, ejection_fraction_percent


def measure_patients(
    weights: Path, dataset: Dataset, sources: Sequence[str]
) -> list[dict[str, Any]]:
    """Measure patients at ED and ES in the squares of their masks, with areas from O, P or both.

    Returns
    -------
    list of dict
        For each patient Dice of P at both phases over labelled slices, and errors of EDV, ESV (of
        the labelled phase, frame 12 of DSB2 undone) and EF by each source.
    """
    segment = load_segmenters(files_of(weights)[2:])
    rows = []
    for labels in dataset:
        if labels.phase_volumes_ml is None or not labels.masks[:, 0].any():
            continue
        squares = propagated_squares(labels)
        stack = labels.stack
        patches = list(iterate_patches(stack.images, squares, segment.channels))
        p, shares = segment(np.concatenate(patches))
        inside = (p >= 0.5).reshape(-1, 2, PATCH_SIZE, PATCH_SIZE)
        row: dict[str, Any] = {"patient": labels.patient, **dices_of(labels, squares, inside)}
        sides_mm2 = squares[:, 2:] ** 2
        for name, fractions in (
            ("o", np.clip(shares.reshape(-1, 2), 0, None)),
            ("p", inside.mean(axis=(2, 3))),
        ):
            if name in sources:
                row |= _errors(name, labels, fractions * sides_mm2)
        rows.append(row)
    return rows


def _errors(name: str, labels: LabelledStack, areas_mm2: Any) -> dict[str, float]:
    assert labels.phase_volumes_ml is not None
    edv, esv = cone_volume_ml(areas_mm2.T, labels.stack.positions_mm)
    true_edv, true_esv = labels.phase_volumes_ml
    ef = ejection_fraction_percent(edv, esv) - ejection_fraction_percent(true_edv, true_esv)
    return {
        f"{name}_edv_error_ml": float(edv - true_edv),
        f"{name}_esv_error_ml": float(esv - true_esv),
        f"{name}_edv_error_percent": float(100 * (edv / true_edv - 1)),
        f"{name}_esv_error_percent": float(100 * (esv / true_esv - 1)),
        f"{name}_ef_error_points": float(ef),
    }


def dices_of(labels: LabelledStack, squares: Squares, inside: Bool) -> dict[str, float]:
    """Return Dice over all labelled slices together, in the patches' pixels."""
    shown = np.zeros_like(inside)
    for z, (top, left, side) in enumerate(squares):
        step = side / PATCH_SIZE
        matrix = np.array([[step, 0, top - 0.5 + step / 2], [0, step, left - 0.5 + step / 2]])
        planes = 255.0 * labels.masks[z].astype(np.float32)
        cut = resample(planes, np.tile(matrix, (2, 1, 1)), (PATCH_SIZE, PATCH_SIZE))
        shown[z] = cut >= 127.5
    return {
        f"dice_{name}": dice(inside[known, t], shown[known, t])
        for t, name in ((0, "ed"), (1, "es"))
        if (known := labels.labelled[:, t]).any()
    }


def summary(rows: list[dict[str, Any]], sources: Sequence[str]) -> dict[str, float]:
    """Return mean Dice, RMSE of EDV and ESV in mL and percent, and mean absolute error of EF."""

    def values(name: str) -> Any:
        return np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)

    figures = {name: float(np.nanmean(values(name))) for name in ("dice_ed", "dice_es")}
    for source in sources:
        for volume in ("edv", "esv"):
            for unit in ("ml", "percent"):
                errors = values(f"{source}_{volume}_error_{unit}")
                figures[f"{source}_{volume}_rmse_{unit}"] = float(np.sqrt(np.nanmean(errors**2)))
        errors = values(f"{source}_ef_error_points")
        figures[f"{source}_ef_mae_points"] = float(np.nanmean(np.abs(errors)))
    return figures
