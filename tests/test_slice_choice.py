"""Slices left out by choice: no area, no contour, and every file says so."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from lvvol import load_model, load_study
from lvvol.errors import SlicesError
from lvvol.export.contours import format_contours
from lvvol.export.masks import masks_of
from lvvol.export.seg import CINE, make_segs
from lvvol.export.sr import make_sr
from lvvol.export.tables import format_areas
from lvvol.phantom import make_phantom
from lvvol.provenance import Provenance
from lvvol.quality import check
from lvvol.report.overlay import draw_overlay
from lvvol.report.page import make_page
from lvvol.report.result_json import format_json
from lvvol.report.table import format_table
from lvvol.slice_choice import check_excluded
from lvvol.status import Code
from lvvol.uncertainty import features
from lvvol.volume import cone_volume_ml
from tests.support.discs import disc_prediction
from tests.support.measured import measured


def without(prediction, *slices):
    """Return what the pipeline returns where these slices are left out."""
    areas_mm2, lv_probability = prediction.areas_mm2.copy(), prediction.lv_probability.copy()
    areas_mm2[list(slices)], lv_probability[list(slices)] = 0, 0
    return replace(prediction, areas_mm2=areas_mm2, lv_probability=lv_probability, excluded=slices)


@pytest.fixture(scope="module")
def whole_and_parts():
    """A phantom of eight slices, measured whole and without slices 1 and 5."""
    stack = make_phantom(8, n_slices=8, n_phases=6, rows=128).to_cine_stack()
    model = load_model()
    return model.predict(stack), model.predict(stack, excluded=[4, 0, 4])


def test_volumes_follow_from_the_slices_that_are_left(whole_and_parts):
    whole, parts = whole_and_parts
    kept = [1, 2, 3, 5, 6, 7]
    assert (whole.excluded, parts.excluded) == ((), (0, 4))
    assert (parts.areas_mm2[[0, 4]] == 0).all()
    # The others stay what they were, and the gap in the middle is one cone.
    np.testing.assert_array_equal(parts.areas_mm2[kept], whole.areas_mm2[kept])
    np.testing.assert_array_equal(parts.rois.squares_mm, whole.rois.squares_mm)
    positions_mm = whole.stack.positions_mm[kept]
    np.testing.assert_allclose(
        parts.volumes_ml, cone_volume_ml(whole.areas_mm2[kept].T, positions_mm)
    )
    assert parts.edv_uncalibrated_ml == parts.volumes_ml.max()


def test_intervals_are_those_of_the_slices_that_are_left(whole_and_parts):
    whole, parts = whole_and_parts
    low, high = parts.edv_interval_ml
    assert low < parts.edv_ml < high
    assert parts.edv_interval_ml != whole.edv_interval_ml
    found = features(parts)
    assert len(found.ed.shares) == 6
    assert found.largest_gap_mm == pytest.approx(2 * whole.stack.slice_gaps_mm[3])
    assert parts.edv_ml == pytest.approx(found.ed.volume_ml, abs=1e-9)


def test_a_slice_left_out_is_no_gap_in_the_cavity_and_no_reason_to_review():
    tapering = disc_prediction(n_slices=6)
    areas_mm2 = tapering.areas_mm2 * np.array([0.9, 1, 1, 0.9, 0.6, 0.2])[:, None]
    tapering = replace(tapering, areas_mm2=areas_mm2)
    codes = [{reason.code for reason in check(without(tapering, z))} for z in (2, 0)]
    assert not {Code.AREAS_UNEVEN, Code.NO_TAPER} & codes[0]
    # The reader chose where the base is.
    assert Code.BASE_NOT_COVERED not in codes[1] | {Code.NO_TAPER} - codes[1]
    assert not {Code.END_NOT_COVERED, Code.NO_TAPER} & codes[1]


def test_a_cavity_with_a_gap_is_named_by_its_number_in_the_stack():
    prediction = without(disc_prediction(n_slices=6), 1)
    prediction.areas_mm2[3] *= 0.3
    (reason,) = [r for r in check(prediction) if "at ED" in r.sentence and "far smaller" in str(r)]
    assert reason.sentence.startswith("In slice 4 at ED")


@pytest.mark.parametrize(
    ("excluded", "message"),
    [
        ([4], "expected some of 1 to 4, got 5"),
        ([-1, 1], "expected some of 1 to 4, got 0"),
        ([0, 1, 3], "at least 2 of slices 1 to 4 to be left, got slices 1, 2, 4 to leave out"),
    ],
)
def test_a_refusal_names_the_slices_there_are(excluded, message):
    with pytest.raises(SlicesError, match=f"excluded slices: expected .*{message}|{message}"):
        check_excluded(excluded, 4)


def test_files_say_which_slices_are_left_out(study):
    for z in range(4):
        study.slice(z)
    plain = measured(load_study(study.folder))
    prediction = without(plain, 0)
    assert json.loads(format_json(prediction))["excluded_slices"] == [0]
    contours = json.loads(format_contours(prediction))
    assert contours["excluded_slices"] == [0]
    drawn = [any(phase["polygons"] for phase in s["phases"]) for s in contours["slices"]]
    assert drawn == [False, True, True, True]
    assert masks_of(prediction).any(axis=(1, 2, 3)).tolist() == drawn
    assert "Left out by choice: slice 1" in format_table(prediction).splitlines()
    rows = list(csv.DictReader(io.StringIO(format_areas(prediction).decode())))
    assert [bool(row["phase_1_mm2"]) for row in rows] == drawn
    provenance = Provenance(study=study.folder, names=("seg", "sr"))
    sr = make_sr(prediction, provenance)
    assert b"left out by the reader: slice 1" in sr
    seg = pydicom.dcmread(io.BytesIO(make_segs(prediction, provenance)[CINE]))
    assert "Left out by the reader: slice 1." in seg.SegmentSequence[0].SegmentDescription
    # The volume that the contours enclose is of the slices that are left, too.
    kept_mm2 = plain.probability_areas_mm2[1:, prediction.ed_phase]
    expected = float(cone_volume_ml(kept_mm2, plain.stack.positions_mm[1:]))
    items = pydicom.dcmread(io.BytesIO(sr)).iterall()
    volumes_ml = [float(item.value) for item in items if item.keyword == "NumericValue"]
    assert any(volume == pytest.approx(expected, rel=1e-6) for volume in volumes_ml)


def test_pictures_say_which_slices_are_left_out():
    plain = disc_prediction(n_slices=4)
    page = make_page(without(plain, 1, 2), Provenance())
    assert "Left out by the reader: slices 2, 3." in page
    assert page.count('<tr class="left-out">') == 2
    assert "slice 2, phase 1: left out" in page
    assert "Left out by the reader" not in make_page(plain, Provenance())
    before, after = draw_overlay(plain), draw_overlay(without(plain, 1))
    width = before.shape[1] // 4

    def red(picture, z):
        part = picture[:, z * width : (z + 1) * width].astype(int)
        return int(((part[..., 2] > 180) & (part[..., :2] < 100).all(axis=-1)).sum())

    assert red(after, 0) == red(before, 0) > 0
    assert red(after, 1) < 0.1 * red(before, 1)
