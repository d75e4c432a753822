"""The planned stack: its planes, their order and their phases."""

import random
import shutil

import numpy as np
import pytest

from lvvol import load_study
from lvvol.errors import NotCineError, TooFewSlicesError
from tests.support.studies import COLUMNS, DOWN, NORMAL, RIGHT, ROWS, pixels_of

# A field of view that a heart fits, for studies that must cause no other warning.
LIKELY = {"rows": 160, "columns": 160, "PixelSpacing": [1.5, 1.5]}


def texts(stack):
    return [f"{d.what} {d.why}" for d in stack.decisions]


def tilted(degrees, about="row"):
    """Return an orientation rotated about its row or column direction."""
    a = np.deg2rad(degrees)
    if about == "row":
        return [*RIGHT, *(np.cos(a) * DOWN + np.sin(a) * NORMAL)]
    return [*(np.cos(a) * RIGHT + np.sin(a) * NORMAL), *DOWN]


def test_slices_are_in_spatial_and_phases_in_temporal_order(study):
    order = [3, 0, 4, 1, 2]
    for number, index in enumerate(order):
        study.slice(index, 6, SeriesNumber=90 - number)
    stack = load_study(study.folder)
    assert stack.images.shape == (5, 6, ROWS, COLUMNS)
    for z in range(5):
        for t in range(6):
            np.testing.assert_array_equal(stack.images[z, t], pixels_of(z, t))
    # (10, 20, 30) . (-2, 2, 1) / 3 = 50 / 3, then 8 mm each.
    np.testing.assert_allclose(stack.positions_mm, 50 / 3 + 8.0 * np.arange(5))
    np.testing.assert_allclose(stack.times_ms, np.tile(40.0 * np.arange(6), (5, 1)))
    assert stack.pixel_spacing_mm == (1.5, 1.25)
    # Row 2 and column 4 of slice 1: 2 x 1.5 mm down, 4 x 1.25 mm right, 8 mm along the normal.
    expected = np.array([10, 20, 30]) + 8 * NORMAL + 3 * DOWN + 5 * RIGHT
    np.testing.assert_allclose(stack.affines[1] @ [2, 4, 0, 1], [*expected, 1])


def test_names_order_and_folders_do_not_matter(study, new_study):
    for index in range(5):
        study.slice(index, 4, SeriesNumber=index + 1, acquired=f"1200{index}0")
    study.slice(2, 4, SeriesNumber=8, acquired="121500", mark=7)
    expected = load_study(study.folder)
    files = sorted(study.folder.iterdir())
    for seed in range(3):
        shuffled = new_study(f"shuffled{seed}").folder
        names = list(range(len(files)))
        random.Random(seed).shuffle(names)
        for file, name in zip(files, names, strict=True):
            folder = shuffled / str(name % 3)
            folder.mkdir(exist_ok=True)
            shutil.copy(file, folder / f"{name}.x")
        got = load_study(shuffled)
        for field in ("images", "positions_mm", "times_ms", "affines"):
            np.testing.assert_array_equal(getattr(got, field), getattr(expected, field))
        assert got.sop_instance_uids == expected.sop_instance_uids
        assert got.series_uids == expected.series_uids
        assert texts(got) == texts(expected)
        assert got.warnings == expected.warnings


def test_long_axis_and_still_images_are_excluded(study):
    for index in range(7):
        study.slice(index, 6, SeriesNumber=index + 1, **LIKELY)
    turned = tilted(90)
    long_axis = study.slice(2, 6, SeriesNumber=20, ImageOrientationPatient=turned, **LIKELY)
    still = study.slice(3, 1, SeriesNumber=21, SeriesDescription="LGE", **LIKELY)
    stack = load_study(study.folder)
    assert stack.images.shape[:2] == (7, 6)
    assert stack.warnings == ()
    by_files = {d.files: d for d in stack.decisions}
    view = by_files[tuple(p.name for p in long_axis)]
    assert view.what == "Excluded series 20."
    assert view.why == "Its plane is tilted by 90 degrees relative to the stack."
    assert by_files[(still[0].name,)].why == "It has only one phase."


def test_repeated_long_axis_views_do_not_win(study):
    for index in range(3):
        study.slice(index, 4, SeriesNumber=index + 1)
    for repeat in range(9):
        study.slice(0, 4, SeriesNumber=10 + repeat, ImageOrientationPatient=tilted(80))
    assert load_study(study.folder).n_slices == 3


@pytest.mark.parametrize(("degrees", "kept"), [(4.0, 4), (6.0, 3)])
@pytest.mark.parametrize("about", ["row", "column"])
def test_tilted_slices(study, degrees, kept, about):
    for index in range(3):
        study.slice(index, 4, SeriesNumber=index + 1)
    study.slice(3, 4, SeriesNumber=9, ImageOrientationPatient=tilted(degrees, about))
    assert load_study(study.folder).n_slices == kept


def test_position_of_a_tilted_slice_is_on_the_stack_axis(study):
    """Rotating a slice about its centre does not change its position."""
    half = 11.5 * 1.5
    for index in range(5):
        tags = {}
        offset = np.zeros(3)
        if index == 2:
            orientation = tilted(3)
            offset = half * DOWN - half * np.array(orientation[3:])
            tags["ImageOrientationPatient"] = orientation
        study.slice(index, 4, SeriesNumber=index + 1, offset_mm=tuple(offset), **tags)
    stack = load_study(study.folder)
    # The first pixel moves by 17.25 mm x sin 3 degrees = 0.90 mm along the normal. The remaining
    # difference is because the common normal turns by a fifth of 3 degrees.
    np.testing.assert_allclose(stack.slice_gaps_mm, 8.0, atol=0.01)


def test_planes_seen_from_behind_count_as_parallel(study):
    for index in range(5):
        flipped = index == 3
        orientation = [*-RIGHT, *DOWN] if flipped else [*RIGHT, *DOWN]
        offset = 19 * 1.25 * RIGHT if flipped else np.zeros(3)
        study.slice(
            index,
            4,
            SeriesNumber=index + 1,
            ImageOrientationPatient=orientation,
            offset_mm=tuple(offset),
        )
    stack = load_study(study.folder)
    assert stack.n_slices == 5
    np.testing.assert_allclose(stack.slice_gaps_mm, 8.0)
    # Column c of the grid is column 19 - c of the file.
    np.testing.assert_allclose(stack.images[3, 1], pixels_of(3, 1)[:, ::-1], atol=1e-2)


@pytest.mark.parametrize("by", ["time", "series number"])
def test_last_complete_acquisition_wins(study, by):
    for index in range(5):
        study.slice(index, 6, SeriesNumber=index + 10, acquired="120000")
    first, second, third = (
        {"SeriesNumber": n, "acquired": t if by == "time" else "120000", "mark": m}
        for n, t, m in (
            ((3, "121000", 8), (1, "122000", 9), (2, "123000", 6))
            if by == "time"
            else ((17, "", 8), (18, "", 9), (19, "", 6))
        )
    )
    study.slice(2, 6, **first)
    study.slice(2.05, 6, **second)  # 0.4 mm off: the same slice
    study.slice(2, 4, **third)  # the last, but incomplete
    stack = load_study(study.folder)
    assert stack.n_slices == 5
    np.testing.assert_array_equal(stack.images[2, 3], pixels_of(9, 3))
    repeats = [d for d in stack.decisions if "repeated acquisition" in d.what]
    assert len(repeats) == 3
    assert sum("6 phases instead of 4" in d.why for d in repeats) == 1
    assert sorted(len(d.files) for d in repeats) == [4, 6, 6]


def test_slices_two_millimetres_apart_are_two_slices(study):
    for index in (0, 1, 2, 2.25, 3, 4, 5):
        study.slice(index, 4, SeriesNumber=int(index * 4) + 1)
    stack = load_study(study.folder)
    np.testing.assert_allclose(stack.slice_gaps_mm, [8, 8, 2, 6, 8, 8])
    assert any("unevenly spaced: 2.0 mm after slice 3, 6.0 mm" in w for w in stack.warnings)


@pytest.mark.parametrize(("index", "n_slices"), [(-2.4, 6), (-2.6, 5), (6.4, 6), (6.6, 5)])
def test_isolated_end_slice_is_excluded(study, index, n_slices):
    for i in range(5):
        study.slice(i, 4, SeriesNumber=i + 1)
    lone = study.slice(index, 4, SeriesNumber=30, mark=9)
    stack = load_study(study.folder)
    assert stack.n_slices == n_slices
    if n_slices == 5:
        (decision,) = [d for d in stack.decisions if d.files == tuple(p.name for p in lone)]
        assert "20.8 mm from its neighbour" in decision.why
        assert any("Excluded 1 parallel slice from" in w for w in stack.warnings)
    else:
        assert any("unevenly" in w for w in stack.warnings)


def test_gap_inside_the_stack_is_kept(study):
    for i in (0, 1, 2, 6, 7, 8):
        study.slice(i, 4, SeriesNumber=i + 1)
    stack = load_study(study.folder)
    np.testing.assert_allclose(stack.slice_gaps_mm, [8, 8, 32, 8, 8])
    assert any("32.0 mm after slice 3; the median gap is 8.0 mm" in w for w in stack.warnings)


def test_different_number_of_phases_is_matched_by_fraction_of_the_cycle(study):
    for index in range(4):
        study.slice(index, 6, SeriesNumber=index + 1, NominalInterval=240)
    study.slice(4, 4, step_ms=60, SeriesNumber=9, NominalInterval=240)
    stack = load_study(study.folder)
    # Phases are at 0, 1/6 .. 5/6 of the cycle, images at 0, 1/4, 1/2, 3/4. Nearest in the cycle:
    # 1/6 -> 1/4, 1/3 -> 1/4, 2/3 -> 3/4, 5/6 -> 3/4.
    for phase, image in enumerate([0, 1, 1, 2, 3, 3]):
        np.testing.assert_array_equal(stack.images[4, phase], pixels_of(4, image))
    assert stack.times_ms[4].tolist() == [0, 60, 60, 120, 180, 180]
    assert any("Matched the 4 phases of series 9" in text for text in texts(stack))
    assert any("Slice 5 has 4 phases instead of 6" in w for w in stack.warnings)


@pytest.mark.parametrize("cycle_ms", [240, None])
@pytest.mark.parametrize(
    ("missing", "shown"),
    [
        ((2,), [0, 1, 1, 3, 4, 5]),
        ((0,), [1, 1, 2, 3, 4, 5]),
        ((5,), [0, 1, 2, 3, 4, 0]),
        ((2, 3), [0, 1, 1, 4, 4, 5]),
    ],
)
def test_missing_phases_are_filled_without_moving_the_others(study, missing, shown, cycle_ms):
    tags = {"NominalInterval": cycle_ms}
    for index in range(4):
        study.slice(index, 6, SeriesNumber=index + 1, **tags)
    study.slice(4, 6, SeriesNumber=9, without=missing, **tags)
    stack = load_study(study.folder)
    marks = (stack.images[4, :, 0, 0] - 8000) / 100
    if missing == (0,):
        # Phases 1 and 5 are equally near in the cycle.
        assert marks[0] in (1, 5)
        assert marks[1:].tolist() == shown[1:]
    elif missing == (5,):
        assert marks[5] in (0, 4)
        assert marks[:5].tolist() == shown[:5]
    else:
        assert marks.tolist() == shown
    listed = ", ".join(str(phase + 1) for phase in missing)
    noun = "phases" if len(missing) > 1 else "phase"
    assert any(f"Filled {noun} {listed} of series 9" in text for text in texts(stack))


@pytest.mark.parametrize(
    ("late_steps", "says"), [(0.2, "Filled phase 6 of"), (0.35, "Matched the 5 phases of")]
)
def test_images_a_third_of_a_step_late_are_no_phases_of_the_others(study, late_steps, says):
    for index in range(3):
        study.slice(index, 6, NominalInterval=240)
    for phase in range(5):
        late_ms = (phase + late_steps) * 40.0
        study.slice(3, 1, mark=10 + phase, TriggerTime=late_ms, SeriesNumber=9, NominalInterval=240)
    stack = load_study(study.folder)
    assert stack.images.shape[:2] == (4, 6)
    assert any(decision.what.startswith(says) for decision in stack.decisions)


def test_slice_with_few_phases_is_excluded(study):
    for index in range(4):
        study.slice(index, 12, SeriesNumber=index + 1)
    study.slice(4, 3, SeriesNumber=9)
    stack = load_study(study.folder)
    assert stack.n_slices == 4
    assert any("It has only 3 of 12 phases." in text for text in texts(stack))


def test_other_attributes_are_only_compared(study):
    for index in range(7):
        study.slice(
            index,
            3,
            SliceLocation=index * 5.0,
            SpacingBetweenSlices=7.0,
            SliceThickness=9.0,
            SeriesNumber=index + 1,
            **LIKELY,
        )
    stack = load_study(study.folder)
    np.testing.assert_allclose(stack.slice_gaps_mm, 8.0)
    assert any(
        d.what == "Used image positions, 8.00 mm apart." and "steps by 5.00 mm" in d.why
        for d in stack.decisions
    )
    spacing, thickness = stack.warnings
    assert "Spacing Between Slices is 7 mm, but image positions are 8.00 mm apart" in spacing
    assert "overlap" in thickness


def test_consistent_attributes_cause_no_warning(study):
    for index in range(7):
        study.slice(
            index,
            3,
            SliceLocation=-index * 8.0,
            SpacingBetweenSlices=8.0,
            SliceThickness=6.0,
            SeriesNumber=index + 1,
            **LIKELY,
        )
    assert load_study(study.folder).warnings == ()


def test_few_slices_cause_a_warning(study):
    for index in range(6):
        study.slice(index, 3, SeriesNumber=index + 1)
    assert "The stack has only 6 slices" in load_study(study.folder).warnings[0]


@pytest.mark.parametrize(("per_series", "warned"), [(True, True), (False, False)])
def test_frames_of_reference(study, per_series, warned):
    """Two series may have different frames of reference; a single series cannot."""
    for index in range(7):
        study.slice(
            index,
            3,
            SeriesNumber=index // 4 + 1 if per_series else 1,
            FrameOfReferenceUID=f"1.2.{index // 4}",
        )
    warnings = load_study(study.folder).warnings
    assert any("frames of reference" in w for w in warnings) == warned


@pytest.mark.parametrize("n_slices", [1, 2])
def test_too_few_slices(study, n_slices):
    for index in range(n_slices):
        study.slice(index, 5)
    with pytest.raises(
        TooFewSlicesError, match=f"at least 3 parallel cine slices, found {n_slices}"
    ):
        load_study(study.folder)


def test_one_phase(study):
    for index in range(8):
        study.slice(index, 1)
    match = "at least 2 phases, found 8 planes with one image each"
    with pytest.raises(NotCineError, match=match):
        load_study(study.folder)
