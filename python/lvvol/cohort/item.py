"""`Item`: one study of a cohort before it is read, and its ID in results."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lvvol.errors import CohortError, LvvolError
from lvvol.sources import SelectedFiles, Source, open_source

# Names of files that a cohort's folder holds beside its studies.
SUMMARY, FAILURES, PAGE = "summary.csv", "failures.csv", "summary.html"

_LONGEST_ID = 100
_ENDINGS = re.compile(r"\.(zip|tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz|dcm)$", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """A study to measure.

    Parameters
    ----------
    path : Path
        Folder, archive or file.
    id : str
        Names its folder in the results; empty until `name_items`.
    study_uid : str or None
        Study Instance UID to choose, where the path holds several.
    part : str
        Names the study among several that the path holds; else empty.
    files : tuple of str
        Its files, relative to the path, where it is one of several; else empty for all.
    """

    path: Path
    id: str = ""
    study_uid: str | None = None
    part: str = ""
    files: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """What an ID belongs to: the absolute path, and which study there."""
        return os.path.abspath(self.path), self.part or self.study_uid or ""  # noqa: PTH100 - keeps links

    @property
    def source(self) -> Path | Source:
        """What to read."""
        return SelectedFiles(self.path, self.files) if self.files else self.path

    @property
    def options(self) -> dict[str, object]:
        """What its result depends on beside its files."""
        return {"study_uid": self.study_uid} if self.study_uid else {}

    def fingerprint(self) -> str:
        """Return what changes when the files of the study do.

        Returns
        -------
        str
            A hash of the names, sizes and times of change of its files, none of which is read;
            empty if they cannot be listed.
        """
        digest = hashlib.sha256()
        names: Iterable[str] = self.files
        try:
            if not names and self.path.is_dir():
                with open_source(self.path) as source:
                    names = sorted(source.names)
            elif not names:
                names = [""]
            for name in names:
                # No Path for each file: making it would cost more than asking the system.
                status = os.stat(os.path.join(self.path, name) if name else self.path)  # noqa: PTH116, PTH118
                fact = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
                digest.update(fact.encode("utf-8", "surrogateescape"))
        except (OSError, ValueError, LvvolError):
            return ""
        return digest.hexdigest()

    def deliver(self, paths: Iterable[Path]) -> None:
        """Take results elsewhere too; those of a study on disk stay where they are."""


def name_items(
    items: Sequence[Item], known: Mapping[tuple[str, str], str] | None = None
) -> list[Item]:
    """Give every study an ID, the same for the same studies in any order.

    Parameters
    ----------
    items : sequence of Item
        The studies; those that have an ID keep it.
    known : mapping of (str, str) to str, optional
        IDs given earlier, by `Item.place`; they stay.

    Returns
    -------
    list of Item
        Sorted by ID. An ID is the last part of the path in which all studies differ; where there is
        none, one that no other study has anywhere in its path, or as many last parts as tell them
        apart. Endings of archives are left out, and
        characters other than letters, digits, dots, dashes and underscores become underscores.

    Raises
    ------
    CohortError
        If two studies have the same ID in a list, or a study is listed twice.

    Examples
    --------
    >>> [item.id for item in name_items([Item(Path("/d/p1/cine")), Item(Path("/d/p2/cine.zip"))])]
    ['p1', 'p2']
    """
    known = known or {}
    by_place: dict[tuple[str, str], Item] = {}
    for item in items:
        other = by_place.setdefault(item.place, item)
        if other.id != item.id:
            raise CohortError(f"{item.path}: listed twice, with the IDs {other.id} and {item.id}")
    distinct = list(by_place.values())
    paths = {place[0] for place in by_place}
    parts_of = {path: _clean_parts(path) for path in paths}
    names = _Names(parts_of.values())
    taken: dict[str, Item] = {}
    unnamed: list[tuple[str, Item]] = []
    for item in sorted(distinct, key=lambda item: item.place):
        given = item.id or known.get(item.place, "")
        if given:
            _take(taken, replace(item, id=given))
            continue
        name = names.of(parts_of[item.place[0]])
        which = item.part or (_hash(item.study_uid) if item.study_uid else "")
        unnamed.append((f"{name}-{which}" if which else name, item))
    for name, item in unnamed:
        free = name
        if name.casefold() in taken:  # by an earlier run, or parts that look alike when cleaned
            free = f"{name}-{_hash(*item.place)}"
        _take(taken, replace(item, id=free))
    return sorted(taken.values(), key=lambda item: item.id)


def shard(items: Sequence[Item], index: int, count: int) -> list[Item]:
    """Return one of `count` parts of similar size, each study in exactly one of them.

    Parameters
    ----------
    items : sequence of Item
        From `name_items`: every process must list the same studies.
    index : int
        Which part, from 1.
    count : int
        Number of parts.

    Examples
    --------
    >>> items = [Item(Path(name), name) for name in "abcde"]
    >>> [[item.id for item in shard(items, i, 2)] for i in (1, 2)]
    [['a', 'c', 'e'], ['b', 'd']]
    """
    return list(items[index - 1 :: count])


def check_id(name: str) -> str:
    """Return an ID that a person chose.

    Raises
    ------
    CohortError
        If it cannot name a folder beside the tables.

    Examples
    --------
    >>> check_id("patient-7")
    'patient-7'
    """
    if name != _clean(name):
        raise CohortError(
            f"ID {name!r}: expected up to {_LONGEST_ID} letters, digits, dots, dashes and "
            "underscores, not beginning with a dot, and not the name of a table"
        )
    return name


def _take(taken: dict[str, Item], item: Item) -> None:
    """Add an item; folders that differ in case alone are one on some systems."""
    other = taken.setdefault(item.id.casefold(), item)
    if other is not item:
        raise CohortError(
            f"ID {item.id}: expected one study, got {other.path} and {item.path}; give other IDs "
            "or another folder for the results"
        )


def _clean(part: str) -> str:
    """Return a part of a path as it can be a part of an ID; empty for one of no use."""
    text = re.sub(r"[^A-Za-z0-9._-]", "_", part)[-_LONGEST_ID:].lstrip(".-")
    return f"{text}_" if text.casefold() in (SUMMARY, FAILURES, PAGE) else text


def _clean_parts(path: str) -> tuple[str, ...]:
    *folders, last = Path(path).parts[1:] or ("study",)
    cleaned = map(_clean, (*folders, _ENDINGS.sub("", last)))
    return tuple(part for part in cleaned if part) or ("study",)


def _hash(*facts: str) -> str:
    return hashlib.sha256("\0".join(facts).encode("utf-8", "backslashreplace")).hexdigest()[:8]


class _Names:
    """What tells paths apart."""

    def __init__(self, paths: Iterable[tuple[str, ...]]) -> None:
        self._paths = list(paths)
        depths = {len(parts) for parts in self._paths}
        # Where some lie deeper than others, only the last level means the same for all.
        deepest = max(depths, default=0) if len(depths) == 1 else 1
        levels = (n for n in range(1, deepest + 1) if self._differ_at(n))
        self._level = next(levels, 0)
        self._counts = Counter(part for parts in self._paths for part in set(parts))
        self._endings: dict[int, Counter[tuple[str, ...]]] = {}

    def of(self, parts: tuple[str, ...]) -> str:
        """Return the name of one path."""
        if self._level:
            return parts[-self._level]
        unique = next((part for part in reversed(parts) if self._counts[part] == 1), "")
        return unique or "_".join(self._shortest_ending(parts))[-_LONGEST_ID:]

    def _differ_at(self, n: int) -> bool:
        return len({parts[-n].casefold() for parts in self._paths}) == len(self._paths)

    def _shortest_ending(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        for n in range(1, len(parts)):
            if n not in self._endings:
                self._endings[n] = Counter(path[-n:] for path in self._paths)
            if self._endings[n][parts[-n:]] == 1:
                return parts[-n:]
        return parts
