"""Original images win over their processed copies."""

import numpy as np
import pytest

from lvvol import load_study
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
