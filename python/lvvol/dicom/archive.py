"""Where a study's files come from: a folder, one file, a zip or a tar, all behind one `Source`.

Archives are never unpacked to disk: their members are read in memory, one at a time.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from lvvol.errors import ArchiveError, PermissionDeniedError, StudyNotFoundError

# A cine study is below 1 GB, and MR images seldom shrink more than tenfold; what goes far beyond
# either was made to fill memory or disk. Small archives are harmless whatever their ratio.
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 100
RATIO_FREE_BYTES = 64 << 20
MAX_MEMBERS = 200_000

_TAR_NAMES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
)


class Source(Protocol):
    """The files of a study, listed once and opened by name.

    Parameters
    ----------
    names : tuple of str
        Paths inside the study, with forward slashes.
    unreadable : tuple of str
        Folders that may not be listed.
    n_links : int
        Links inside an archive: never followed.
    """

    names: tuple[str, ...]
    unreadable: tuple[str, ...]
    n_links: int

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        ...


class _FolderSource:
    """Every regular file below a folder, or the one file given."""

    def __init__(self, path: Path) -> None:
        self.n_links = 0
        if path.is_dir():
            self._root = path
            names, unreadable = _walk(path)
            self.names, self.unreadable = tuple(sorted(names)), tuple(sorted(unreadable))
        else:
            self._root = path.parent
            self.names, self.unreadable = (path.name,), ()

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        return (self._root / name).open("rb")


class _ZipSource:
    """The members of a zip file."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0
        budget = _Budget(path)
        for info in archive.infolist():
            budget.add(info.filename, info.file_size)
            if info.is_dir():
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self.n_links += 1
                continue
            if info.flag_bits & 0x1:
                raise ArchiveError(
                    f"{path}: expected a zip without password, {info.filename} is encrypted"
                )
            self._members[info.filename] = info
        self.names = tuple(sorted(self._members))

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        return self._archive.open(self._members[name])


class _TarSource:
    """The regular files of a tar file, compressed or not, in the archive's order.

    The order stays because a compressed tar can only be read forward: any other order would
    unpack it again and again.
    """

    def __init__(self, archive: tarfile.TarFile, path: Path) -> None:
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0
        budget = _Budget(path)
        for info in archive:  # one header at a time, so that a bomb is met before it unpacks
            budget.add(info.name, info.size)
            if info.isfile():
                self._members[info.name] = info
            elif not info.isdir():
                self.n_links += 1
        self.names = tuple(self._members)

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        member = self._archive.extractfile(self._members[name])
        assert member is not None  # only regular files are kept
        return member


class _Budget:
    """Adds up an archive's members and refuses one that goes too far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = max(path.stat().st_size, 1)
        self._unpacked = 0
        self._members = 0

    def add(self, name: str, size: int) -> None:
        """Count one member, or raise ArchiveError."""
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or (name[1:2] == ":" and name[0].isalpha()):
            raise ArchiveError(
                f"{self._path}: expected names that stay inside the archive, got {name!r}"
            )
        self._unpacked += size
        self._members += 1
        if self._unpacked > MAX_UNPACKED_BYTES or self._members > MAX_MEMBERS:
            raise ArchiveError(
                f"{self._path}: expected at most {MAX_UNPACKED_BYTES >> 30} GB and {MAX_MEMBERS} "
                f"members when unpacked, got more"
            )
        ratio = self._unpacked / self._packed
        if self._unpacked > RATIO_FREE_BYTES and ratio > MAX_RATIO:
            raise ArchiveError(
                f"{self._path}: expected to unpack to at most {MAX_RATIO} times its size, "
                f"got {ratio:.0f} times"
            )


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder, file, zip or tar as a `Source`.

    Parameters
    ----------
    path : Path
        What the user named.

    Yields
    ------
    Source
        Its files; valid inside the ``with`` block.

    Raises
    ------
    StudyNotFoundError
        If nothing is there.
    PermissionDeniedError
        If it may not be read.
    ArchiveError
        If it is an archive that is damaged, encrypted, too large when unpacked, or holds names that
        lead outside it.
    """
    try:
        path.stat()
        if path.is_dir():
            next(path.iterdir(), None)
            head = b""
        else:
            with path.open("rb") as file:
                head = file.read(262)
    except PermissionError as error:
        raise PermissionDeniedError(
            f"{path}: expected a study that may be read, permission denied"
        ) from error
    except OSError as error:
        raise StudyNotFoundError(
            f"{path}: expected a folder, zip or tar of DICOM files, got: "
            f"{(error.strerror or str(error)).lower()}"
        ) from error

    kind = "" if head[128:132] == b"DICM" else _archive_kind(path, head)
    if not kind:
        yield _FolderSource(path)
        return
    try:
        archive: zipfile.ZipFile | tarfile.TarFile
        archive = zipfile.ZipFile(path) if kind == "zip" else tarfile.open(path)  # noqa: SIM115
    except _BROKEN_ARCHIVE as error:
        raise _damaged(path, kind, error) from error
    with archive:
        try:
            source: Source
            if isinstance(archive, zipfile.ZipFile):
                source = _ZipSource(archive, path)
            else:
                source = _TarSource(archive, path)
        except _BROKEN_ARCHIVE as error:
            raise _damaged(path, kind, error) from error
        yield source


def _archive_kind(path: Path, head: bytes) -> str:
    """Tell what the first bytes, or failing that the name, promise: ``zip``, ``tar`` or neither."""
    name = path.name.lower()
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.endswith(".zip"):
        return "zip"
    if head[257:262] == b"ustar" or name.endswith(_TAR_NAMES):
        return "tar"
    return ""


def _damaged(path: Path, kind: str, error: BaseException) -> ArchiveError:
    """Say that an archive cannot be read."""
    return ArchiveError(f"{path}: expected a {kind} file, it is damaged ({error})")


def _walk(root: Path) -> tuple[list[str], list[str]]:
    """List regular files below a folder, and folders that may not be listed.

    Links to folders are followed, but no folder is entered twice: a loop of links ends.
    """
    names: list[str] = []
    unreadable: list[str] = []
    entered: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            entries = sorted(folder.iterdir(), reverse=True)
        except OSError:
            unreadable.append(folder.relative_to(root).as_posix())
            continue
        for entry in entries:
            if entry.is_dir():
                waiting.append(entry)
            elif entry.is_file():  # not a pipe or a device, which could block
                names.append(entry.relative_to(root).as_posix())
    return names, unreadable
