"""Original images win over their processed copies, gated scans over real-time ones."""

import numpy as np
import pytest

from lvvol import load_study
from lvvol.errors import NotCineError
from tests.support.studies import COLUMNS, NORMAL, ROWS, pixels_of

ORIGINAL = ["ORIGINAL", "PRIMARY", "M", "RETRO"]
FILTERED = ["DERIVED", "SECONDARY", "M", "FILTERED"]
SEQUENCE = {"ScanningSequence": "GR", "SequenceVariant": ["SK", "SS"]}


def stack_of(study, number, image_type, mark=None, slices=range(5), **tags):
    for z in slices:
        study.slice(z, 6, mark=z if mark is None else mark, acquired=f"12000{z}",
                    SeriesNumber=number, ImageType=image_type, **{**SEQUENCE, **tags})  # fmt: skip


def check_originals(stack):
    for z in range(5):
        np.testing.assert_array_equal(stack.images[z, 2], pixels_of(z, 2))


@pytest.mark.parametrize("sequence", [SEQUENCE, dict.fromkeys(SEQUENCE)])
@pytest.mark.parametrize("series", [10, 1010])
def test_originals_win_over_derived_copies(study, series, sequence):
    stack_of(study, 10, ORIGINAL)
    stack_of(study, series, FILTERED, mark=9, **sequence)
    stack = load_study(study.folder)
    check_originals(stack)
    assert not any("derived" in w for w in stack.warnings)
    whys = [d.why for d in stack.decisions if d.what.startswith(f"Excluded series {series}")]
    assert len(whys) == 5
    assert "derived (Image Type DERIVED\\SECONDARY\\M\\FILTERED) from images such as" in whys[0]


def test_a_derived_slice_does_not_fill_a_gap_between_originals(study):
    stack_of(study, 10, ORIGINAL, slices=(0, 1, 3, 4))
    stack_of(study, 1010, FILTERED, mark=9)
    stack = load_study(study.folder)
    assert stack.n_slices == 4
    assert any("unevenly spaced" in w for w in stack.warnings)


def test_a_copy_of_another_field_of_view_is_recognised(study):
    stack_of(study, 10, ORIGINAL)
    for z in range(5):
        position = np.array([10.0, 20.0, 30.0]) + z * 8.0 * NORMAL + 6.0 * np.array([2, 1, 2]) / 3
        for t in range(6):
            study.save(
                study.dataset(
                    np.full((ROWS - 8, COLUMNS - 6), 9, np.uint16), SeriesNumber=1010,
                    ImageType=FILTERED, ImagePositionPatient=position.tolist(),
                    TriggerTime=40.0 * t, AcquisitionTime=f"12000{z}", **SEQUENCE,
                )
            )  # fmt: skip
    check_originals(load_study(study.folder))


def test_derived_images_serve_where_they_are_alone(study):
    stack_of(study, 10, FILTERED)
    stack = load_study(study.folder)
    check_originals(stack)
    assert any(w.startswith("All slices are derived images") for w in stack.warnings)


def test_derived_slices_complete_a_stack_with_a_warning(study):
    stack_of(study, 10, ORIGINAL, slices=(0, 1, 2))
    stack_of(study, 20, FILTERED, slices=(3, 4))
    stack = load_study(study.folder)
    check_originals(stack)
    assert any(w.startswith("Slices 4, 5 are derived images") for w in stack.warnings)


def test_a_requested_derived_series_is_used(study):
    stack_of(study, 10, ORIGINAL)
    stack_of(study, 1010, FILTERED, mark=9)
    stack = load_study(study.folder, series=[1010])
    assert list(stack.series_numbers) == [1010] * 5


def real_time(study, clock, number=20, n_phases=60, **tags):
    """Write a free-breathing stack over the same planes: 60 images, 50 ms apart."""
    for z in range(5):
        position = (np.array([10.0, 20.0, 30.0]) + z * 8.0 * NORMAL).tolist()
        for t in range(n_phases):
            ms = 50 * t
            times = {
                "trigger": {"TriggerTime": float(ms), "AcquisitionTime": f"13000{z}"},
                "clock": {
                    "TriggerTime": None,
                    "AcquisitionTime": f"130{z}{ms // 1000:02d}.{ms % 1000:03d}",
                },
                "none": {"TriggerTime": None, "AcquisitionTime": f"13000{z}"},
                "both": {
                    "TriggerTime": float(ms),
                    "AcquisitionTime": f"130{z}{ms // 1000:02d}.{ms % 1000:03d}",
                },
            }[clock]
            study.save(
                study.dataset(
                    np.full((ROWS, COLUMNS), 9, np.uint16), SeriesNumber=number,
                    ImagePositionPatient=position, InstanceNumber=60 * z + t + 1,
                    **times, **SEQUENCE, **tags,
                )
            )  # fmt: skip


@pytest.mark.parametrize("clock", ["trigger", "clock", "both", "none"])
def test_gated_wins_over_real_time_with_more_phases(study, clock):
    stack_of(study, 10, ORIGINAL, NominalInterval=360, step_ms=60.0)
    real_time(study, clock)
    stack = load_study(study.folder)
    assert stack.n_phases == 6
    check_originals(stack)


@pytest.mark.parametrize("clock", ["trigger", "clock", "both", "none"])
def test_real_time_alone_is_refused(study, clock):
    real_time(study, clock, RepetitionTime=50.0)
    with pytest.raises(NotCineError, match=r"images (take|were acquired over) 3(\.0)? s"):
        load_study(study.folder)


def test_real_time_of_one_or_two_beats_is_recognised_by_its_cycle(study):
    real_time(study, "both", n_phases=36, NominalInterval=900)
    with pytest.raises(NotCineError, match=r"take 1\.8 s by their Trigger Times"):
        load_study(study.folder)


def test_a_name_supports_what_times_leave_open(study):
    """1.5 s could be a slow heart; beside a gated stack, the name decides."""
    stack_of(study, 10, ORIGINAL, NominalInterval=360, step_ms=60.0)
    real_time(study, "trigger", n_phases=30, SeriesDescription="sax realtime")
    stack = load_study(study.folder)
    check_originals(stack)
    assert any("Nothing in its headers says that it was gated" in d.why for d in stack.decisions)


def test_jittering_triggers_of_many_beats_are_no_phases(study):
    """First pass with one acquisition time for all: Trigger Times 100 to 120 ms."""
    for z in range(4):
        study.slice(z, 40, step_ms=0.5, acquired="130000")
    with pytest.raises(NotCineError, match="Trigger Times of its 40 images differ by only 20 ms"):
        load_study(study.folder)


def test_a_slow_heart_is_measured(study):
    stack_of(study, 10, ORIGINAL, step_ms=300.0)  # 1.8 s, without Nominal Interval
    assert load_study(study.folder).n_phases == 6
