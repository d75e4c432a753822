"""Writing: refused early where it must fail, whole files or none, never over each other."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lvvol.errors import OutputError
from lvvol.output import check_file, check_folder, write_file, write_files


def test_the_check_creates_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b")
    check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_check_takes_relative_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_folder(Path("result"))
    check_folder(Path())


@pytest.mark.parametrize("below", ["", "result", "a/b/c"])
def test_the_check_refuses_a_file_and_what_is_below_one(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected a folder"):
        check_folder(tmp_path / "file" / below)


def test_the_check_refuses_a_dangling_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="expected a folder"):
        check_folder(tmp_path / "link")


def test_the_check_refuses_what_may_not_be_written(tmp_path, monkeypatch):
    # Root may write anywhere, so the answer of the system is replaced.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="no permission"):
        check_folder(tmp_path / "result")


def test_a_failure_leaves_older_files_and_no_parts(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="b: cannot be written"):
        write_files({tmp_path / "new" / "c": b"c", tmp_path / "b": b"b", tmp_path / "a": b"a"})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert not list(tmp_path.rglob("*.part"))


def test_the_check_of_a_file_refuses_a_folder_and_what_is_below_a_file(tmp_path):
    check_file(tmp_path / "new" / "sheet.png")
    (tmp_path / "sheet.png").write_text("old")
    check_file(tmp_path / "sheet.png")
    with pytest.raises(OutputError, match="is a folder"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match="expected a folder"):
        check_file(tmp_path / "sheet.png" / "below.png")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_files_have_the_permissions_of_any_new_file(tmp_path):
    write_file(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    ours, plain = ((tmp_path / name).stat().st_mode for name in ("ours", "plain"))
    assert stat.S_IMODE(ours) == stat.S_IMODE(plain)


def test_a_full_disk_leaves_the_older_file_and_no_part(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="a: cannot be written: No space left on device"):
        write_file(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_many_writers_of_one_file_leave_one_whole_content(tmp_path):
    contents = [bytes([65 + n]) * 100_000 for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_file(tmp_path / "a", content), contents))
    assert (tmp_path / "a").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
