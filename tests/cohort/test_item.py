"""IDs tell studies apart, and stay; shards share studies out; fingerprints see every change."""

import os
from pathlib import Path

import pytest

from lvvol.cohort.item import Item, check_id, name_items, shard
from lvvol.errors import CohortError


def ids(*paths, known=None):
    return [item.id for item in name_items([Item(Path(p)) for p in paths], known)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/d/b", "/d/a"], ["a", "b"]),
        (["/d/p1/cine", "/d/p2/cine"], ["p1", "p2"]),
        # One level for all, even where single paths differ later.
        (["/d/p1/cine_3", "/d/p2/cine_3", "/d/p3/cine_5"], ["p1", "p2", "p3"]),
        (["/d/p1.zip", "/d/p2.tar.gz"], ["p1", "p2"]),
        # No level tells all apart, but each path has a part of its own.
        (["/d/x/a/cine", "/d/x/b", "/d/y/cine"], ["a", "b", "y"]),
        # No part is unique, only whole endings are.
        (["/d/x/1", "/d/x/2", "/d/y/1", "/d/y/2"], ["x_1", "x_2", "y_1", "y_2"]),
        (["/d/a b/", "/d/..é"], ["_", "a_b"]),
    ],
)
def test_an_id_is_the_part_of_the_path_that_differs(paths, expected):
    assert ids(*paths) == expected
    assert ids(*reversed(paths)) == expected


def test_an_id_once_given_stays():
    known = {("/d/p1/cine", ""): "first"}
    assert ids("/d/p1/cine", "/d/p2/cine", known=known) == ["first", "p2"]


def test_ids_that_look_alike_are_told_apart():
    found = ids("/d/a b", "/d/a_b", "/d/A b")
    assert len({name.casefold() for name in found}) == 3


def test_ids_do_not_hide_the_tables():
    assert ids("/d/summary.csv", "/d/b") == ["b", "summary.csv_"]


@pytest.mark.parametrize("name", ["a/b", "..", ".a", "a b", "summary.csv", "x" * 101])
def test_impossible_ids_are_refused(name):
    with pytest.raises(CohortError, match="ID"):
        check_id(name)


def test_one_id_for_two_studies_is_refused():
    with pytest.raises(CohortError, match="expected one study"):
        name_items([Item(Path("/d/a"), "x"), Item(Path("/d/b"), "X")])


def test_a_study_named_twice_is_done_once():
    assert ids("/d/a", "/d/a", "/d/b") == ["a", "b"]


def test_parts_of_a_place_have_ids_of_their_own():
    items = [Item(Path("/d/a"), part="1" * 8), Item(Path("/d/a"), part="2" * 8), Item(Path("/d/b"))]
    assert [item.id for item in name_items(items)] == ["a-11111111", "a-22222222", "b"]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 11])
def test_shards_have_every_study_once(count):
    items = [Item(Path(str(i)), str(i)) for i in range(10)]
    shards = [shard(items, index, count) for index in range(1, count + 1)]
    assert sorted(item.id for part in shards for item in part) == [item.id for item in items]
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_fingerprint_sees_new_changed_and_missing_files(tmp_path):
    file = tmp_path / "a" / "1.dcm"
    file.parent.mkdir()
    file.write_bytes(b"one")
    item = Item(tmp_path / "a")
    seen = [item.fingerprint()]
    assert item.fingerprint() == seen[0]
    file.write_bytes(b"four")
    seen.append(item.fingerprint())
    os.utime(file, ns=(1, 1))
    seen.append(item.fingerprint())
    (tmp_path / "a" / "2.dcm").write_bytes(b"")
    seen.append(item.fingerprint())
    assert len(set(seen)) == 4
    chosen = Item(tmp_path / "a", files=("1.dcm",))
    assert chosen.fingerprint() == seen[2]


def test_a_missing_study_has_no_fingerprint(tmp_path):
    assert Item(tmp_path / "gone").fingerprint() == ""
