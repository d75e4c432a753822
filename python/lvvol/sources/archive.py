"""Where a study's files come from: a folder, one file, a zip or a tar, all behind one `Source`.

Archives are never unpacked to disk: their members are read in memory, one at a time.
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
from typing import IO, Any, Protocol

from lvvol.errors import (
    ArchiveError,
    LvvolError,
    NotDicomError,
    PermissionDeniedError,
    StudyNotFoundError,
)
from lvvol.sources.tar import Member, Unpacked, members_of

# A cine study is below 1 GB, and MR images seldom shrink more than tenfold; what goes far beyond
# either was made to fill memory or disk. Small archives are harmless whatever their ratio.
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 100
RATIO_FREE_BYTES = 64 << 20
MAX_MEMBERS = 200_000
# A zip's table of contents takes some hundred bytes a member.
MAX_DIRECTORY_BYTES = 16 << 20

_TAR_NAMES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# How a compressed tar is told, and what unpacks it.
_UNPACK: dict[bytes, Callable[[Path, str], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


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
            # What is read of a member ends at its declared size, so that is what counts.
            budget.add(info.filename, info.file_size)
            if info.filename.endswith("/"):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self.n_links += 1
                continue
            if info.flag_bits & 0x1:
                raise ArchiveError(
                    f"{path}: expected a zip without password, {info.filename!r} is encrypted"
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # Python unpacks the other methods without a limit.
                raise ArchiveError(
                    f"{path}: expected a zip with members stored or deflated, "
                    f"{info.filename!r} is packed by method {info.compress_type}"
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

    def __init__(self, file: IO[bytes], path: Path) -> None:
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
        except OverflowError as error:  # in the headers, which no member's size counts
            raise budget.exceeded() from error
        self.names = tuple(self._members)

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading."""
        return self._unpacked.open(self._members[name])


class _CautiousFile(io.FileIO):
    """A zip file whose table of contents is not read if it would fill memory."""

    listing = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does, up to a limit while the contents are listed."""
        if self.listing:
            rest = os.fstat(self.fileno()).st_size - self.tell()
            wanted = rest if size is None or size < 0 else min(size, rest)
            if wanted > MAX_DIRECTORY_BYTES:
                raise ValueError(f"more than {MAX_DIRECTORY_BYTES} bytes of contents")
        return super().read(-1 if size is None else size) or b""


class _Budget:
    """Adds up an archive's members and refuses one that goes too far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = max(path.stat().st_size, 1)
        self._unpacked = 0
        self._members = 0

    @property
    def limit(self) -> int:
        """Bytes that the archive may unpack to."""
        return min(MAX_UNPACKED_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * self._packed))

    def add(self, name: str, size: int) -> None:
        """Count one member, or raise ArchiveError."""
        parts = PurePosixPath(name.replace("\\", "/"))
        drive = name[1:2] == ":" and name[0].isalpha()
        if not name or parts.is_absolute() or ".." in parts.parts or drive:
            raise ArchiveError(
                f"{self._path}: expected names that stay inside the archive, got {name!r}"
            )
        self._unpacked += size
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise ArchiveError(f"{self._path}: expected at most {MAX_MEMBERS} members, got more")
        if self._unpacked > self.limit:
            raise self.exceeded()

    def exceeded(self) -> ArchiveError:
        """Return the error of an archive that unpacks to more than its limit."""
        if self.limit == MAX_UNPACKED_BYTES:
            return ArchiveError(
                f"{self._path}: expected at most {MAX_UNPACKED_BYTES >> 30} GB when unpacked, "
                "got more"
            )
        return ArchiveError(
            f"{self._path}: expected to unpack to at most {MAX_RATIO} times its size, got more"
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
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)
            head = b""
        elif stat.S_ISREG(mode):
            with path.open("rb") as file:
                head = file.read(262)
        else:
            # A pipe or a terminal would be waited for, a device read without end.
            raise NotDicomError(
                f"{path}: expected a folder, zip or tar of DICOM files, got a pipe or device"
            )
    except PermissionError as error:
        raise PermissionDeniedError(
            f"{path}: expected a study that may be read, permission denied"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
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
                zipped = opened.enter_context(_CautiousFile(path))
                source = _ZipSource(opened.enter_context(zipfile.ZipFile(zipped)), path)
                zipped.listing = False
            else:
                unpack = next((u for magic, u in _UNPACK.items() if head.startswith(magic)), open)
                source = _TarSource(opened.enter_context(unpack(path, "rb")), path)
        except LvvolError:
            raise
        except Exception as error:  # a mangled archive can fail anywhere, and in any way
            raise ArchiveError(
                f"{path}: expected a {kind} file, it is damaged ({error})"
            ) from error
        yield source


def _archive_kind(path: Path, head: bytes) -> str:
    """Tell what the first bytes, or failing that the name, promise: ``zip``, ``tar`` or neither."""
    name = path.name.lower()
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or name.endswith(".zip"):
        return "zip"
    if head[257:262] == b"ustar" or name.endswith(_TAR_NAMES):
        return "tar"
    return ""


def _walk(root: Path) -> tuple[list[str], list[str]]:
    """List regular files below a folder, and what may not be listed.

    Links are followed, but no folder is entered twice and none above the study: a loop of links
    ends. File systems that the kernel makes up as they are read, such as /proc, are not entered.
    """
    names: list[str] = []
    unreadable: list[str] = []
    above = root.resolve().parents
    entered = {(status.st_dev, status.st_ino) for status in map(Path.stat, above)}
    made_up = {root.stat().st_dev: False}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        path = f"{root}/{folder}"
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path takes as long as the rest of the walk
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            if _is_made_up(path, status, made_up):
                unreadable.append(folder.rstrip("/"))
                continue
            with os.scandir(path) as entries:
                for entry in entries:
                    name = folder + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        names.append(name)
                    elif entry.is_symlink():
                        _follow(root, name, names, waiting, made_up)
                    # What is left is a pipe, a socket or a device, which could block.
        except OSError:
            unreadable.append(folder.rstrip("/"))
    return names, unreadable


def _follow(
    root: Path, name: str, names: list[str], waiting: list[str], made_up: dict[int, bool]
) -> None:
    """Put what a link leads to on the list it belongs to; links to nothing on none."""
    path = f"{root}/{name}"
    with suppress(OSError):
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            waiting.append(name + "/")
        elif stat.S_ISREG(status.st_mode) and not _is_made_up(path, status, made_up):
            names.append(name)


def _is_made_up(path: str, status: os.stat_result, made_up: dict[int, bool]) -> bool:
    """Whether something lies on a file system without blocks, where reading may never end."""
    if status.st_dev not in made_up:
        made_up[status.st_dev] = os.statvfs(path).f_blocks == 0
    return made_up[status.st_dev]
