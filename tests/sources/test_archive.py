"""Reading folders, zips and tars, and refusing unsafe archives."""

import os
import tarfile
import zipfile
from io import BytesIO

import numpy as np
import pytest

from lvvol import load_study
from lvvol.errors import ArchiveError, EmptyStudyError, PermissionDeniedError, StudyNotFoundError
from lvvol.sources import archive
from lvvol.sources.archive import open_source


def contents(path):
    with open_source(path) as source:
        result = {}
        for name in source.names:
            with source.open(name) as file:
                result[name] = file.read()
        return result, source


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "folder"
    (root / "b" / "c").mkdir(parents=True)
    (root / "2").write_bytes(b"two")
    (root / "b" / "1").write_bytes(b"one")
    (root / "b" / "c" / "no extension.x.y").write_bytes(b"three")
    return root


EXPECTED = {"2": b"two", "b/1": b"one", "b/c/no extension.x.y": b"three"}


def test_folder_is_searched_recursively(folder):
    assert contents(folder)[0] == EXPECTED


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_has_the_same_files(folder, tmp_path, mode):
    path = tmp_path / ("study.tar" + mode[1:].replace(":", "."))
    with tarfile.open(path, mode) as tar:
        tar.add(folder, arcname="")
    assert contents(path)[0] == EXPECTED


def test_zip_is_recognised_by_its_first_bytes(folder, tmp_path):
    path = tmp_path / "export.bin"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in EXPECTED.items():
            zipped.writestr(name, content)
    assert contents(path)[0] == EXPECTED


def test_loop_of_links_terminates(folder):
    (folder / "b" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(folder / "self")
    assert contents(folder)[0] == EXPECTED


def test_linked_folder_is_read(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "z").write_bytes(b"linked")
    (folder / "link").symlink_to(outside, target_is_directory=True)
    assert contents(folder)[0] == {**EXPECTED, "link/z": b"linked"}


def test_pipe_does_not_block(folder):
    os.mkfifo(folder / "pipe")
    assert contents(folder)[0] == EXPECTED


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "..\\evil", "\\evil"]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_paths_outside_the_archive_are_refused(tmp_path, name, kind):
    path = tmp_path / f"study.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr(name, b"x")
    else:
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, BytesIO(b"x"))
    with pytest.raises(
        ArchiveError, match=r"member paths inside the archive, got .*evil"
    ) as caught:
        load_study(path)
    assert str(path) in str(caught.value)


def test_links_in_archives_are_skipped_and_counted(tmp_path):
    tarred, zipped = tmp_path / "s.tar", tmp_path / "s.zip"
    with tarfile.open(tarred, "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    with zipfile.ZipFile(zipped, "w") as z:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        z.writestr(link, "/etc/passwd")
    for path, count in ((tarred, 2), (zipped, 1)):
        names, source = contents(path)
        assert names == {}
        assert source.n_links == count
        with pytest.raises(EmptyStudyError, match=f"{count} links"):
            load_study(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bomb_is_refused_by_its_ratio_before_unpacking(tmp_path, monkeypatch, kind):
    path = tmp_path / f"bomb.{kind}"
    size = archive.RATIO_FREE_BYTES + 1
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("zeros", bytes(size))
    else:
        with tarfile.open(path, "w:gz") as tar:
            info = tarfile.TarInfo("zeros")
            info.size = size
            tar.addfile(info, BytesIO(bytes(size)))
    monkeypatch.setattr(archive._ZipSource, "open", None)
    monkeypatch.setattr(archive._TarSource, "open", None)
    with pytest.raises(ArchiveError, match="at most 100 times its size, got more"):
        load_study(path)


def test_archive_beyond_the_size_limit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a", bytes(600))
        z.writestr("b", bytes(600))
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ArchiveError, match="when unpacked, got more"):
        load_study(path)


def test_archive_with_too_many_members_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as z:
        for i in range(4):
            z.writestr(str(i), b"")
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(ArchiveError, match="3 members"):
        load_study(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("keep", [0.02, 0.6])
def test_truncated_archive_is_an_archive_error(study, tmp_path, kind, keep):
    for i in range(3):
        study.slice(i)
    path = tmp_path / f"s.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as z:
            for file in study.folder.iterdir():
                z.write(file, file.name)
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
            tar.add(study.folder, arcname="s")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ArchiveError, match="damaged"):
        load_study(path)


def test_encrypted_zip_is_refused(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a.dcm", b"x")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # flag in the central directory
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="password"):
        load_study(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archive_gives_the_same_stack_as_its_folder(study, tmp_path, kind):
    for i in range(4):
        study.slice(i)
    path = tmp_path / f"s.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            for file in study.folder.iterdir():
                z.write(file, f"deep/er/{file.name}")
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
            tar.add(study.folder, arcname="s")
    expected, got = load_study(study.folder), load_study(path)
    np.testing.assert_array_equal(got.images, expected.images)
    assert got.sop_instance_uids == expected.sop_instance_uids


def test_missing_path(tmp_path):
    with pytest.raises(StudyNotFoundError, match=r"nowhere: expected a folder.*no such file"):
        load_study(tmp_path / "nowhere")


def test_folder_without_permission(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(PermissionDeniedError, match="permission denied"):
        load_study(tmp_path)
