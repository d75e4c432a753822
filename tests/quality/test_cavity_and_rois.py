"""Doubts: each raised by its own fault, none by a plausible heart."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol.errors import ImageSizeError, NoMotionError
from lvvol.prediction import Prediction
from lvvol.quality import check, refuse_motionless, refuse_small_images
from lvvol.quality.roi import check_beating
from lvvol.roi import FoundBy, Rois
from lvvol.status import Code
from tests.support.discs import disc_prediction, disc_stack

ED = np.array([500.0, 3500.0, 4000.0, 4000.0, 2500.0, 300.0])
AREAS = np.column_stack([ED, 0.7 * ED, 0.4 * ED, 0.9 * ED])
VOLUMES_ML = np.array([140.0, 98.0, 56.0, 126.0])


def rois(kept=(), start=3, found_by=FoundBy.DETECTOR):
    return Rois(
        squares_mm=np.tile([60.0, 60.0, 90.0], (6, 1)),
        scores=np.full(6, 0.9),
        kept=np.isin(np.arange(6), kept),
        start=start,
        found_by=found_by,
    )


def doubts_of(
    areas=AREAS,
    probability_areas=None,
    volumes_ml=VOLUMES_ML,
    field_mm=(300.0, 300.0),
    gap_mm=18.0,
    apex=None,
    **search,
):
    class Given(Prediction):
        """A measurement whose volumes and second areas need not follow from what it holds."""

    Given.volumes_ml = np.asarray(volumes_ml)
    of_p = areas if probability_areas is None else probability_areas
    Given.probability_areas_at = lambda self, phase: of_p[:, phase]
    stack = replace(
        disc_stack(n_slices=6, n_phases=4),
        images=np.zeros((6, 4, 100, 100), np.float32),
        pixel_spacing_mm=(field_mm[0] / 100, field_mm[1] / 100),
        positions_mm=gap_mm * np.arange(6.0),
        apex=apex,
    )
    found = check(Given(stack, rois(**search), np.empty(0), areas))
    return tuple(reason.sentence for reason in found)


def test_nothing_speaks_against_a_plausible_heart():
    assert doubts_of() == ()


@pytest.mark.parametrize(("edv_ml", "esv_ml"), [(29.0, 14.0), (501.0, 250.0)])
def test_edv_out_of_reason(edv_ml, esv_ml):
    found = doubts_of(volumes_ml=[edv_ml, edv_ml, esv_ml, edv_ml])
    assert found == (
        f"EDV {edv_ml:.0f} mL is outside 30 to 500 mL. Check that the ROIs hold the LV.",
    )


@pytest.mark.parametrize(("esv_ml", "ef_percent"), [(91.0, 9), (14.0, 86)])
def test_ef_out_of_reason(esv_ml, ef_percent):
    found = doubts_of(volumes_ml=[100.0, 95.0, esv_ml, 98.0])
    assert found == (f"EF {ef_percent} % is outside 10 to 85 %. Check the contours at ED and ES.",)


@pytest.mark.parametrize(
    "volumes_ml", [[30.0, 20.0, 10.0, 25.0], [500.0, 100.0, 75.0, 450.0], [100.0, 95.0, 90.0, 99.0]]
)
def test_the_bounds_themselves_are_plausible(volumes_ml):
    assert doubts_of(volumes_ml=volumes_ml) == ()


def test_no_cavity_at_all():
    # EF is not known then.
    assert doubts_of(0 * AREAS, volumes_ml=[0.0, 0.0, 0.0, 0.0]) == (
        "EDV 0 mL is outside 30 to 500 mL. Check that the ROIs hold the LV.",
    )


def test_two_estimates_that_disagree_at_es():
    probability_areas = AREAS * [1.0, 1.0, 0.8, 1.0]
    # 0.4 * 14800 mm2 = 59 cm2, and 80 % of it 47 cm2.
    assert doubts_of(probability_areas=probability_areas) == (
        "The two area estimates disagree at ES: 59 cm2 and 47 cm2 over all slices. Check the "
        "contours at ES.",
    )
    assert doubts_of(probability_areas=AREAS * 0.9) == ()


@pytest.mark.parametrize(("z", "place"), [(0, "first"), (-1, "last")])
@pytest.mark.parametrize(
    ("share", "apex", "missed"),
    [
        (0.55, "there", "apex"),
        (0.45, "there", None),
        (0.75, "elsewhere", "base"),
        (0.65, "elsewhere", None),
        # Where the apex is unknown, the end with the larger cavity is taken for the base.
        (0.75, None, "base"),
        (0.65, None, None),
    ],
)
def test_stack_that_ends_inside_the_cavity(z, place, share, apex, missed):
    areas = AREAS.copy()
    areas[z] *= share * areas[2, 0] / areas[z, 0]
    other = "last" if place == "first" else "first"
    found = doubts_of(areas, apex={"there": place, "elsewhere": other}.get(apex))
    expected = (
        f"The {place} slice still holds a large cavity at ED: the stack may miss the {missed}. "
        "Look for slices that were not exported.",
    )
    assert found == (expected if missed else ())


def test_area_where_no_window_was_believed():
    assert doubts_of(kept=(0, 4)) == (
        "In slices 1, 5 no window looks like an LV, yet a cavity was found. Check its contours.",
    )
    assert doubts_of(kept=(5,)) == ()  # 3 cm2 at the apex is no wonder


def test_a_gap_between_slices_with_a_cavity():
    areas = AREAS.copy()
    areas[3, 2] = 400.0
    found = doubts_of(areas)
    assert found == (
        "In slice 4 at ES the cavity, 400 mm2, is far smaller than in both neighbours. Check "
        "its contour.",
    )


def test_a_gap_between_traces_of_a_cavity_is_no_gap():
    areas = AREAS.copy()
    areas[4:, :] = [[0.0], [300.0]]
    assert doubts_of(areas) == ()


def test_a_cavity_without_an_apex():
    ed = np.array([0.0, 2000.0, 4000.0, 4000.0, 3000.0, 100.0])
    found = doubts_of(np.column_stack([ed, 0.7 * ed, 0.4 * ed, 0.9 * ed]))
    assert found == (
        "The cavity ends abruptly at both ends at ED, with no taper to an apex: slices beyond may "
        "have been missed. Check the outermost contours and the slices beside them.",
    )


@pytest.mark.parametrize("ed", [[0.0, 1500.0], [600.0, 1900.0]])
def test_a_cavity_with_an_apex_or_beyond_the_stack_ends_as_it_should(ed):
    ed = np.array([*ed, 4000.0, 4000.0, 3000.0, 100.0])
    assert doubts_of(np.column_stack([ed, 0.7 * ed, 0.4 * ed, 0.9 * ed])) == ()


def test_a_search_that_did_not_begin_in_the_middle():
    assert doubts_of(start=2) == (
        "Nothing in the middle slice, 4, looks like an LV: the search began in slice 3. "
        "Check that the ROIs hold the LV.",
    )


@pytest.mark.parametrize("start", [2, 3])
def test_a_search_that_the_detector_did_not_help(start):
    assert doubts_of(start=start, found_by=FoundBy.DENSE_SCAN) == (
        "Nothing that the detector proposed looks like an LV: the ROI of slice "
        f"{start + 1} comes from a search of every place. Check that it holds the LV.",
    )


@pytest.mark.parametrize(
    ("field_mm", "cut_off"),
    [
        # Squares span 60 to 150 mm in either direction.
        ((300.0, 142.0), False),  # 8 of 90 mm lie outside
        ((300.0, 140.0), True),  # 10 of 90
        ((145.0, 145.0), True),  # 1 - (85 / 90) ** 2 is 11 %
    ],
)
def test_squares_that_reach_beyond_the_image(field_mm, cut_off):
    # Slice 6 holds no more than a trace.
    expected = "In slices 1, 2, 3, 4, 5 the ROI reaches beyond the image, which may cut off the LV."
    assert doubts_of(field_mm=field_mm) == ((expected,) if cut_off else ())


@pytest.mark.parametrize(("gap_mm", "length_mm"), [(14.0, 70), (36.0, 180)])
def test_a_cavity_too_short_or_too_long_for_its_width(gap_mm, length_mm):
    assert doubts_of(gap_mm=gap_mm) == (
        f"The cavity is {length_mm} mm long and 71 mm wide at ED, not the shape of an LV: slices "
        "may be missed, or Pixel Spacing or slice positions be wrong.",
    )


@pytest.mark.parametrize(("scale", "wide_mm"), [(1.35, 96), (0.25, 18)])
def test_a_cavity_wider_or_narrower_than_any(scale, wide_mm):
    found = doubts_of(scale**2 * AREAS, gap_mm=18.0 * scale)
    assert found == (
        f"The cavity is {wide_mm} mm wide at ED, outside 20 to 90 mm: Pixel Spacing may be wrong. "
        "Compare it with the protocol.",
    )


def test_images_too_small_for_a_heart():
    stack = disc_stack()
    refuse_small_images(replace(stack, pixel_spacing_mm=(0.5, 0.66)))
    with pytest.raises(ImageSizeError, match="found 99 x 99 mm; check Pixel Spacing"):
        refuse_small_images(replace(stack, pixel_spacing_mm=(0.62, 0.65)))


def beating(n_phases=12, static=False, noise=0.0, ef_percent=60.0, order=slice(None)):
    """Return a disc that contracts and relaxes smoothly, or does not, with noise in each phase."""
    cycle = (
        np.zeros(n_phases) if static else (1 - np.cos(2 * np.pi * np.arange(n_phases) / n_phases))
    )
    rows, columns = np.mgrid[:160, :152]
    distance = np.hypot(1.5 * rows - 120, 1.25 * columns - 95)
    images = np.array([200.0 / (1 + np.exp(distance - 24 + 6 * c)) for c in cycle])[order]
    images = images + noise * np.random.default_rng(3).normal(size=(4, *images.shape))
    measured = disc_prediction(n_phases=n_phases)
    volumes_ml = np.full(n_phases, 100.0)
    volumes_ml[1] = 100.0 - ef_percent

    class Given(Prediction):
        """A measurement whose volumes need not follow from what it holds."""

    Given.volumes_ml = volumes_ml
    stack = replace(measured.stack, images=images.astype(np.float32))
    return Given(stack, measured.rois, measured.lv_probability, measured.areas_mm2)


@pytest.mark.parametrize(
    "heart",
    [
        beating(),
        beating(noise=10.0),
        beating(n_phases=4, noise=10.0),
        beating(ef_percent=5.0),  # failing, but moving
        beating(order=[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]),  # phases out of order
    ],
)
def test_a_beating_heart_is_not_refused(heart):
    refuse_motionless(heart)


@pytest.mark.parametrize("n_phases", [4, 12])
def test_a_heart_that_stands_still_is_refused(n_phases):
    with pytest.raises(NoMotionError, match="images that do not change over the cycle"):
        refuse_motionless(beating(n_phases=n_phases, static=True))


@pytest.mark.parametrize("n_phases", [4, 12])
def test_a_heart_in_which_only_noise_changes_is_refused(n_phases):
    with pytest.raises(NoMotionError, match="differ by noise alone"):
        refuse_motionless(beating(n_phases, static=True, noise=20.0, ef_percent=6.0))


@pytest.mark.parametrize("n_phases", [4, 12])
def test_noise_that_may_hide_motion_is_not_refused_where_ef_is_plausible(n_phases):
    refuse_motionless(beating(n_phases, static=True, noise=20.0, ef_percent=40.0))


@pytest.mark.parametrize(("share", "found"), [(0.3, 1), (0.5, 0), (1.0, 0)])
def test_rois_that_hardly_beat_beside_something_that_does(share, found):
    """Squares at (60, 60) change by a share of what another place of the slice does."""
    images = np.zeros((6, 4, 200, 200), np.float32)
    images[:, 1, 0:60, 100:200] = 1.0
    images[:, 1, 60:150, 60:150] = share * 60 / 90
    stack = replace(disc_stack(n_slices=6, n_phases=4), images=images)
    reasons = check_beating(stack, rois(kept=(0, 5)))
    assert len(reasons) == found
    if found:
        assert reasons[0].code is Code.ROI_DOUBTFUL
        assert "hardly change over the cycle" in reasons[0].sentence
