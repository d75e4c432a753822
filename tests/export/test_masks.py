"""Masks against discs and against the area of the contours."""

import numpy as np
import pytest

from lvvol.export.masks import masks_of
from tests.support.discs import CENTRE_MM, ED_RADIUS_MM, PIXEL_SPACING_MM, disc_prediction

PIXEL_MM2 = PIXEL_SPACING_MM[0] * PIXEL_SPACING_MM[1]


def test_pixels_are_those_of_the_disc():
    prediction = disc_prediction()
    masks = masks_of(prediction)
    assert masks.shape == prediction.stack.images.shape
    rows, columns = (np.indices(masks.shape[2:]) + 0.5) * np.reshape(PIXEL_SPACING_MM, (2, 1, 1))
    away = np.hypot(rows - CENTRE_MM[0], columns - CENTRE_MM[1])
    assert masks[1, 0][away < ED_RADIUS_MM - 1.5].all()
    assert not masks[1, 0][away > ED_RADIUS_MM + 1.5].any()


def test_areas_are_those_of_the_contours_to_a_pixel_s_precision():
    prediction = disc_prediction()
    areas_mm2 = masks_of(prediction).sum(axis=(2, 3)) * PIXEL_MM2
    np.testing.assert_allclose(areas_mm2, prediction.probability_areas_mm2, rtol=0.015)


def test_holes_stay_empty():
    prediction = disc_prediction()
    prediction.lv_probability[0, 0, 20:28, 20:28] = 0
    middle = tuple((CENTRE_MM / PIXEL_SPACING_MM).astype(int))
    masks = masks_of(prediction)
    assert not masks[0, 0][middle]
    assert masks[0, 1][middle]


@pytest.mark.parametrize(
    ("shift", "share"), [((-300.0, 0.0), 0.0), ((0.0, 500.0), 0.0), ((-120.0, 0.0), 0.5)]
)
def test_cavity_beyond_the_image_is_cut_off(shift, share):
    prediction = disc_prediction()
    prediction.rois.squares_mm[:, :2] += shift
    whole_mm2 = prediction.probability_areas_mm2[0, 0]
    drawn_mm2 = masks_of(prediction)[0, 0].sum() * PIXEL_MM2
    assert drawn_mm2 / whole_mm2 == pytest.approx(share, abs=0.02)
