"""The choice among several stacks, with and without requested series."""

import numpy as np
import pytest

from lvvol import load_study, survey_study
from lvvol.errors import SeriesError
from tests.support.altered import read_images, write_images
from tests.support.studies import DOWN, NORMAL, RIGHT, pixels_of

STEADY = {"ScanningSequence": "GR", "SequenceVariant": ["SK", "SS"]}
SPOILED = {"ScanningSequence": "GR", "SequenceVariant": ["SK", "SP"]}


def tilted(degrees):
    """Return an orientation rotated about its row direction."""
    a = np.deg2rad(degrees)
    return [*RIGHT, *(np.cos(a) * DOWN + np.sin(a) * NORMAL)]


def stack_of(study, number, n_slices=7, n_phases=6, start=0.0, **tags):
    """Write a stack as one series; pixels are marked by series number plus slice index."""
    for index in range(n_slices):
        study.slice(
            start + index,
            n_phases,
            SeriesNumber=number,
            mark=number + index,
            **{"acquired": f"12{number:02d}{index:02d}", **tags},
        )


def used(stack):
    """Return the series number of each slice."""
    return list(stack.series_numbers)


def test_later_tagged_stack_does_not_replace_the_plain_one(study):
    stack_of(study, 10, **STEADY)
    stack_of(study, 20, n_phases=5, **SPOILED)
    stack = load_study(study.folder)
    assert used(stack) == [10] * 7
    assert stack.n_phases == 6
    assert any("second short-axis stack of 7 slices (series 20)" in w for w in stack.warnings)
    whys = {d.why for d in stack.decisions if d.what == "Excluded series 20."}
    assert whys == {
        "It belongs to another stack with a different pulse sequence (GR/SK/SP, not GR/SK/SS)."
    }


def test_requested_series_is_used_alone_if_it_forms_a_stack(study):
    stack_of(study, 10, **STEADY)
    stack_of(study, 20, n_phases=5, **SPOILED)
    uid = study.series[20]
    for name in (20, "20", uid):
        stack = load_study(study.folder, series=[name])
        assert used(stack) == [20] * 7
        assert stack.n_phases == 5
    assert any(d.what == "Used only the requested series." for d in stack.decisions)
    assert used(load_study(study.folder, series=20)) == [20] * 7


def test_requested_series_wins_among_repeats(study):
    stack_of(study, 10)
    study.slice(3, 6, SeriesNumber=30, mark=5, acquired="130000")
    assert used(load_study(study.folder)) == [10, 10, 10, 30, 10, 10, 10]
    for n, index in enumerate(range(7)):
        study.slice(index, 6, SeriesNumber=40 + n, mark=6, acquired="140000")
    stack = load_study(study.folder, series=[30])
    assert used(stack) == [40, 41, 42, 30, 44, 45, 46]
    assert any("which was requested" in d.why for d in stack.decisions)


def test_missing_series(study):
    stack_of(study, 10, n_slices=3)
    with pytest.raises(SeriesError, match=r"expected a series of the study, got 11; available: 10"):
        load_study(study.folder, series=[11])
    with pytest.raises(SeriesError, match=r"got 1\.2\.3"):
        load_study(study.folder, series=["1.2.3"])


def test_unusable_series(study):
    stack_of(study, 10, n_slices=3)
    study.slice(1, 1, SeriesNumber=50)
    with pytest.raises(
        SeriesError, match="short-axis cine slices in series 50, but it has only one"
    ):
        load_study(study.folder, series=[50])
    assert load_study(study.folder).n_slices == 3


@pytest.mark.parametrize("series", [[1.5], [None], [True]])
def test_series_of_another_type(study, series):
    with pytest.raises(TypeError, match="series: expected UIDs"):
        load_study(study.folder, series=series)


def test_second_acquisition_of_a_stack_is_used(study):
    stack_of(study, 10)
    stack_of(study, 20)
    stack = load_study(study.folder)
    assert used(stack) == [20] * 7
    repeats = [d for d in stack.decisions if "repeated acquisition" in d.what]
    assert len(repeats) == 7
    assert sum(len(d.files) for d in repeats) == 42


def test_stacks_planned_separately_are_not_mixed(study):
    """Two interleaved stacks, tilted by 3 degrees relative to each other."""
    stack_of(study, 10, n_slices=8)
    stack_of(study, 20, n_slices=7, start=0.5, ImageOrientationPatient=tilted(3))
    stack = load_study(study.folder)
    assert used(stack) == [10] * 8
    assert any("tilted by 3.0 degrees" in d.why for d in stack.decisions)
    assert used(load_study(study.folder, series=[20])) == [20] * 7


def test_slices_planned_later_complete_a_stack(study):
    """Two more slices beyond the end, tilted by 2 degrees: too few for a separate stack."""
    stack_of(study, 10, n_slices=6)
    stack_of(study, 20, n_slices=2, start=6, ImageOrientationPatient=tilted(2))
    assert used(load_study(study.folder)) == [10] * 6 + [20] * 2


def test_slice_of_another_sequence_only_fills_a_gap(study):
    for index in (0, 1, 2, 4, 5, 6):
        study.slice(index, 6, SeriesNumber=10, acquired="120000", **STEADY)
    for index in (2, 3):
        study.slice(index, 6, SeriesNumber=20, acquired="130000", mark=9, **SPOILED)
    stack = load_study(study.folder)
    assert used(stack) == [10, 10, 10, 20, 10, 10, 10]
    np.testing.assert_array_equal(stack.images[2, 1], pixels_of(2, 1))


def test_larger_axial_stack_does_not_win(study):
    """Axial cines, as acquired for the right ventricle, are far off the typical heart axis."""
    stack_of(study, 10, n_slices=7)
    axial = [1, 0, 0, 0, 1, 0]
    for index in range(12):
        study.slice(0, 6, SeriesNumber=20, offset_mm=(0, 0, 8.0 * index),
                    ImageOrientationPatient=axial, acquired=f"1300{index:02d}")  # fmt: skip
    assert used(load_study(study.folder)) == [10] * 7
    alone = load_study(study.folder, series=[20])
    assert alone.n_slices == 12
    assert any("it may not be a short-axis stack" in w for w in alone.warnings)


@pytest.mark.parametrize("later", ["plain", "tagged"])
def test_names_break_a_tie(study, later):
    first, second = (10, 20) if later == "tagged" else (20, 10)
    stack_of(study, first, SeriesDescription="cine sax")
    stack_of(
        study,
        second,
        SeriesDescription="grid tagging",
        ImageOrientationPatient=tilted(3),
        start=0.3,
    )
    assert used(load_study(study.folder)) == [first] * 7


def test_phase_maps_of_a_flow_series_are_excluded(study):
    """Magnitude and phase share series, position and trigger times."""
    for index in range(4):
        for component, mark in (("M", index), ("P", 9)):
            study.slice(index, 6, SeriesNumber=10, mark=mark, acquired=f"12000{index}",
                        ImageType=["ORIGINAL", "PRIMARY", component])  # fmt: skip
    survey = survey_study(study.folder)
    for z in range(4):
        np.testing.assert_array_equal(survey.stack.images[z, 2], pixels_of(z, 2))
    assert survey.series[0].views == ("short axis", "phase map")


def test_real_time_cines_do_not_form_a_stack(study):
    """Trigger times restart with every beat of one long scan."""
    stack_of(study, 10, n_slices=4)
    for index in range(4):
        for beat in range(8):
            for phase in range(5):
                study.save(
                    study.dataset(
                        SeriesNumber=20,
                        ImagePositionPatient=([10, 20, 30] + index * 8.0 * NORMAL).tolist(),
                        AcquisitionTime=f"13{index:02d}{beat:02d}.{phase}",
                        TriggerTime=phase * 150.0,
                    )
                )
    survey = survey_study(study.folder)
    assert used(survey.stack) == [10] * 4
    assert survey.series[1].views == ("many beats",)


def test_repeats_with_a_time_per_image_are_two_scans(study):
    """Each phase has its own acquisition time; the second scan begins a minute later."""
    stack_of(study, 10, n_slices=4)
    for again in range(2):
        for phase in range(6):
            study.save(
                study.dataset(
                    np.full((24, 20), 7 + again, np.uint16),
                    SeriesNumber=20,
                    ImagePositionPatient=([10, 20, 30] + 32.0 * NORMAL).tolist(),
                    AcquisitionTime=f"14{again:02d}{phase:02d}",
                    TriggerTime=phase * 40.0 + again,
                )
            )
    stack = load_study(study.folder)
    assert stack.images.shape[:2] == (5, 6)
    assert (stack.images[4] == 8).all()


def second_stack(stack):
    return [w for w in stack.warnings if "second short-axis stack" in w]


@pytest.mark.parametrize(("n_slices", "is_reported"), [(6, True), (5, False)])
def test_second_stack_in_another_direction_is_a_candidate(study, n_slices, is_reported):
    """Two patients under one Patient ID: 6 slices are 60 % of 10."""
    for index in range(10):
        study.slice(index, 6, SeriesNumber=1)
    for index in range(n_slices):
        study.slice(index, 6, SeriesNumber=2, ImageOrientationPatient=tilted(12))
    stack = load_study(study.folder)
    assert stack.n_slices == 10
    assert bool(second_stack(stack)) == is_reported
    if is_reported:
        (warning,) = second_stack(stack)
        assert f"of {n_slices} slices (series 2), perhaps of another patient" in warning
        reasons = {d.why for d in stack.decisions if d.what.startswith("Excluded series 2")}
        assert reasons == {
            "It belongs to another stack, tilted by 12.0 degrees; it is a candidate (option "
            "--series)."
        }


def test_second_stack_in_another_frame_of_reference_is_a_candidate(study):
    for index in range(7):
        study.slice(index, 6, SeriesNumber=1)
        study.slice(index + 0.4, 6, SeriesNumber=2, FrameOfReferenceUID="1.2.3")
    stack = load_study(study.folder)
    assert stack.n_slices == 7
    assert len(second_stack(stack)) == 1


def test_frames_of_reference_of_each_slice_divide_no_stack(study):
    """Anonymisers invent one for each series or image."""
    for index in range(7):
        study.slice(index, 6, SeriesNumber=index + 1, FrameOfReferenceUID=f"1.2.{index}")
    stack = load_study(study.folder)
    assert stack.n_slices == 7
    assert not second_stack(stack)


OTHER_FIELDS = {
    "centre": {"offset_mm": (0.6 * 20 * RIGHT).tolist()},
    "matrix": {"rows": 28},
    "pixel spacing": {"PixelSpacing": [1.6, 1.4]},
}


@pytest.mark.parametrize("field", OTHER_FIELDS)
@pytest.mark.parametrize("n_slices", [3, 7])
def test_stack_between_the_planes_with_another_field_of_view_is_a_candidate(study, field, n_slices):
    for index in range(8):
        study.slice(index, 6, SeriesNumber=1)
    for index in range(n_slices):
        study.slice(index + 0.4, 6, SeriesNumber=2, **OTHER_FIELDS[field])
    stack = load_study(study.folder)
    assert used(stack) == [1] * 8
    (warning,) = second_stack(stack)
    assert f"of {n_slices} slices (series 2), perhaps" in warning
    assert "The one that is used is series 1;" in warning
    (why,) = {d.why for d in stack.decisions if d.what == "Excluded series 2."}
    assert "another stack, with another field of view; it is a candidate" in why


def test_stacks_of_two_patients_at_the_same_positions_are_told_apart(study):
    for index in range(8):
        study.slice(index, 6, SeriesNumber=1)
    for index in range(2, 9):
        study.slice(index, 6, SeriesNumber=2, **OTHER_FIELDS["centre"])
    stack = load_study(study.folder)
    assert used(stack) == [1] * 8
    assert len(second_stack(stack)) == 1


def test_slices_repeated_with_another_field_of_view_are_repeats(study):
    for index in range(8):
        study.slice(index, 6, SeriesNumber=1, acquired="120000")
    for index in (3, 4, 5):
        study.slice(index, 6, SeriesNumber=2, acquired="121000", **OTHER_FIELDS["centre"])
    stack = load_study(study.folder)
    assert used(stack) == [1, 1, 1, 2, 2, 2, 1, 1]
    assert not second_stack(stack)


def test_slices_with_another_field_of_view_complete_a_stack(study):
    for index in range(8):
        study.slice(index, 6, SeriesNumber=1, **(OTHER_FIELDS["matrix"] if index > 4 else {}))
    stack = load_study(study.folder)
    assert stack.n_slices == 8
    assert not second_stack(stack)


REAL_PAIRS = [
    ("dsb2_dicom/1", "dsb2_dicom/501"),
    ("dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000201"),
    ("sunnybrook/SCD_IMAGES_01/SCD0000101", "sunnybrook/SCD_IMAGES_01/SCD0000301"),
    # Within 1 degree of each other; the planes of one lie between those of the other.
    ("sunnybrook/SCD_IMAGES_01/SCD0000201", "sunnybrook/SCD_IMAGES_01/SCD0000301"),
]


@pytest.mark.parametrize("names", REAL_PAIRS)
def test_two_real_patients_without_identity_are_reported(real_data, names, tmp_path):
    images = [image for name in names for image in read_images(real_data / name)]
    for image in images:
        image.PatientID, image.StudyInstanceUID = "", "1.2.3"
    assert len(second_stack(load_study(write_images(images, tmp_path)))) == 1
