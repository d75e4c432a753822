"""Volumes without papillary muscles, by hand and on phantoms with and without them."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol import load_model
from lvvol.papillary import dark_shares, volumes_without_papillary_muscles
from lvvol.phantom import make_phantom
from lvvol.volume import BloodVolumes
from tests.support.discs import CENTRE_MM, ED_RADIUS_MM, MYOCARDIUM, PIXEL_SPACING_MM, SHAPE
from tests.support.discs import disc_prediction as discs


def with_muscles(radius_mm, at_mm, phase=0):
    """Two discs of the wall's grey value in the cavity, left and right of its centre."""
    prediction = discs()
    images = prediction.stack.images.copy()
    rows, columns = (
        (np.arange(n) + 0.5) * mm for n, mm in zip(SHAPE, PIXEL_SPACING_MM, strict=True)
    )
    for side in (-1, 1):
        away = np.hypot(rows[:, None] - CENTRE_MM[0], columns[None] - CENTRE_MM[1] - side * at_mm)
        images[:, phase, away < radius_mm] = MYOCARDIUM
    return replace(prediction, stack=replace(prediction.stack, images=images))


def test_blood_alone_keeps_its_volume():
    found = volumes_without_papillary_muscles(discs())
    assert found.edv_ml == pytest.approx(discs().edv_ml, rel=0.005)
    assert found.esv_ml == pytest.approx(discs().esv_ml, rel=0.01)


def test_two_muscles_are_taken_off_at_their_phase_only():
    found = volumes_without_papillary_muscles(with_muscles(6.0, 12.0))
    share = 2 * 6.0**2 / ED_RADIUS_MM**2  # areas of discs
    assert found.edv_ml == pytest.approx((1 - share) * discs().edv_ml, rel=0.015)
    assert found.esv_ml == pytest.approx(discs().esv_ml, rel=0.01)
    assert found.ef_percent == pytest.approx(100 * (1 - found.esv_ml / found.edv_ml))


def test_without_contrast_nothing_is_taken_off():
    prediction = with_muscles(6.0, 12.0)
    grey = 100 + 0.05 * prediction.stack.images
    assert not dark_shares(
        replace(prediction, stack=replace(prediction.stack, images=grey)), 0
    ).any()


def test_without_a_cavity_there_is_nothing_to_take_off():
    prediction = discs()
    nothing = replace(
        prediction,
        lv_probability=np.zeros_like(prediction.lv_probability),
        areas_mm2=np.zeros_like(prediction.areas_mm2),
    )
    found = volumes_without_papillary_muscles(nothing)
    assert found == BloodVolumes(0.0, 0.0)
    assert np.isnan(found.ef_percent)


@pytest.mark.parametrize("seed", [3, 8])
def test_muscles_of_phantoms(seed):
    """Of the same heart with and without muscles, the images differ by what the muscles take."""
    study = make_phantom(seed, n_phases=2, rows=128)
    scans = study.reading.slices
    empty = [replace(scan, subject=without_muscles(scan.subject)).images for scan in scans]
    measured = load_model().predict(study.to_cine_stack())
    middle = slice(len(scans) // 4, -len(scans) // 4)
    true, found = [], dark_shares(measured, 0)[middle]
    for scan, blood in list(zip(scans, empty, strict=True))[middle]:
        cavity = scan.lv_coverage[0] / 255
        lost = cavity * np.maximum(blood[0].astype(float) - scan.images[0], 0)
        core = scan.lv_coverage[0] == 255
        contrast = np.median(blood[0][core]) - np.percentile(scan.images[0][core], 2)
        true.append(lost.sum() / contrast / cavity.sum())
    # Of muscles thinner than a slice, or mixed with blood, half the grey value finds a part only.
    assert 0.5 * np.mean(true) < np.mean(found) < np.mean(true)
    assert np.mean(true) > 0.05


def without_muscles(subject):
    return replace(subject, heart=replace(subject.heart, strands=(), trabeculation_mm=0.0))
