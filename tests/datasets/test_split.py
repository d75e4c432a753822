"""The split: each patient is in one part, and unknown patients are refused."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lvvol.datasets import Part, open_dataset, read_dataset, read_split
from lvvol.errors import DatasetError
from tests.support.synthetic_datasets import (
    write_dsb2_patient,
    write_sunnybrook_plane,
    write_volumes,
)

LEFT_OUT = [
    "dsb2/0001",
    "dsb2/0501",
    "sunnybrook/SC-HF-I-01",
    "sunnybrook/SC-HF-I-02",
    "sunnybrook/SC-HF-I-04",
]


def part_of(patient):
    return read_split("shipped").part_of(patient)


@pytest.fixture(scope="module")
def split():
    return json.loads(resources.files("lvvol.datasets").joinpath("split.json").read_text())


def test_parts_are_complete(split):
    assert set(split) == {part.value for part in Part}


def test_each_patient_is_listed_once(split):
    patients = [patient for part in split.values() for patient in part]
    assert len(patients) == len(set(patients))


def test_patients_are_named_as_by_the_readers(split):
    for patient in (patient for part in split.values() for patient in part):
        source, name = patient.split("/")
        assert source in ("dsb2", "sunnybrook")
        assert (len(name) == 4 and name.isdigit()) or name.startswith("SC-")


def test_exactly_the_dicom_studies_are_left_out(split):
    assert sorted(split["left_out"]) == LEFT_OUT
    assert [part_of(patient) for patient in LEFT_OUT] == [Part.LEFT_OUT] * 5


def test_sizes_of_the_parts(split):
    assert len(split["train"]) > 5 * len(split["validation"]) > 0
    assert len(split["test"]) > len(split["validation"])
    assert sorted(split["broken"]) == ["dsb2/0416", "dsb2/0429"]


def test_unknown_patient_is_refused():
    with pytest.raises(DatasetError, match=r"dsb2/9999: expected a patient of .*split\.json"):
        part_of("dsb2/9999")


@pytest.fixture
def dsb2(tmp_path):
    """Train 0004, validation 0012, test 0013, left out 0001 and 0501, broken 0416."""
    for patient in (1, 4, 12, 13, 416, 501):
        write_dsb2_patient(tmp_path, patient, [(20, 10), (15, 8)])
    write_volumes(tmp_path, {})
    return tmp_path


@pytest.fixture
def sunnybrook(tmp_path):
    """Left out SC-HF-I-01, -02, -04; train SC-N-02."""
    mask = np.pad(np.full((20, 20), 255), 20)
    for patient in ("SC-HF-I-01", "SC-HF-I-02", "SC-HF-I-04", "SC-N-02"):
        for instance in (1, 9):
            image = np.arange(3600).reshape(60, 60) % 251
            write_sunnybrook_plane(tmp_path, patient, instance, image, mask)
    return tmp_path


def patients_of(folder, *parts):
    return [labels.patient for labels in read_dataset(folder, parts)]


def test_a_dataset_gives_only_the_requested_parts(dsb2):
    assert patients_of(dsb2, Part.TRAIN) == ["dsb2/0004"]
    assert patients_of(dsb2, Part.VALIDATION) == ["dsb2/0012"]
    assert patients_of(dsb2, Part.TEST, Part.LEFT_OUT) == ["dsb2/0001", "dsb2/0013", "dsb2/0501"]
    assert patients_of(dsb2) == []


def test_sunnybrook_uses_the_same_split(sunnybrook):
    assert patients_of(sunnybrook, Part.TRAIN) == ["sunnybrook/SC-N-02"]
    assert patients_of(sunnybrook, Part.LEFT_OUT) == LEFT_OUT[2:]


def test_a_dataset_with_an_unknown_patient_is_refused(dsb2):
    write_dsb2_patient(dsb2, 9999, [(20, 10), (15, 8)])
    with pytest.raises(DatasetError, match="dsb2/9999"):
        patients_of(dsb2, Part.TRAIN)


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_of_neither_layout_is_refused(tmp_path, exists):
    folder = tmp_path if exists else tmp_path / "none"
    with pytest.raises(DatasetError, match=r"expected DSB2 image pairs .* or Sunnybrook PNG"):
        patients_of(folder, Part.TRAIN)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["dsb2_png", "sunnybrook_png"])
def test_readers_and_split_have_the_same_patients(real_labels, split, name):
    found = open_dataset(real_labels / name).names
    for patient in found:
        part_of(patient)
    assert len(found) > 25
    known = {p for part in split.values() for p in part if p.startswith(name.split("_")[0])}
    # Study 501, of the competition's validation set, is available only as DICOM.
    assert known - set(found) - {"dsb2/0501"} == set()


@pytest.mark.real_data
def test_real_patients_have_the_contents_of_their_files(real_labels):
    rows = (real_labels / "dsb2_png" / "train_validate.csv").read_text().splitlines()
    (row,) = [row.split(",") for row in rows if row.startswith("12,")]
    (labels,) = open_dataset(real_labels / "dsb2_png").select(lambda name: name == "dsb2/0012")
    assert (labels.esv_ml, labels.edv_ml) == (float(row[1]), float(row[2]))
    assert labels.stack.images.shape[1:] == (2, 184, 184)
    assert labels.masks[:, 0].sum() > labels.masks[:, 1].sum() > 0


def test_an_unreadable_folder_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DatasetError, match=r"expected a folder to read, got .*Permission denied"):
        list(read_dataset(tmp_path, {Part.TRAIN}))
