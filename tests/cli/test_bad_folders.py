"""Unusual folders: links, pipes, odd names, deep nesting and files that disappear."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lvvol import errors, load_study
from lvvol.sources import archive
from tests.support.studies import good_study


def test_circular_links(refused, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "symbolic links" in refused(tmp_path / "a", errors.StudyNotFoundError)
    refused(tmp_path / "a" / "below", errors.StudyNotFoundError)


def test_pipe_as_study_does_not_block(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "pipe or device" in refused(tmp_path / "pipe", errors.NotDicomError)
    refused(Path("/dev/zero"), errors.NotDicomError)


def test_invalid_paths(tmp_path):
    for name in ("a\0b", "a" * 300, "a/" * 3000):
        with pytest.raises(errors.StudyNotFoundError):
            load_study(tmp_path / name)


@pytest.mark.parametrize(
    "name", [b"caf\xe9\xff", b"two\nlines", b"\x1b]0;title\x07\x1b[2J", b"\xe2\x80\xae"]
)
def test_names_with_control_characters(refused, tmp_path, name):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    folder.mkdir()
    (folder / os.fsdecode(name)).write_bytes(bytes(300))
    refused(folder, errors.NotDicomError)


def test_study_with_odd_file_names_loads(tmp_path):
    good_study(tmp_path / "study")
    names = [b"caf\xe9\xff%d", b"two\nlines%d", b"\x1b[2J%d", b"%d \xe2\x80\xae"]
    for i, path in enumerate(sorted((tmp_path / "study").iterdir())):
        path.rename(os.fsdecode(os.fsencode(path.parent) + b"/" + names[i % 4] % i))
    assert load_study(tmp_path / "study").images.shape[:2] == (4, 4)


@pytest.fixture
def dig(tmp_path):
    """Return a function that nests folders deeper than any path can be; it returns the top one."""
    outermost = tmp_path / "study"

    def make(levels, name):
        outermost.mkdir()
        here = os.open(outermost, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        return outermost

    yield make
    # Python's shutil.rmtree is recursive.
    subprocess.run(["rm", "-rf", str(outermost)], check=True)


def test_folders_deeper_than_the_recursion_limit(dig):
    levels = sys.getrecursionlimit() + 100
    folder = dig(levels, "d")
    good_study(folder.joinpath(*["d"] * levels))
    assert load_study(folder).images.shape[:2] == (4, 4)


def test_folders_deeper_than_the_longest_path(refused, dig):
    folder = dig(250, "d" * 20)
    refused(folder, errors.PermissionDeniedError)
    good_study(folder)
    assert "Excluded 1 unreadable file" in load_study(folder).warnings[0]


def test_links_out_of_the_study(tmp_path):
    """Links to parents, to virtual file systems and to missing targets."""
    study = tmp_path / "patient" / "study"
    good_study(study)
    good_study(tmp_path / "patient" / "another")
    for name, target in (
        ("up", ".."),
        ("root", "/"),
        ("itself", "."),
        ("nowhere", "nothing"),
        ("loop", "loop"),
        ("kernel", "/proc"),
        ("log", "/proc/kmsg"),
        ("system", "/sys"),
        ("zero", "/dev/zero"),
    ):
        (study / name).symlink_to(target)
    with archive.open_source(study) as source:
        assert len(source.names) == 16
        virtual = {name for name in ("kernel", "system") if (study / name).is_mount()}
        assert virtual <= set(source.unreadable)
    assert load_study(study).images.shape[:2] == (4, 4)


def test_pipes_and_sockets_in_a_study_are_not_opened(tmp_path, monkeypatch):
    good_study(tmp_path / "study")
    os.mkfifo(tmp_path / "study" / "pipe.dcm")
    monkeypatch.chdir(tmp_path / "study")  # socket paths must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert load_study(tmp_path / "study").images.shape[:2] == (4, 4)


def test_files_that_disappear_while_reading(tmp_path, monkeypatch):
    opened = archive._FolderSource.open

    def vanish(self, name):
        if name < lost:
            (self._root / name).unlink(missing_ok=True)
        return opened(self, name)

    monkeypatch.setattr(archive._FolderSource, "open", vanish)
    good_study(tmp_path / "some")
    lost = "0001"
    assert load_study(tmp_path / "some").images.shape[:2] == (4, 4)
    lost = "a"
    with pytest.raises(errors.DamagedStudyError):
        load_study(good_study(tmp_path / "all").folder)
