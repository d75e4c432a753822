"""EDV, ESV and EF without papillary muscles, estimated from grey values inside the contours.

lvvol counts papillary muscles and trabeculae as cavity, as the readers do whose contours taught it.
Other readers leave them out. The estimate here takes off what is darker than halfway from blood to
wall; it is no segmentation, and its edge is that of grey values, not that of a reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lvvol.planes import resample
from lvvol.typing import Bool, Float32, Float64
from lvvol.volume import BloodVolumes, cone_volume_ml

if TYPE_CHECKING:
    from lvvol.prediction import Prediction

EDGE_MM = 1.5
"""Grey values this near to a contour are of cavity and wall at once."""

WALL_MM = 5.0
"""Depth to which what lies outside a contour counts as wall; walls are thicker."""

MIN_CONTRAST = 0.1
"""Least difference of blood and wall, as a share of their sum, that tells them apart."""


def volumes_without_papillary_muscles(prediction: Prediction) -> BloodVolumes:
    """Estimate the volumes of blood alone.

    Parameters
    ----------
    prediction : Prediction
        A measurement, in any calibration.

    Returns
    -------
    BloodVolumes
        EDV and ESV as printed, each less the share of dark pixels inside its contours, slice by
        slice. A slice whose blood and wall cannot be told apart keeps its area.
    """
    volumes = []
    for phase, printed_ml in (
        (prediction.ed_phase, prediction.edv_ml),
        (prediction.es_phase, prediction.esv_ml),
    ):
        areas_mm2 = prediction.areas_mm2[:, phase]
        blood_mm2 = areas_mm2 * (1.0 - dark_shares(prediction, phase))
        whole_ml, blood_ml = (
            float(cone_volume_ml(areas, prediction.stack.positions_mm))
            for areas in (areas_mm2, blood_mm2)
        )
        volumes.append(printed_ml * blood_ml / whole_ml if whole_ml > 0 else 0.0)
    return BloodVolumes(*volumes)


def dark_shares(prediction: Prediction, phase: int) -> Float64:
    """Return how much of the contour's inside is nearer to the wall's grey value than to blood's.

    Parameters
    ----------
    prediction : Prediction
        A measurement.
    phase : int
        Phase, from 0.

    Returns
    -------
    ndarray of float64, shape (slice,)
        From 0 to 1; 0 where nothing is drawn, or blood and wall do not differ.
    """
    squares_mm = prediction.rois.squares_mm
    patches = _patches(prediction, phase)
    inside = prediction.lv_probability[:, phase] >= 0.5
    cells_per_mm = inside.shape[-1] / squares_mm[:, 2]
    return np.array(
        [
            _dark_share(patch, drawn, float(scale))
            for patch, drawn, scale in zip(patches, inside, cells_per_mm, strict=True)
        ]
    )


def _patches(prediction: Prediction, phase: int) -> Float32:
    """Return the grey values of one phase in the cells of P."""
    squares_mm = prediction.rois.squares_mm
    spacing_mm = np.array(prediction.stack.pixel_spacing_mm)
    matrices = np.zeros((len(squares_mm), 2, 3))
    cells = prediction.lv_probability.shape[-1]
    steps = squares_mm[:, 2:] / cells / spacing_mm
    matrices[:, [0, 1], [0, 1]] = steps
    matrices[:, :, 2] = squares_mm[:, :2] / spacing_mm - 0.5 + 0.5 * steps
    images = np.ascontiguousarray(prediction.stack.images[:, phase])
    return resample(images, matrices, (cells, cells))


def _dark_share(grey: Float32, inside: Bool, cells_per_mm: float) -> float:
    if not inside.any():
        return 0.0
    depth_mm = _distance(inside) / cells_per_mm
    outside_mm = _distance(~inside) / cells_per_mm
    core = inside & (depth_mm > EDGE_MM)
    wall = (outside_mm > EDGE_MM) & (outside_mm < WALL_MM)
    if not core.any() or not wall.any():
        return 0.0
    # Muscles are the dark part of the core and blood its larger, bright one.
    blood, muscle = float(np.percentile(grey[core], 75)), float(np.median(grey[wall]))
    if blood - muscle < MIN_CONTRAST * (blood + muscle):
        return 0.0
    # Cells on the contour are half wall by definition, and count as blood.
    dark = inside & (_distance(inside) >= 1) & (grey < 0.5 * (blood + muscle))
    return float(dark.sum() / inside.sum())


def _distance(where: Bool) -> Float32:
    """Return how far the middle of each cell of a region is from the region's edge, in cells."""
    import cv2  # only who asks for this estimate waits for it

    to_outside = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(to_outside - 0.5 * where, np.float32)
