"""Features of a study of discs, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol.uncertainty.features import features
from tests.support.discs import ED_PHASE, ED_RADIUS_MM, ES_PHASE, ES_RADIUS_MM, disc_prediction

SIDE_MM = 80.0


def with_areas(ed_mm2, es_mm2=None, *, apex=None, scores=None, positions_mm=None):
    """A study of one slice per area, of ROIs of 80 mm."""
    n = len(ed_mm2)
    plain = disc_prediction(n_slices=n, side_mm=SIDE_MM)
    areas = np.zeros_like(plain.areas_mm2) + 0.75 * np.array(ed_mm2)[:, None]
    areas[:, ED_PHASE] = ed_mm2
    areas[:, ES_PHASE] = 0.5 * np.array(ed_mm2) if es_mm2 is None else es_mm2
    positions = plain.stack.positions_mm if positions_mm is None else np.array(positions_mm)
    return replace(
        plain,
        areas_mm2=areas,
        stack=replace(plain.stack, apex=apex, positions_mm=positions),
        rois=replace(plain.rois, scores=np.ones(n) if scores is None else np.array(scores)),
    )


def test_a_prism():
    found = features(disc_prediction(n_slices=4, side_mm=SIDE_MM))
    ed_share = np.pi * ED_RADIUS_MM**2 / SIDE_MM**2
    assert found.ed.shares == pytest.approx((ed_share,) * 4)
    # Inner slices stand for a whole gap of 10 mm, outer ones for half.
    assert found.ed.slopes_ml == pytest.approx((32.0, 64.0, 64.0, 32.0))
    assert found.ed.volume_ml == pytest.approx(np.pi * ED_RADIUS_MM**2 * 30 / 1000)
    assert found.es.volume_ml == pytest.approx(np.pi * ES_RADIUS_MM**2 * 30 / 1000)
    assert (found.ed.n_slices, found.ed.base, found.ed.apex) == (4, 1.0, 1.0)
    assert (found.largest_gap_mm, found.lowest_score, found.n_reasons) == (10.0, 1.0, 0)
    assert found.ed.disagreement < 0.01


def test_slices_with_a_cavity_are_counted_by_phase():
    found = features(with_areas([50, 1000, 2000, 300], [0, 0, 1000, 100]))
    assert (found.ed.n_slices, found.es.n_slices) == (3, 2)


@pytest.mark.parametrize(
    ("apex", "base_area", "apex_area"),
    [("first", 0.6, 0.2), ("last", 0.2, 0.6), (None, 0.6, 0.2)],
)
def test_ends(apex, base_area, apex_area):
    found = features(with_areas([400, 2000, 1200], apex=apex))
    assert (found.ed.base, found.ed.apex) == pytest.approx((base_area, apex_area))


def test_an_unknown_apex_is_the_same_end_in_both_phases():
    found = features(with_areas([400, 2000, 1200], [300, 1000, 100]))
    assert (found.es.base, found.es.apex) == pytest.approx((0.1, 0.3))


def test_gaps_and_scores_count_where_the_cavity_is():
    """The first gap of 30 mm and the first score lie outside, the gap of 12 mm is its edge."""
    found = features(
        with_areas(
            [0, 0, 1000, 2000, 1000],
            positions_mm=[0, 30, 42, 52, 62],
            scores=[0.1, 0.2, 0.7, 0.9, 0.8],
        )
    )
    assert (found.largest_gap_mm, found.lowest_score) == (12.0, 0.7)


def test_disagreement_of_o_and_p():
    plain = disc_prediction()
    doubled = features(replace(plain, areas_mm2=2 * plain.probability_areas_mm2))
    assert doubled.ed.disagreement == pytest.approx(0.5)
    assert doubled.es.disagreement == pytest.approx(0.5)


def test_reasons_are_counted():
    assert features(disc_prediction(sentences=("one", "two"))).n_reasons == 2


def test_no_cavity_at_all():
    plain = disc_prediction()
    empty = features(
        replace(
            plain,
            areas_mm2=np.zeros_like(plain.areas_mm2),
            lv_probability=np.zeros_like(plain.lv_probability),
        )
    )
    assert (empty.ed.n_slices, empty.ed.base, empty.ed.disagreement) == (0, 0.0, 0.0)
    assert (empty.largest_gap_mm, empty.lowest_score) == (0.0, 1.0)
