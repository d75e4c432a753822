"""Studies are found in lists and below folders, told apart by their headers."""

import shutil
import zipfile
from pathlib import Path

import pytest

from lvvol.cohort import find
from lvvol.cohort.find import find_studies, list_items, parts_of, read_list
from lvvol.cohort.item import Item
from lvvol.errors import CohortError, StudyNotFoundError
from tests.support.studies import Study, good_study


def found(root, **options):
    return {str(item.path.relative_to(root)): item for item in find_studies(root, **options)}


def without_uids(folder, **tags):
    folder.mkdir(parents=True, exist_ok=True)
    study = Study(folder)
    study.uids = {"StudyInstanceUID": None, "FrameOfReferenceUID": None}
    study.slice(0, n_phases=3, SeriesInstanceUID=None, **tags)
    return study


def test_a_list_is_a_table_or_lines(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("id,study,study_uid\np1,a,1.2.3\n,sub/b.zip,\n")
    assert read_list(table) == [
        Item(tmp_path / "a", "p1", "1.2.3"),
        Item(tmp_path / "sub" / "b.zip"),
    ]
    lines = tmp_path / "list.txt"
    lines.write_text("# studies\na\n\n/d/b, c\n")
    assert read_list(lines) == [Item(tmp_path / "a"), Item(Path("/d/b, c"))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study,id\n,p1\n", "line 2: expected a path"),
        ("study,id\na,p1\nb,../x\n", "line 3: ID '../x'"),
    ],
)
def test_a_malformed_list_names_the_line(tmp_path, text, said):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(CohortError, match=said):
        read_list(tmp_path / "list.csv")


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(CohortError, match="No such file"):
        read_list(tmp_path / "list.csv")


def test_folders_and_archives_are_found_whatever_lies_between(tmp_path):
    good_study(tmp_path / "site" / "p1")
    good_study(tmp_path / "site" / "p2" / "deep" / "cine")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no study")
    with zipfile.ZipFile(tmp_path / "p3.zip", "w") as archive:
        archive.writestr("a", "")
    assert set(found(tmp_path)) == {"site/p1", "site/p2/deep/cine", "p3.zip"}


def test_series_folders_of_one_study_are_joined_by_its_uid(tmp_path):
    study = good_study(tmp_path / "p1" / "sax")
    study.folder = tmp_path / "p1" / "lax"
    study.slice(0, SeriesNumber=2)
    good_study(tmp_path / "p2" / "sax")
    assert set(found(tmp_path)) == {"p1", "p2/sax"}


def test_series_folders_without_uids_are_joined_by_patient_and_parent(tmp_path):
    # As in DSB2: one plane a folder, no UID.
    for patient in ("1", "2"):
        for series in ("sax_5", "sax_6", "2ch_7"):
            without_uids(tmp_path / patient / "study" / series, PatientID=patient)
    assert set(found(tmp_path)) == {"1/study", "2/study"}


def test_studies_without_any_identity_beside_each_other_stay_apart(tmp_path):
    for name in ("a", "b"):
        study = without_uids(tmp_path / name, PatientID=None)
        for z in range(1, 4):
            study.slice(z, n_phases=3, PatientID=None, SeriesInstanceUID=None)
    assert set(found(tmp_path)) == {"a", "b"}


def test_a_study_whose_folders_lie_among_those_of_others_is_its_files(tmp_path):
    one, two = good_study(tmp_path / "s1"), good_study(tmp_path / "s2")
    one.folder, two.folder = tmp_path / "s3", tmp_path / "s4"
    one.slice(4, SeriesNumber=2)
    two.slice(4, SeriesNumber=2)
    items = find_studies(tmp_path)
    assert {item.path for item in items} == {tmp_path}
    folders = sorted(sorted({Path(name).parts[0] for name in item.files}) for item in items)
    assert folders == [["s1", "s3"], ["s2", "s4"]]
    assert len({item.part for item in items}) == 2


def test_two_studies_in_one_folder_are_left_to_reading(tmp_path):
    # Which may find that they are one, with identifiers that differ by mistake.
    two_studies(tmp_path / "p")
    (item,) = find_studies(tmp_path)
    assert item == Item(tmp_path / "p")


def test_a_large_folder_of_several_studies_is_taken_apart_at_once(tmp_path, monkeypatch):
    two_studies(tmp_path / "p")
    monkeypatch.setattr(find, "READ_WHOLE", 4)
    items = find_studies(tmp_path)
    assert [len(item.files) for item in items] == [16, 16]


def two_studies(folder):
    one, two = good_study(folder), good_study(folder.parent / "two")
    for path in two.folder.iterdir():
        shutil.copy(path, folder / f"z{path.name}")
    shutil.rmtree(two.folder)
    return one


def test_parts_are_told_apart_by_patient_and_date_without_a_uid(tmp_path):
    folder = tmp_path / "p"
    for patient, date, name in (("A", "20200101", "1"), ("A", "20210101", "2"), ("B", None, "3")):
        study = without_uids(folder / name, PatientID=patient, StudyDate=date)
        for path in study.folder.iterdir():
            path.rename(folder / f"{name}{path.name}")
    (folder / "notes.txt").write_text("no DICOM")
    parts = parts_of(Item(folder))
    assert sorted(sorted({Path(name).name[0] for name in part.files}) for part in parts) == [
        ["1"],
        ["2"],
        ["3"],
    ]
    assert parts_of(Item(folder)) == parts
    # The names say nothing of the patient.
    assert all(len(part.part) == 8 for part in parts)


def test_the_results_are_not_searched(tmp_path):
    good_study(tmp_path / "p1")
    good_study(tmp_path / "out" / "p1")
    assert set(found(tmp_path, without=[tmp_path / "out"])) == {"p1"}


def test_nothing_to_do_is_an_error(tmp_path):
    with pytest.raises(CohortError, match="found none below"):
        list_items([], [], [tmp_path], tmp_path / "out")
    with pytest.raises(StudyNotFoundError):
        find_studies(tmp_path / "gone")
