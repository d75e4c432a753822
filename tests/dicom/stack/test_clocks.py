"""Trigger times order the phases whatever the clock says; dates are those of the calendar."""

import random

import numpy as np
import pytest

from lvvol import load_study
from lvvol.dicom.files.read import read_images
from lvvol.errors import NotCineError
from lvvol.sources.archive import open_source
from tests.support.studies import NORMAL, enhanced, macro, pixels_of


def check_stack(stack, n_slices=4, n_phases=6):
    assert stack.images.shape[:2] == (n_slices, n_phases)
    for z in range(n_slices):
        for t in range(n_phases):
            np.testing.assert_array_equal(stack.images[z, t], pixels_of(z, t))


def write_cine(study, tags):
    """Write 4 slices of 6 phases; `tags(z, t)` gives further attributes of each image."""
    for z in range(4):
        for t in range(6):
            position = (np.array([10.0, 20.0, 30.0]) + z * 8.0 * NORMAL).tolist()
            study.save(
                study.dataset(
                    pixels_of(z, t),
                    **{"ImagePositionPatient": position, "TriggerTime": 40.0 * t, **tags(z, t)},
                )
            )


@pytest.mark.parametrize("days", [0, 9000])
@pytest.mark.parametrize("seed", range(3))
def test_trigger_times_win_over_a_scrambled_clock(study, seed, days):
    """An anonymiser replaces the date and time of every image by random ones."""
    rng = random.Random(seed)

    def scrambled(z, t):
        year, month, day = 2000 + rng.randrange(days // 365 + 1), rng.randint(1, 12), 15
        seconds = rng.randrange(86400)
        return {
            "AcquisitionDate": f"{year}{month:02d}{day}" if days else "20240101",
            "AcquisitionTime": f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}",
        }

    write_cine(study, scrambled)
    check_stack(load_study(study.folder))


@pytest.mark.parametrize("clock", ["random", "days"])
def test_trigger_delays_win_over_the_dates_of_frames(study, clock):
    """A writer in use adds trigger milliseconds as days to the date of each frame."""
    ds = enhanced(study)
    rng = random.Random(1)
    for frame in ds.PerFrameFunctionalGroupsSequence:
        ms = frame.CardiacSynchronizationSequence[0].NominalCardiacTriggerDelayTime
        day = np.datetime64("2024-01-01") + (round(ms) if clock == "days" else rng.randrange(9000))
        frame.FrameContentSequence = macro(
            FrameAcquisitionDateTime=f"{str(day).replace('-', '')}0915{rng.randrange(60):02d}"
        )
    stack = load_study(study.save(ds))
    np.testing.assert_array_equal(stack.times_ms, np.tile(40.0 * np.arange(5), (4, 1)))


def test_percentages_of_the_cycle_order_phases_where_nothing_else_does(study):
    ds = enhanced(study)
    for frame in ds.PerFrameFunctionalGroupsSequence:
        (group,) = frame.CardiacSynchronizationSequence
        group.NominalPercentageOfCardiacPhase = group.NominalCardiacTriggerDelayTime / 2
        del group.NominalCardiacTriggerDelayTime
    stack = load_study(study.save(ds))
    for z in range(4):
        for t in range(5):
            np.testing.assert_array_equal(stack.images[z, t], 2.0 * pixels_of(z, t) + z)
    assert any("ordered by NominalPercentageOfCardiacPhase" in w for w in stack.warnings)


def test_percentages_of_classic_images_are_read(study):
    write_cine(
        study,
        lambda z, t: {
            "TriggerTime": None,
            "InstanceNumber": None,
            "NominalPercentageOfCardiacPhase": 15.0 * (5 - t),
        },
    )
    stack = load_study(study.folder)
    np.testing.assert_array_equal(stack.images[2, 0], pixels_of(2, 5))


@pytest.mark.parametrize(("trigger", "state"), [(0.0, "are all equal"), (None, "are missing")])
def test_what_is_missing_to_order_images_is_named(study, trigger, state):
    """Each phase has its own time, over 9 s; all Trigger Times are 0 or missing."""
    write_cine(
        study,
        lambda z, t: {"TriggerTime": trigger, "AcquisitionTime": f"12{z:02d}{9 * t / 5:04.1f}"},
    )
    match = f"acquired over 9 s, not over one heart cycle, and Trigger Times, .*, {state}"
    with pytest.raises(NotCineError, match=match):
        load_study(study.folder)


def test_dates_are_calendar_values(study):
    """New Year's Eve is a day before New Year's Day, not 8870."""
    for stamp in ("20231231235959", "20240101000001"):
        study.save(study.dataset(AcquisitionDateTime=stamp))
    with open_source(study.folder) as source:
        before, after = sorted(i.acquired for i in read_images(source).images)
    assert after - before == 2.0


def test_a_second_scan_with_a_common_time_is_not_joined(study):
    """Its trigger times lie between those of the first, so together they are evenly spaced."""
    for z in range(4):
        for t in range(6):
            position = (np.array([10.0, 20.0, 30.0]) + z * 8.0 * NORMAL).tolist()
            study.save(
                study.dataset(
                    pixels_of(9, t), ImagePositionPatient=position,
                    AcquisitionTime="110000", TriggerTime=40.0 * t + 20.0,
                )
            )  # fmt: skip
    write_cine(study, lambda z, t: {"AcquisitionTime": "120000"})
    check_stack(load_study(study.folder))
