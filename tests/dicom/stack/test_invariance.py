"""The result depends on geometry, timing and protocol, not on names, folders or series."""

import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import generate_uid

from lvvol import load_study, survey_study
from tests.support.studies import DOWN, NORMAL, Study

LONG_AXIS = [*NORMAL, *DOWN]


def build(folder, *, own_times):
    """Write a study with repeats, a gap, a long-axis view, still images and a localiser.

    With `own_times`, each image has its own acquisition time, as with some scanners.
    """
    study = Study(folder)

    def scan(number, index, n_phases=6, minute=0, **tags):
        for phase in range(n_phases):
            acquired = f"12{minute:02d}{phase if own_times else 0:02d}"
            tags_of_phase = {"AcquisitionTime": acquired, "InstanceNumber": phase + 1, **tags}
            position = np.array([10.0, 20.0, 30.0]) + index * 8.0 * NORMAL
            pixels = np.full((24, 20), 100 * number + phase, np.uint16)
            study.save(
                study.dataset(
                    pixels,
                    **{
                        "SeriesNumber": number,
                        "ImagePositionPatient": position.tolist(),
                        "TriggerTime": phase * 40.0 + number / 10,
                        **tags_of_phase,
                    },
                )
            )

    for n, index in enumerate((0, 1, 2, 3, 5, 6)):
        scan(10 + n, index, minute=n)
    scan(20, 2, minute=10)
    scan(21, 2, minute=11, n_phases=4)
    scan(22, 5, minute=12, PixelSpacing=[1.5, 1.5])
    scan(30, 3, minute=20, ImageOrientationPatient=LONG_AXIS)
    scan(31, 3, minute=21, n_phases=1)
    for turn in ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]):
        scan(1, 3, minute=30, n_phases=1, ImageOrientationPatient=turn)
    return study


def content(stack):
    """Return everything that must not change."""
    return (
        stack.images.tobytes(),
        stack.positions_mm.tolist(),
        stack.times_ms.tolist(),
        stack.affines.tolist(),
        stack.pixel_spacing_mm,
        stack.sop_instance_uids,
        stack.apex,
        sorted(file for d in stack.decisions for file in d.files if d.what.startswith("Excluded")),
    )


@pytest.fixture(scope="module", params=[False, True], ids=["one time a scan", "own times"])
def datasets(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    build(folder, own_times=request.param)
    files = sorted(folder.iterdir())
    return [pydicom.dcmread(file) for file in files], load_study(folder)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_names_and_folders_change_nothing(datasets, data):
    images, expected = datasets
    order = data.draw(st.permutations(range(len(images))), label="order")
    folders = data.draw(st.lists(st.sampled_from("abc"), min_size=len(images)), label="folders")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for name, folder, image in zip(order, folders, images, strict=False):
            (root / folder).mkdir(exist_ok=True)
            image.save_as(root / folder / f"{name:03d}", enforce_file_format=True)
        assert content(load_study(root))[:-1] == content(expected)[:-1]


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_splitting_and_merging_series_changes_nothing(datasets, data):
    """Assign every image to a random series."""
    images, expected = datasets
    count = data.draw(st.integers(1, 4), label="series")
    uids = [generate_uid(entropy_srcs=[str(i)]) for i in range(count)]
    of_image = data.draw(
        st.lists(st.integers(0, count - 1), min_size=len(images), max_size=len(images)),
        label="series of each image",
    )
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for i, (image, number) in enumerate(zip(images, of_image, strict=True)):
            kept = image.SeriesInstanceUID, image.SeriesNumber
            image.SeriesInstanceUID, image.SeriesNumber = uids[number], number + 1
            image.save_as(root / f"{i + 1:04d}.dcm", enforce_file_format=True)
            image.SeriesInstanceUID, image.SeriesNumber = kept
        survey = survey_study(root)
        assert content(survey.stack) == content(expected)
        assert sum(series.n_images for series in survey.series) == len(images)


def test_expected_stack(datasets):
    """Six slices, two of which were repeated; the last complete scan wins."""
    _, stack = datasets
    assert stack.series_numbers == (10, 11, 20, 13, 22, 15)
    np.testing.assert_allclose(stack.slice_gaps_mm, [8, 8, 8, 16, 8])
    # Series 22 has square pixels of 1.5 mm: resampled to columns of 1.25 mm.
    assert stack.images[4, 2, 12, 10] == pytest.approx(2202)
