"""Datasets of DICOM studies: told by their contents, named by patient, read with their labels."""

import csv
import json
import shutil

import numpy as np
import pytest

from lvvol import load_study
from lvvol.datasets import open_dataset
from lvvol.errors import DatasetError
from lvvol.phantom import make_phantom, write_studies, write_study
from lvvol.preprocess import to_working_stack

LAYOUTS = ("flat", "dsb2", "sunnybrook")
VENDORS = {"flat": None, "dsb2": "SIEMENS", "sunnybrook": "GE MEDICAL SYSTEMS"}
SEEDS = (3, 12)


def phantom(seed, layout, **more):
    options = {"n_slices": 5, "n_phases": 4, "rows": 64, "vendor": VENDORS[layout]}
    return make_phantom(seed, **{**options, **more})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two phantoms in each layout."""
    out = tmp_path_factory.mktemp("phantoms")
    for layout in LAYOUTS:
        write_studies((phantom(seed, layout) for seed in SEEDS), out / layout, layout)
    return out


@pytest.fixture
def dsb2(written, tmp_path):
    """The DSB2 tree without truth.json."""
    shutil.copytree(written / "dsb2", tmp_path / "dsb2")
    for path in (tmp_path / "dsb2").glob("*/truth.json"):
        path.unlink()
    return tmp_path / "dsb2"


@pytest.fixture
def sunnybrook(written, tmp_path):
    """The Sunnybrook tree without truth.json."""
    shutil.copytree(written / "sunnybrook", tmp_path / "scd")
    for path in (tmp_path / "scd").glob("SCD_IMAGES_01/*/truth.json"):
        path.unlink()
    return tmp_path / "scd"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_phantoms_have_their_truth_in_every_layout(written, layout):
    dataset = open_dataset(written / layout)
    assert dataset.names == ("phantom/3", "phantom/12")
    for labels, seed in zip(dataset, SEEDS, strict=True):
        truth = phantom(seed, layout).truth
        assert (labels.edv_ml, labels.esv_ml) == pytest.approx((truth.edv_ml, truth.esv_ml))
        assert labels.phases == (truth.ed_phase, truth.es_phase)
        assert labels.stack.images.shape[:2] == (5, 4)
        drawn = np.flatnonzero(labels.labelled.any(axis=0)).tolist()
        assert drawn == (sorted(labels.phases) if layout == "sunnybrook" else [])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_single_phantom_is_a_dataset(tmp_path, layout):
    write_study(phantom(7, layout, n_slices=3, n_phases=2), tmp_path / "one", layout)
    dataset = open_dataset(tmp_path / "one")
    assert dataset.names == ("phantom/7",)
    assert dataset[0].labelled.any() == (layout == "sunnybrook")


def test_a_damaged_truth_is_named(written, tmp_path):
    shutil.copytree(written / "flat", tmp_path / "copy")
    (tmp_path / "copy" / "3" / "truth.json").write_text('{"seed": 3}')
    with pytest.raises(DatasetError, match=r"3/truth\.json: expected the truth of a phantom"):
        open_dataset(tmp_path / "copy")


def test_a_phantom_with_other_phases_than_its_truth_is_refused(written, tmp_path):
    shutil.copytree(written / "flat" / "3", tmp_path / "one")
    path = tmp_path / "one" / "truth.json"
    truth = json.loads(path.read_text())
    truth["reading"]["n_phases"] = 9
    path.write_text(json.dumps(truth))
    with pytest.raises(DatasetError, match=r"phantom/3: .* expected 9 phases .* got 4"):
        list(open_dataset(tmp_path / "one"))


def test_dsb2_is_whole_cines_with_two_volumes_and_nothing_else(dsb2):
    dataset = open_dataset(dsb2)
    assert dataset.names == ("dsb2/0003", "dsb2/0012")
    labels = dataset[1]
    truth = phantom(12, "dsb2").truth
    assert (labels.edv_ml, labels.esv_ml) == pytest.approx((truth.edv_ml, truth.esv_ml), abs=0.05)
    assert labels.phases is None
    assert not labels.labelled.any()
    assert labels.masks.strides == (0, 0, 0, 0)
    expected = to_working_stack(load_study(dsb2 / "12"))
    np.testing.assert_array_equal(labels.stack.images, expected.images)


def test_phantoms_may_be_read_as_the_layout_they_are_in(written):
    assert open_dataset(f"dsb2:{written / 'dsb2'}").names == ("dsb2/0003", "dsb2/0012")
    names = open_dataset(f"sunnybrook:{written / 'sunnybrook'}").names
    assert all(name.startswith("sunnybrook/SC-") for name in names)


def test_a_dsb2_tree_has_its_table_one_folder_up_or_none(dsb2):
    root = dsb2.parent / "root"
    root.mkdir()
    table = dsb2 / "train.csv"
    table.rename(root / "train.csv")
    dsb2.rename(root / "train")
    volumes = [labels.edv_ml for labels in open_dataset(root / "train")]
    assert None not in volumes
    assert open_dataset(root).names == ("dsb2/0003", "dsb2/0012")
    assert [labels.edv_ml for labels in open_dataset(root)] == volumes
    (root / "train.csv").unlink()
    assert [labels.edv_ml for labels in open_dataset(root)] == [None, None]


def test_tables_that_contradict_each_other_are_refused(dsb2):
    (dsb2 / "validate.csv").write_text("Id,Systole,Diastole\n3,1,2\n")
    with pytest.raises(DatasetError, match=r"validate\.csv: expected one EDV and ESV of patient 3"):
        open_dataset(dsb2)


def test_a_study_that_cannot_be_read_is_named(dsb2):
    shutil.rmtree(dsb2 / "3" / "study")
    (dsb2 / "3" / "study").mkdir()
    dataset = open_dataset(dsb2)
    assert dataset[1].patient == "dsb2/0012"
    with pytest.raises(DatasetError, match=r"dsb2: dsb2/0003: .*3: expected DICOM files"):
        dataset[0]


def test_sunnybrook_is_matched_by_its_table(sunnybrook):
    with (sunnybrook / "scd_patientdata.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 2
    seed_of = {
        # The table writes SC-N-3, folders SC-N-03.
        "sunnybrook/{}-{:0>2}".format(*row["OriginalID"].rsplit("-", 1)): int(row["PatientID"][3:8])
        for row in rows
    }
    dataset = open_dataset(sunnybrook)
    assert set(dataset.names) == seed_of.keys()
    for labels in dataset:
        seed = seed_of[labels.patient]
        truth = phantom(seed, "sunnybrook").truth
        assert labels.phases == (truth.ed_phase, truth.es_phase)
        assert (labels.edv_ml, labels.esv_ml) == (None, None)
        areas = labels.masks.sum(axis=(2, 3))[labels.labelled]
        np.testing.assert_allclose(areas, truth.areas_mm2[labels.labelled], rtol=0.03)


def test_sunnybrook_patients_without_contours_are_left_out(sunnybrook):
    shutil.rmtree(next((sunnybrook / "SCD_ManualContours").iterdir()))
    assert len(open_dataset(sunnybrook)) == 1
    shutil.rmtree(sunnybrook / "SCD_ManualContours")
    with pytest.raises(DatasetError, match="expected studies and contours"):
        open_dataset(sunnybrook)


def test_a_damaged_table_of_sunnybrook_is_refused(sunnybrook):
    (sunnybrook / "scd_patientdata.csv").write_text("PatientID,Name\nSCD1,x\n")
    with pytest.raises(DatasetError, match="expected columns PatientID, OriginalID, got no Orig"):
        open_dataset(sunnybrook)


@pytest.mark.real_data
def test_real_sunnybrook_has_the_volumes_of_its_contours(real_data):
    """ED, ES, EDV and ESV by Eq. 3, from the polygons by the shoelace formula."""
    known = {
        "sunnybrook/SC-HF-I-01": (18, 7, 177.2, 132.6),
        "sunnybrook/SC-HF-I-02": (19, 6, 222.2, 165.5),
        "sunnybrook/SC-HF-I-04": (19, 6, 211.8, 167.5),
    }
    dataset = open_dataset(real_data / "sunnybrook")
    assert set(dataset.names) == known.keys()
    for labels in dataset:
        ed, es, *volumes_ml = known[labels.patient]
        assert labels.phases == (ed, es)
        for t, volume_ml in zip((ed, es), volumes_ml, strict=True):
            z = np.flatnonzero(labels.labelled[:, t])
            a = labels.masks[z, t].sum(axis=(1, 2)).astype(float)
            gaps = np.diff(labels.stack.positions_mm[z])
            cones = (a[:-1] + a[1:] + np.sqrt(a[:-1] * a[1:])) * gaps / 3000
            assert cones.sum() == pytest.approx(volume_ml, rel=0.002)


@pytest.mark.real_data
def test_real_dsb2_has_the_volumes_of_its_table(real_data):
    first, second = open_dataset(real_data / "dsb2_dicom")
    assert (first.patient, first.edv_ml, first.esv_ml) == ("dsb2/0001", 246.7, 108.3)
    assert (second.patient, second.edv_ml, second.esv_ml) == ("dsb2/0501", 212.5, 104.3)
    assert first.stack.images.shape[:2] == (11, 30)


@pytest.mark.parametrize("kind", ["cache", "dsb2", "nifti", "phantom", "sunnybrook", "table"])
def test_a_folder_that_is_not_of_the_kind_said_is_refused(tmp_path, kind):
    with pytest.raises(DatasetError, match=str(tmp_path)):
        open_dataset(f"{kind}:{tmp_path}")


def test_opening_reads_no_image(written, monkeypatch):
    def refuse(*args, **more):
        raise AssertionError("read")

    monkeypatch.setattr("lvvol.datasets.phantom_files.load_study", refuse)
    dataset = open_dataset(written / "flat")
    assert len(dataset.select(lambda name: name == "phantom/12")) == 1
    with pytest.raises(AssertionError, match="read"):
        dataset[0]
