"""A prediction for any stack that was read: in every slice a disc that beats."""

import numpy as np

from lvvol.prediction import Prediction
from lvvol.roi import FoundBy, Rois


def measured(stack, side_mm=20.0, scale=1.0):
    """Discs in the middle of the images; radii from 4 to 8 mm times `scale`, the largest first."""
    n_slices, n_phases = stack.images.shape[:2]
    extent_mm = np.array(stack.images.shape[2:]) * stack.pixel_spacing_mm
    corner = (extent_mm - side_mm) / 2
    radii_mm = 6 + 2 * np.cos(2 * np.pi * np.arange(n_phases) / n_phases)
    # Slices differ too, so that none can be taken for another.
    radii_mm = scale * (radii_mm[None, :] - 0.3 * np.arange(n_slices)[:, None])
    cell_mm = (np.arange(48) + 0.5) / 48 * side_mm - side_mm / 2
    away = np.hypot(cell_mm[:, None], cell_mm[None, :])
    p = 1 / (1 + np.exp(away - radii_mm[..., None, None]))
    return Prediction(
        stack=stack,
        rois=Rois(
            squares_mm=np.tile([*corner, side_mm], (n_slices, 1)),
            scores=np.ones(n_slices),
            kept=np.zeros(n_slices, dtype=bool),
            start=n_slices // 2,
            found_by=FoundBy.DETECTOR,
        ),
        lv_probability=p.astype(np.float32),
        areas_mm2=np.pi * radii_mm**2,
    )
