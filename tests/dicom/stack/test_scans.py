"""Grouping of images into acquisitions, and their order."""

import random
import shutil

import numpy as np
import pytest

from lvvol.dicom.files.read import read_images
from lvvol.dicom.stack.scans import find_acquisitions
from lvvol.sources.archive import open_source
from tests.support.studies import DOWN, NORMAL, RIGHT


def acquisitions_of(folder):
    with open_source(folder) as source:
        reading = read_images(source)
    assert not reading.damaged
    return find_acquisitions(reading.images)


def instances(acquisition):
    return [image.instance_number for image in acquisition.images]


@pytest.mark.parametrize(
    ("tags", "key"),
    [
        ({"TriggerTime": [30, 10, 20]}, "TriggerTime"),
        ({"TriggerTime": [5, 5, 5], "TemporalPositionIdentifier": [3, 1, 2]},
         "TemporalPositionIdentifier"),
        ({"TriggerTime": [None] * 3, "AcquisitionTime": ["100000.3", "100000.1", "100000.2"]},
         "AcquisitionTime"),
        ({"TriggerTime": [None] * 3, "InstanceNumber": [9, 2, 4]}, "InstanceNumber"),
    ],
)  # fmt: skip
def test_phases_are_ordered_by_the_best_attribute(study, tags, key):
    tags = {"InstanceNumber": [1, 2, 3], **tags}
    for i in range(3):
        values = {name: column[i] for name, column in tags.items()}
        study.save(study.dataset(**values), f"{i}.dcm")
    (found,), decisions = acquisitions_of(study.folder)
    assert found.phase_key == key
    assert [image.file for image in found.images] == ["1.dcm", "2.dcm", "0.dcm"]
    assert decisions == []
    if key == "TriggerTime":
        assert found.times_ms.tolist() == [10, 20, 30]
    else:
        assert np.isnan(found.times_ms).all()


def test_images_without_an_order_are_a_fault(study):
    for _ in range(3):
        study.save(study.dataset(TriggerTime=None, InstanceNumber=None))
    (found,), _ = acquisitions_of(study.folder)
    assert found.fault == "no attribute orders its images in time"
    assert sorted(found.files) == ["0001.dcm", "0002.dcm", "0003.dcm"]


@pytest.mark.parametrize("attribute", ["AcquisitionTime", "AcquisitionNumber", "InstanceNumber"])
def test_series_with_a_repeated_plane_is_split(study, attribute):
    for again in range(2):
        for phase in range(4):
            tags = {"InstanceNumber": again * 4 + phase + 1}
            if attribute == "AcquisitionTime":
                tags["AcquisitionTime"] = f"1200{again}0"
            if attribute == "AcquisitionNumber":
                tags["AcquisitionNumber"] = again + 1
            study.save(study.dataset(TriggerTime=phase * 40.0, **tags))
    found, _ = acquisitions_of(study.folder)
    assert sorted(map(instances, found)) == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_single_duplicate_trigger_time_is_rounding(study):
    for phase, trigger in enumerate([0, 10, 20, 20, 30, 40]):
        study.save(study.dataset(TriggerTime=trigger, InstanceNumber=phase + 1))
    (found,), _ = acquisitions_of(study.folder)
    assert found.n_phases == 6
    assert found.phase_key == "InstanceNumber"


def test_scan_split_over_two_series_is_joined(study):
    for phase in range(6):
        study.save(
            study.dataset(
                SeriesNumber=phase % 2 + 1, AcquisitionTime="120000", TriggerTime=phase * 40.0
            )
        )
    (found,), _ = acquisitions_of(study.folder)
    assert found.times_ms.tolist() == [0, 40, 80, 120, 160, 200]


def test_two_series_of_one_plane_stay_separate(study):
    study.slice(0, 4, SeriesNumber=1, acquired="120000")
    study.slice(0, 1, SeriesNumber=2, acquired="121500", step_ms=0)  # a still image, later
    found, _ = acquisitions_of(study.folder)
    assert sorted(a.n_phases for a in found) == [1, 4]


def test_series_without_identifiers_are_separated_by_folder(study):
    for folder in ("a/", "b/"):
        study.slice(0, 3, folder=folder, SeriesNumber=None, SeriesInstanceUID=None)
    found, _ = acquisitions_of(study.folder)
    assert [a.n_phases for a in found] == [3, 3]


def test_perfusion_is_not_a_cine(study):
    """One image per beat, with jittering trigger times, for almost a minute."""
    jitter = random.Random(1)
    for beat in range(50):
        study.save(
            study.dataset(
                AcquisitionTime=f"12{beat // 60:02d}{beat % 60:02d}.0",
                TriggerTime=100 + jitter.random(),
            )
        )
    (found,), _ = acquisitions_of(study.folder)
    assert found.fault == "its images were acquired over 49 s, not over one heart cycle"


def test_gated_scan_may_have_a_time_per_phase(study):
    for phase in range(8):
        study.save(study.dataset(AcquisitionTime=f"1200{phase:02d}", TriggerTime=phase * 40.0))
    (found,), _ = acquisitions_of(study.folder)
    assert found.n_phases == 8


def test_duplicates_are_dropped_and_recorded(study):
    paths = study.slice(0, 3)
    shutil.copy(paths[1], study.folder / "copy.dcm")
    (found,), (decision,) = acquisitions_of(study.folder)
    assert found.n_phases == 3
    assert decision.files == ("copy.dcm",)


def test_planes_of_one_series_are_separated_by_position(study):
    for i in range(3):
        study.slice(i, 4)
    found, _ = acquisitions_of(study.folder)
    assert [a.n_phases for a in found] == [4, 4, 4]
    assert [a.normal.tolist() for a in found] == [pytest.approx([-2 / 3, 2 / 3, 1 / 3])] * 3


def test_centre_of_a_plane(study):
    study.slice(0, 2)
    (found,), _ = acquisitions_of(study.folder)
    # 24 rows of 1.5 mm along (1, 2, -2) / 3 and 20 columns of 1.25 mm along (2, 1, 2) / 3.
    down, right = 11.5 * 1.5, 9.5 * 1.25
    expected = [
        10 + down / 3 + right * 2 / 3,
        20 + down * 2 / 3 + right / 3,
        30 - down * 2 / 3 + right * 2 / 3,
    ]
    np.testing.assert_allclose(found.centre_mm, expected)


def test_images_with_distant_far_corners_are_two_planes(study):
    """0.9 degrees over 23 rows of 5 mm: the last rows are 1.8 mm apart."""
    a = np.deg2rad(0.9)
    turned = [*RIGHT, *(np.cos(a) * DOWN + np.sin(a) * NORMAL)]
    study.slice(0, 3, PixelSpacing=[5.0, 5.0])
    study.slice(0, 3, PixelSpacing=[5.0, 5.0], ImageOrientationPatient=turned)
    found, _ = acquisitions_of(study.folder)
    assert [a.n_phases for a in found] == [3, 3]
