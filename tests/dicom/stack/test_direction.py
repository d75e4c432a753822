"""The apical end of a stack, from the typical heart axis and the descent of the base."""

import numpy as np
import pytest

from lvvol import load_study
from lvvol.dicom.stack import direction
from tests.support.studies import DOWN, RIGHT

ROWS, COLUMNS, PIXEL_MM = 100, 80, 2.0
UP = [*RIGHT, *DOWN]
# Its normal is (0, 0, 1), from feet to head: 71 degrees off the typical axis.
ACROSS = [0.6, 0.8, 0.0, -0.8, 0.6, 0.0]


def short_axis(study, orientation, n_slices=8):
    normal = np.cross(orientation[:3], orientation[3:])
    rng = np.random.default_rng(1)
    for index in range(n_slices):
        for phase in range(12):
            study.save(
                study.dataset(
                    rng.integers(0, 50, (24, 20)).astype(np.uint16),
                    SeriesNumber=1,
                    ImagePositionPatient=(index * 10.0 * normal).tolist(),
                    ImageOrientationPatient=orientation,
                    PixelSpacing=[4.0, 4.0],
                    TriggerTime=phase * 60.0,
                )
            )


def long_axis(study, orientation, moving_end, descent_mm=12.0):
    """Write a view whose texture moves at one end of the stack.

    Its columns are parallel to the normal of the stack. The slices are at 0 to 70 mm; the rows of
    the view cover -65 to 135 mm, and the texture on one side of 35 mm moves towards the other.
    """
    right, down = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(right, down)
    rng = np.random.default_rng(0)
    waves = rng.uniform(-0.25, 0.25, (12, 2)), rng.uniform(0, 6, 12)
    along = np.arange(ROWS) * PIXEL_MM - 65.0
    across = np.arange(COLUMNS) * PIXEL_MM
    for phase in range(12):
        descent = descent_mm * np.sin(np.pi * min(phase, 8) / 10.0)
        if moving_end == "last":
            moved = along + descent * np.clip((along - 35.0) / 35.0, 0, 1)
        else:
            moved = along - descent * np.clip((35.0 - along) / 35.0, 0, 1)
        picture = sum(
            np.cos(a * moved[:, None] + b * across[None] + c)
            for (a, b), c in zip(*waves, strict=True)
        )
        study.save(
            study.dataset(
                (2000 + 100 * picture).astype(np.uint16),
                SeriesNumber=2,
                # The centre of the short-axis images is at 40 mm in both directions.
                ImagePositionPatient=(38.0 * right - 40.0 * down - 65.0 * normal).tolist(),
                ImageOrientationPatient=[*down, *normal],
                PixelSpacing=[PIXEL_MM, PIXEL_MM],
                TriggerTime=phase * 60.0,
            )
        )


def why(stack):
    return next(d.why for d in stack.decisions if "apex" in d.what)


@pytest.mark.parametrize(("flip", "apex"), [(False, "first"), (True, "last")])
def test_typical_heart_axis(study, flip, apex):
    """(-2, 2, 1) / 3 points to the base (right, posterior, superior), its opposite to the apex."""
    orientation = [*-RIGHT, *DOWN] if flip else UP
    short_axis(study, orientation)
    stack = load_study(study.folder)
    assert stack.apex == apex
    # The angle between (-2, 2, 1) / 3 and (-0.61, 0.72, 0.33) by hand:
    # cos = (1.22 + 1.44 + 0.33) / (3 x 0.9997), so 4.5 degrees.
    assert "4 degrees off the typical heart axis" in why(stack)


def test_descent_of_the_base_confirms(study):
    short_axis(study, UP)
    long_axis(study, UP, "last")
    stack = load_study(study.folder)
    assert stack.apex == "first"
    assert "in 1 long-axis view, tissue at the last slice moves" in why(stack)


def test_contradictory_evidence_leaves_the_apex_unknown(study):
    short_axis(study, UP)
    long_axis(study, UP, "first")
    stack = load_study(study.folder)
    assert stack.apex is None
    (located,) = (d for d in stack.decisions if d.what == "Could not locate the apex.")
    assert "axis and the motion in long-axis views disagree" in located.why


@pytest.mark.parametrize(("moving_end", "apex"), [("last", "first"), ("first", "last")])
def test_descent_decides_if_the_axis_is_atypical(study, moving_end, apex):
    short_axis(study, ACROSS)
    long_axis(study, ACROSS, moving_end)
    assert load_study(study.folder).apex == apex


def test_no_evidence(study):
    short_axis(study, ACROSS)
    stack = load_study(study.folder)
    assert stack.apex is None
    assert any("may not be a short-axis stack" in w for w in stack.warnings)


def test_measured_descent(study):
    """The region at the end, 26 to 44 mm beyond 35 mm, moves by most of 12 mm x sin 72 deg."""
    short_axis(study, UP)
    long_axis(study, UP, "last")
    text = why(load_study(study.folder))
    moved = float(text.split("at the last slice moves ")[1].split(" mm")[0])
    assert 5.0 <= moved <= 11.4
    still = float(text.split("at the first slice ")[1].split(" mm")[0])
    assert abs(still) <= 1.0


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    ["dsb2_dicom/1", "dsb2_dicom/501", *(f"sunnybrook/SCD_IMAGES_01/SCD0000{i}01" for i in "123")],
)
def test_real_stacks_begin_at_the_apex(real_data, name):
    """Established visually: the first slices show the small round end."""
    assert load_study(real_data / name).apex == "first"


@pytest.mark.parametrize(
    ("descents_mm", "apex"),
    [((4.0, 6.0), None), ((4.0, 7.9), None), ((4.0, 8.1), "first"), ((8.1, 4.0), "last")],
)
def test_motion_is_conclusive_if_one_end_moves_twice_as_far(study, monkeypatch, descents_mm, apex):
    short_axis(study, ACROSS)
    long_axis(study, ACROSS, "last")
    monkeypatch.setattr(direction, "_descents_mm", lambda *args: descents_mm)
    assert load_study(study.folder).apex == apex
