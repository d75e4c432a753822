"""Splits of the user's: parts, folds, and who is in neither."""

import json

import pytest

from lvvol.datasets import Split, open_dataset, read_split
from lvvol.datasets.split import make_folds
from lvvol.errors import DatasetError
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes

NAMES = [f"hospital/{number}" for number in range(200)]


def test_folds_hold_everybody_once_and_are_about_equal():
    split = make_folds("split.json", NAMES, 5)
    assert list(split.parts) == [f"fold:{n}" for n in range(1, 6)]
    assert sorted(name for part in split.parts.values() for name in part) == sorted(NAMES)
    # 40 each on average, by a binomial distribution of standard deviation 5.7.
    assert all(20 < len(part) < 60 for part in split.parts.values())


def test_a_fold_follows_from_the_name_and_the_seed_alone():
    all_of_them, some = make_folds("a", NAMES, 5), make_folds("b", NAMES[::-3], 5)
    assert all(some.part_of(name) == all_of_them.part_of(name) for name in NAMES[::-3])
    other = make_folds("c", NAMES, 5, seed=1)
    assert any(other.part_of(name) != all_of_them.part_of(name) for name in NAMES)


def test_the_assignment_never_changes_between_releases():
    # The first 8 bytes of SHA-256 of "0 dsb2/0001", modulo 5, plus 1.
    split = make_folds("f", ["dsb2/0001", "dsb2/0002", *NAMES], 5)
    assert [split.part_of(f"dsb2/000{n}") for n in (1, 2)] == ["fold:5", "fold:3"]


def test_listed_patients_stay_whatever_their_hash():
    known = Split("f", {"fold:1": tuple(NAMES[:9]), "fold:2": ("gone/1",)})
    split = make_folds("f", NAMES, 2, known=known)
    assert {split.part_of(name) for name in NAMES[:9]} == {"fold:1"}
    assert split.part_of("gone/1") == "fold:2"
    assert sum(map(len, split.parts.values())) == 201


@pytest.mark.parametrize("n", [5, 6, 8])
def test_small_cohorts_fill_every_fold(n):
    for seed in range(20):
        parts = make_folds("f", NAMES[:n], 5, seed).parts.values()
        assert min(map(len, parts)) >= 1
        assert sum(map(len, parts)) == n


def test_too_few_patients_are_refused():
    with pytest.raises(DatasetError, match=r"f\.json: expected a patient for each of 5 folds"):
        make_folds("f.json", NAMES[:4], 5)


def test_another_number_of_folds_is_refused():
    known = make_folds("f.json", NAMES, 4)
    with pytest.raises(DatasetError, match=r"f\.json: expected 5 folds, got fold:1, fold:2"):
        make_folds("f.json", NAMES, 5, known=known)


@pytest.fixture
def folds(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"fold:1": ["dsb2/0001"], "fold:2": ["dsb2/0002", "dsb2/0003"]}))
    return path


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    for patient in (1, 2, 3):
        write_dsb2_patient(folder, patient, [(20, 10), (15, 8)])
    write_volumes(folder, {})
    return folder


@pytest.mark.parametrize(
    ("part", "numbers"),
    [("fold:1", [1]), ("fold:2", [2, 3]), ("not-fold:1", [2, 3]), ("all", [1, 2, 3])],
)
def test_parts_of_a_dataset(folds, dataset, part, numbers):
    chosen = open_dataset(dataset).part(read_split(folds), part)
    assert chosen.names == tuple(f"dsb2/{number:04d}" for number in numbers)


@pytest.mark.parametrize("part", ["fold:3", "not-fold:3", "train", "not-train", "fold:0", ""])
def test_an_unknown_part_is_refused(folds, dataset, part):
    with pytest.raises(
        DatasetError, match=r"split\.json: expected part all, fold:1, fold:2 or not"
    ):
        open_dataset(dataset).part(read_split(folds), part)


def test_a_patient_who_is_not_listed_is_refused_except_for_all(folds, dataset):
    write_dsb2_patient(dataset, 4, [(20, 10), (15, 8)])
    split = read_split(folds)
    for part in ("fold:1", "not-fold:1"):
        with pytest.raises(DatasetError, match=r"data: dsb2/0004: expected .* of .*split\.json"):
            open_dataset(dataset).part(split, part)
    assert len(open_dataset(dataset).part(split, "all")) == 4


def test_without_a_split_there_is_only_everybody(dataset):
    assert len(open_dataset(dataset).part(None)) == 3
    with pytest.raises(DatasetError, match="expected a split for part train, got none"):
        open_dataset(dataset).part(None, "train")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"train": "dsb2/0001"}', '{"train": [1]}', "[" * 100_000, "\ud800"]
)
def test_a_file_that_is_no_split_is_refused(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DatasetError, match=r"split\.json: expected JSON like"):
        read_split(path)


def test_a_patient_in_two_parts_is_refused(tmp_path):
    path = tmp_path / "split.json"
    path.write_text('{"train": ["a"], "test": ["b", "a"]}')
    with pytest.raises(DatasetError, match="expected each patient once, got a in train and test"):
        read_split(path)


def test_a_split_comes_back_from_its_file(tmp_path):
    split = make_folds("f", NAMES, 3)
    (tmp_path / "f").write_text(split.to_json())
    assert read_split(tmp_path / "f").parts == split.parts
