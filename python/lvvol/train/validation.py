"""Figures on patients left out, after each block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lvvol.networks.configs import PATCH_SIZE
from lvvol.patches import iterate_patches
from lvvol.roi.square import Squares
from lvvol.train.device import Compute
from lvvol.train.examples import Example
from lvvol.train.networks import SegmentationNetwork
from lvvol.train.recipe import BestBy
from lvvol.train.sampling import sample_squares
from lvvol.typing import Bool, Float64
from lvvol.volume import cone_volume_ml, ejection_fraction_percent


def validate(
    network: SegmentationNetwork, compute: Compute, examples: Sequence[Example]
) -> dict[str, float]:
    """Measure patients in the squares given for them.

    Parameters
    ----------
    network : HFCN or FCN
        Put into evaluation mode.
    compute : Compute
        Where it is. It computes in float32, as prediction does.
    examples : sequence of Example
        With masks, volumes or both.

    Returns
    -------
    dict of float
        ``dice_ed`` and ``dice_es``, means over patients of the Dice coefficient of P >= 0.5 over
        their labelled slices; ``edv_rmse_ml``, ``esv_rmse_ml`` and ``ef_rmse_percent``;
        ``volume_mae_ml``, the mean absolute error of EDV and ESV together. Only figures that some
        patient has a label for. EDV and ESV are the volumes of the two phases.
    """
    network.eval()
    dices: list[tuple[float, float]] = []
    measured, labelled = [], []
    for example in examples:
        stack = example.labels.stack
        patches = iterate_patches(stack.images, example.squares, network.config.channels)
        with torch.no_grad():
            logits, area_map = network(compute.tensor(np.concatenate(list(patches))))
            cavity = (logits[:, 0] >= logits[:, 1]).cpu().numpy()
            fractions = area_map.float().mean(dim=(1, 2, 3)).cpu().numpy().astype(np.float64)
        if example.labels.labelled.any():
            dices.append(_dice(example, cavity.reshape(-1, 2, PATCH_SIZE, PATCH_SIZE)))
        if (truth_ml := example.labels.phase_volumes_ml) is not None:
            areas_mm2 = np.clip(fractions.reshape(-1, 2), 0, None) * example.squares[:, 2:] ** 2
            measured.append(cone_volume_ml(areas_mm2.T, stack.positions_mm))
            labelled.append(truth_ml)
    figures = {}
    if dices:
        for name, values in zip(("dice_ed", "dice_es"), np.array(dices).T, strict=True):
            if not np.isnan(values).all():
                figures[name] = float(np.nanmean(values))
    if measured:
        figures.update(_volume_errors(np.array(measured), np.array(labelled)))
    return figures


def score(figures: dict[str, float], best_by: BestBy) -> float | None:
    """Return how good figures are, the more the better; None where nothing says.

    Parameters
    ----------
    figures : dict of float
        From `validate`.
    best_by : {"volumes", "dice", "last"}
        What counts. Where no patient has volumes, or masks, the other one does.
    """
    if best_by == "last":
        return None
    dices = [figures[name] for name in ("dice_ed", "dice_es") if name in figures]
    by_dice = float(np.mean(dices)) if dices else None
    by_volumes = -figures["volume_mae_ml"] if "volume_mae_ml" in figures else None
    first, second = (by_dice, by_volumes) if best_by == "dice" else (by_volumes, by_dice)
    return second if first is None else first


def _dice(example: Example, cavity: Bool) -> tuple[float, float]:
    """Return Dice at ED and ES over labelled slices, by areas in mm2 of the patches' pixels."""
    shown = _masks_in_squares(example.labels.masks, example.squares)
    weights = example.labels.labelled * example.squares[:, 2:] ** 2  # (slice, phase)
    both, measured, labelled = (
        (some.sum(axis=(2, 3)) * weights).sum(axis=0) for some in (cavity & shown, cavity, shown)
    )
    total = measured + labelled
    ed, es = np.divide(2 * both, total, out=np.full(2, np.nan), where=total > 0)
    return float(ed), float(es)


def _masks_in_squares(masks: Bool, squares: Squares) -> Bool:
    count = 2 * len(squares)
    planes = np.ascontiguousarray(masks).reshape(-1, *masks.shape[2:]).view(np.uint8)
    upright = np.tile(np.eye(2), (count, 1, 1))
    cut = sample_squares(
        planes, np.arange(count), np.repeat(squares, 2, axis=0), upright, PATCH_SIZE
    )
    shown: Bool = cut.reshape(len(squares), 2, PATCH_SIZE, PATCH_SIZE) >= 0.5
    return shown


def _volume_errors(measured: Float64, labelled: Float64) -> dict[str, float]:
    """Return errors of volumes, shape (patient, [ED, ES])."""
    errors = measured - labelled
    edv, esv = np.sqrt((errors**2).mean(axis=0))
    figures = {
        "edv_rmse_ml": float(edv),
        "esv_rmse_ml": float(esv),
        "volume_mae_ml": float(np.abs(errors).mean()),
    }
    ef_errors = ejection_fraction_percent(*measured.T) - ejection_fraction_percent(*labelled.T)
    if np.isfinite(ef_errors).any():
        figures["ef_rmse_percent"] = float(np.sqrt(np.nanmean(ef_errors**2)))
    return figures
