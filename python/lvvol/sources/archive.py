"""`Source`: uniform access to the files of a folder, zip or tar, or to a single file.

Archives are never extracted to disk: members are read into memory one at a time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, runtime_checkable

from lvvol.errors import (
    ArchiveError,
    LvvolError,
    NotDicomError,
    PermissionDeniedError,
    StudyNotFoundError,
)
from lvvol.sources.tar import Member, Unpacked, members_of

# A cine study is below 1 GB, and MR images rarely compress more than tenfold. Archives far beyond
# either are decompression bombs; small archives are harmless at any ratio.
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 100
RATIO_FREE_BYTES = 64 << 20
MAX_MEMBERS = 200_000
# The central directory of a zip takes about a hundred bytes per member.
MAX_DIRECTORY_BYTES = 16 << 20

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# Magic numbers of compressed tars, with the function to open them.
_OPENERS: dict[bytes, Callable[[Path, str], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


@runtime_checkable
class Source(Protocol):
    """The files of a study, listed once and opened by name.

    Parameters
    ----------
    place : Path
        Where the study is, for messages.
    names : tuple of str
        Paths relative to the study, with forward slashes.
    unreadable : tuple of str
        Folders that cannot be listed.
    n_links : int
        Number of links in an archive, which are never followed.
    """

    place: Path
    names: tuple[str, ...]
    unreadable: tuple[str, ...]
    n_links: int

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        ...


class _FolderSource:
    """All regular files below a folder, or a single file."""

    def __init__(self, path: Path) -> None:
        self.place, self.n_links = path, 0
        if path.is_dir():
            self._root = path
            names, unreadable = _walk(path)
            self.names, self.unreadable = tuple(sorted(names)), tuple(sorted(unreadable))
        else:
            self._root = path.parent
            self.names, self.unreadable = (path.name,), ()

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        # No buffer and no Path for each file: both would cost as much as the reading itself.
        return open(os.path.join(self._root, name), "rb", buffering=0)  # noqa: PTH118, PTH123


class _ZipSource:
    """The members of a zip file."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.place, self._archive = path, archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0
        budget = _Budget(path)
        for info in archive.infolist():
            # Reading a member stops at its declared size.
            budget.add(info.filename, info.file_size)
            if info.filename.endswith("/"):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self.n_links += 1
                continue
            if info.flag_bits & 0x1:
                raise ArchiveError(
                    f"{path}: expected a zip without password, but {info.filename!r} is encrypted"
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # Python decompresses other methods without a limit.
                raise ArchiveError(
                    f"{path}: expected a zip with stored or deflated members, but "
                    f"{info.filename!r} uses compression method {info.compress_type}"
                )
            self._members[info.filename] = info
        self.names = tuple(sorted(self._members))

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        return self._archive.open(self._members[name])


class _TarSource:
    """The regular files of a tar, compressed or not, in archive order.

    A compressed tar can only be read forwards: any other order would decompress it repeatedly.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.place = path
        self._members: dict[str, Member] = {}
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0
        budget = _Budget(path)
        self._unpacked = Unpacked(file, budget.limit)
        try:
            for member in members_of(self._unpacked):
                budget.add(member.name, member.size)
                if member.kind == "file":
                    self._members[member.name] = member
                elif member.kind == "other":
                    self.n_links += 1
        except OverflowError as error:  # in headers, which do not count as members
            raise budget.exceeded() from error
        self.names = tuple(self._members)

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        return self._unpacked.open(self._members[name])


class _LimitedFile(io.FileIO):
    """A zip file that limits the size of its central directory."""

    listing = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, up to a limit while listing the members."""
        if self.listing:
            rest = os.fstat(self.fileno()).st_size - self.tell()
            wanted = rest if size is None or size < 0 else min(size, rest)
            if wanted > MAX_DIRECTORY_BYTES:
                raise ValueError(f"its directory is larger than {MAX_DIRECTORY_BYTES} bytes")
        return super().read(-1 if size is None else size) or b""


class _Budget:
    """Check the members of an archive against the limits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = max(path.stat().st_size, 1)
        self._unpacked = 0
        self._members = 0

    @property
    def limit(self) -> int:
        """Maximum unpacked size of the archive in bytes."""
        return min(MAX_UNPACKED_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * self._packed))

    def add(self, name: str, size: int) -> None:
        """Count a member; raise ArchiveError beyond a limit."""
        parts = PurePosixPath(name.replace("\\", "/"))
        drive = name[1:2] == ":" and name[0].isalpha()
        if not name or parts.is_absolute() or ".." in parts.parts or drive:
            raise ArchiveError(
                f"{self._path}: expected member paths inside the archive, got {name!r}"
            )
        self._unpacked += size
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise ArchiveError(f"{self._path}: expected at most {MAX_MEMBERS} members, got more")
        if self._unpacked > self.limit:
            raise self.exceeded()

    def exceeded(self) -> ArchiveError:
        """Return the error for an archive larger than its limit."""
        if self.limit == MAX_UNPACKED_BYTES:
            return ArchiveError(
                f"{self._path}: expected at most {MAX_UNPACKED_BYTES >> 30} GB when unpacked, "
                "got more"
            )
        return ArchiveError(
            f"{self._path}: expected to unpack to at most {MAX_RATIO} times its size, got more"
        )


@contextmanager
def open_source(study: Path | Source) -> Iterator[Source]:
    """Open a folder, file, zip or tar as a `Source`.

    Parameters
    ----------
    study : Path or Source
        Path of the study; a source is returned as it is.

    Yields
    ------
    Source
        The files of the study, valid inside the ``with`` block.

    Raises
    ------
    StudyNotFoundError
        If the path does not exist.
    PermissionDeniedError
        If it is not readable.
    NotDicomError
        If it is a pipe, socket or device.
    ArchiveError
        If the archive is damaged, encrypted, too large when unpacked, or contains unsafe paths.
    """
    if not isinstance(study, Path):
        yield study
        return
    path = study
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)
            head = b""
        elif stat.S_ISREG(mode):
            with path.open("rb") as file:
                head = file.read(262)
        else:
            # Reading a pipe or terminal would block; a device may have no end.
            raise NotDicomError(
                f"{path}: expected a folder, zip or tar of DICOM files, got a pipe or device"
            )
    except PermissionError as error:
        raise PermissionDeniedError(
            f"{path}: expected a readable study, got permission denied; check its access rights"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: an invalid path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise StudyNotFoundError(
            f"{path}: expected a folder, zip or tar of DICOM files, got: {reason.lower()}"
        ) from error

    kind = "" if head[128:132] == b"DICM" else _archive_kind(path, head)
    if not kind:
        yield _FolderSource(path)
        return
    with ExitStack() as opened:
        try:
            source: Source
            if kind == "zip":
                zipped = opened.enter_context(_LimitedFile(path))
                source = _ZipSource(opened.enter_context(zipfile.ZipFile(zipped)), path)
                zipped.listing = False
            else:
                opener = next((o for magic, o in _OPENERS.items() if head.startswith(magic)), open)
                source = _TarSource(opened.enter_context(opener(path, "rb")), path)
        except LvvolError:
            raise
        except Exception as error:  # a corrupt archive can raise errors of any type
            raise ArchiveError(
                f"{path}: expected an intact {kind} file, got a damaged one ({error})"
            ) from error
        yield source


def _archive_kind(path: Path, head: bytes) -> str:
    """Return ``zip``, ``tar`` or an empty string, from the first bytes or else the name."""
    name = path.name.lower()
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.endswith(".zip"):
        return "zip"
    if head[257:262] == b"ustar" or name.endswith(_TAR_SUFFIXES):
        return "tar"
    return ""


def walk_folders(root: Path, unreadable: list[str]) -> Iterator[tuple[str, list[str]]]:
    """List the folders below a folder one at a time, each with the regular files in it.

    Links are followed, but each folder is entered only once and parents of the root never, so
    loops of links end. Virtual file systems such as /proc are not entered.

    Parameters
    ----------
    root : Path
        An existing folder.
    unreadable : list of str
        Folders that cannot be listed are added to it.

    Yields
    ------
    (str, list of str)
        The folder relative to `root`, empty or ending in a slash, and the names of its files.
    """
    parents = root.resolve().parents
    entered = {(status.st_dev, status.st_ino) for status in map(Path.stat, parents)}
    virtual = {root.stat().st_dev: False}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        path = f"{root}/{folder}"
        names: list[str] = []
        try:
            status = os.stat(path)  # noqa: PTH116 - creating a Path would double the time
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            if _is_virtual(path, status, virtual):
                unreadable.append(folder.rstrip("/"))
                continue
            with os.scandir(path) as entries:
                for entry in entries:
                    name = folder + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.is_symlink():
                        _follow(root, name, names, waiting, virtual)
                    # Everything else is a pipe, socket or device, which could block.
        except OSError:
            unreadable.append(folder.rstrip("/"))
        yield folder, names


def _walk(root: Path) -> tuple[list[str], list[str]]:
    """Return the regular files below a folder, and the folders that cannot be listed."""
    unreadable: list[str] = []
    names = [f + name for f, own in walk_folders(root, unreadable) for name in own]
    return names, unreadable


def _follow(
    root: Path, name: str, names: list[str], waiting: list[str], virtual: dict[int, bool]
) -> None:
    """Add the target of a link to the files or folders; ignore dangling links."""
    path = f"{root}/{name}"
    with suppress(OSError):
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            waiting.append(name + "/")
        elif stat.S_ISREG(status.st_mode) and not _is_virtual(path, status, virtual):
            names.append(name.rpartition("/")[2])


def _is_virtual(path: str, status: os.stat_result, virtual: dict[int, bool]) -> bool:
    """Whether a path is on a file system without blocks, where reading may never end."""
    if status.st_dev not in virtual:
        virtual[status.st_dev] = os.statvfs(path).f_blocks == 0
    return virtual[status.st_dev]
