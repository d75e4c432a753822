"""Sources whose files are known: some of those in a folder, or bytes in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO


class SelectedFiles:
    """Some of the files in a folder, such as those of one of several studies.

    Parameters
    ----------
    place : Path
        The folder.
    names : iterable of str
        Paths relative to it, with forward slashes.
    """

    def __init__(self, place: Path, names: Iterable[str]) -> None:
        self.place = place
        self.names = tuple(sorted(names))
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        return (self.place / name).open("rb", buffering=0)


class MemorySource:
    """Files in memory, such as those that an archive has sent.

    Parameters
    ----------
    place : Path
        Stands for where they come from in messages.
    contents : mapping of str to bytes
        Content of each file by its name.
    """

    def __init__(self, place: Path, contents: Mapping[str, bytes]) -> None:
        self.place = place
        self._contents = contents
        self.names = tuple(sorted(contents))
        self.unreadable: tuple[str, ...] = ()
        self.n_links = 0

    def open(self, name: str) -> IO[bytes]:
        """Open one file for reading."""
        return BytesIO(self._contents[name])
