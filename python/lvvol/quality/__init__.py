"""Checks of a measurement: reasons to review it, and refusals.

Each check is one function that returns the reasons it finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lvvol.quality.cavity import (
    check_agreement,
    check_cycle,
    check_edv,
    check_ef,
    check_gaps,
    check_shape,
    check_stack_ends,
    check_taper,
)
from lvvol.quality.images import check_ghosts, check_grey_values, check_sharpness
from lvvol.quality.refuse import refuse_empty, refuse_motionless, refuse_small_images
from lvvol.quality.roi import check_beating, check_field, check_scores, check_search
from lvvol.status import Reason

if TYPE_CHECKING:
    from lvvol.prediction import Prediction

__all__ = ["check", "refuse_empty", "refuse_motionless", "refuse_small_images"]


def check(prediction: Prediction) -> tuple[Reason, ...]:
    """Return the reasons to review a measurement.

    Parameters
    ----------
    prediction : Prediction
        The measurement of a working stack.

    Returns
    -------
    tuple of Reason
        Empty if every check passes.
    """
    ed, es = prediction.ed_phase, prediction.es_phase
    areas_mm2, rois = prediction.areas_mm2, prediction.rois
    ed_areas_mm2 = areas_mm2[:, ed]
    # Slices that the reader left out have no area. Where the heart goes on beyond new ends is the
    # reader's choice, but the others must still have the shape of a heart.
    kept = prediction.kept_slices
    kept_gaps_mm = np.diff(prediction.stack.positions_mm[kept])
    reasons = check_edv(prediction.edv_ml) + check_ef(prediction.ef_percent)
    for name, phase in (("ED", ed), ("ES", es)):
        of_p_mm2 = prediction.probability_areas_at(phase)
        reasons += check_agreement(name, areas_mm2[:, phase], of_p_mm2)
        reasons += check_gaps(name, areas_mm2[kept, phase], kept)
    reasons += check_stack_ends(ed_areas_mm2, prediction.stack.apex)
    reasons += check_taper(ed_areas_mm2[kept])
    reasons += check_shape(ed_areas_mm2[kept], kept_gaps_mm)
    reasons += check_search(rois)
    reasons += check_beating(prediction.stack, rois)
    reasons += check_scores(rois, ed_areas_mm2)
    rows, columns = prediction.stack.images.shape[2:]
    row_mm, column_mm = prediction.stack.pixel_spacing_mm
    reasons += check_field(rois, ed_areas_mm2, (rows * row_mm, columns * column_mm))
    reasons += check_cycle(prediction.volumes_ml)
    reasons += check_sharpness(prediction.stack, rois, ed_areas_mm2)
    reasons += check_ghosts(prediction.stack, ed)
    reasons += check_grey_values(prediction.stack, prediction.excluded)
    return tuple(reasons)
