"""Files on disk: whether they can be written, asked early; written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from lvvol.errors import OutputError


def check_folder(folder: Path) -> None:
    """Fail early where a result could not be written later; creates nothing.

    Parameters
    ----------
    folder : Path
        Where the result is to go; it and its parents need not exist.

    Raises
    ------
    OutputError
        If the folder, or its nearest existing parent, is not a folder or is not writable.
    """
    parent = folder.absolute()
    while not os.path.lexists(parent):
        parent = parent.parent
    if not os.path.isdir(parent):  # noqa: PTH112 - False where Path.is_dir may raise
        raise OutputError(f"{folder}: expected a folder to write to, but {parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write in {parent}")


def check_file(path: Path) -> None:
    """Fail early where a file could not be written later; creates nothing.

    Parameters
    ----------
    path : Path
        The file; neither it nor its folder need exist.

    Raises
    ------
    OutputError
        If it is a folder, or `check_folder` refuses its folder.
    """
    if os.path.isdir(path):  # noqa: PTH112 - False where Path.is_dir may raise
        raise OutputError(f"{path}: expected a file to write, but it is a folder")
    check_folder(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write one file; see `write_files`."""
    write_files({path: content})


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole or not at all, and create missing folders.

    Each is written to a temporary file in its folder, flushed to disk and then renamed, so that
    nobody reads half a file, and an older one stays until the newer is whole, also through a power
    failure. Nothing is renamed before all are written. Temporary names are unique, so that
    processes that write the same file don't meet.

    Parameters
    ----------
    contents : mapping of Path to bytes
        Content of each file; existing files are replaced.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    parts: dict[Path, Path] = {}
    path = next(iter(contents))
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path] = _write_part(path, content)
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        for part in parts.values():  # gone already where it was renamed
            part.unlink(missing_ok=True)


@contextmanager
def writing_text(path: Path) -> Iterator[TextIO]:
    """Write a text file piece by piece, whole or not at all; see `write_files`.

    Parameters
    ----------
    path : Path
        The file, in an existing folder.

    Yields
    ------
    text stream
        UTF-8, line breaks as they are written. An error in the block leaves the older file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    part = _part_of(path)
    try:
        with part.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # gone already where it was renamed
            part.unlink(missing_ok=True)


def remove_parts(folder: Path, names: Iterable[str]) -> None:
    """Remove what killed processes left half written.

    Parameters
    ----------
    folder : Path
        The folder, in which nobody else may be writing these files.
    names : iterable of str
        Names of the files.
    """
    for name in names:
        for part in folder.glob(f".{name[:64]}-*.part"):
            with suppress(OSError):
                part.unlink()


def _part_of(path: Path) -> Path:
    """Return a unique temporary name beside a file's place."""
    return path.with_name(f".{path.name[:64]}-{secrets.token_hex(8)}.part")


def _write_part(path: Path, content: bytes) -> Path:
    """Write a temporary file beside a file's place."""
    part = _part_of(path)
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    return part
