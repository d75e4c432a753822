"""Which studies: paths, a list in a file, or every folder below one that holds a study."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lvvol.cohort.item import Item, check_id
from lvvol.dicom.identity import Glance, Identity, glance, split_by_study
from lvvol.errors import CohortError, StudyNotFoundError
from lvvol.sources import SelectedFiles, walk_folders

# Larger folders of several studies are taken apart before they are read: reading one whole takes
# memory in proportion.
READ_WHOLE = 4000
# A folder whose images lie in at least so many planes is a study, else a series.
_PLANES_OF_A_STUDY = 3
_GLANCES = 2
_GLANCES_AT_PLANES = 16
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def read_list(path: Path) -> list[Item]:
    """Read a list of studies.

    Parameters
    ----------
    path : Path
        A CSV file with a column ``study`` (a path, relative to the list's folder) and optionally
        ``id`` and ``study_uid``; or plain text with one path a line.

    Returns
    -------
    list of Item
        In its order.

    Raises
    ------
    CohortError
        If it cannot be read, or a row has no study or an impossible ID.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise CohortError(f"{path}: expected a list of studies, got: {why}") from error
    lines = text.splitlines()
    header = [name.strip().lower() for name in next(csv.reader(lines[:1]), [])]
    if "study" not in header:
        studies = [line.strip() for line in lines]
        return [Item(path.parent / line) for line in studies if line and not line.startswith("#")]
    items = []
    for number, row in enumerate(csv.DictReader(lines[1:], header, restval=""), 2):
        study = (row["study"] or "").strip()
        if not study:
            raise CohortError(f"{path}: line {number}: expected a path in column study, got none")
        name, uid = ((row.get(key) or "").strip() for key in ("id", "study_uid"))
        try:
            items.append(Item(path.parent / study, check_id(name), uid or None))
        except CohortError as error:
            raise CohortError(f"{path}: line {number}: {error}") from error
    return items


def find_studies(root: Path, without: Sequence[Path] = ()) -> list[Item]:
    """Find every study below a folder.

    Files are grouped by Study Instance UID or, without one, by Patient ID, date and folder.
    Only the first and last files of each folder are opened, unless they differ.

    Parameters
    ----------
    root : Path
        The folder.
    without : sequence of Path
        Folders to leave out, such as that of the results.

    Returns
    -------
    list of Item
        Folders, archives, and parts of folders that hold several studies.

    Raises
    ------
    StudyNotFoundError
        If the root is not a folder.
    """
    if not root.is_dir():
        raise StudyNotFoundError(f"{root}: expected a folder to search for studies")
    excluded = {path.resolve() for path in without}
    items: list[Item] = []
    leaves: list[_Leaf] = []
    for folder, names in walk_folders(root, []):
        path = root / folder
        if excluded and (excluded & {path.resolve(), *path.resolve().parents}):
            continue
        names.sort()
        items += [Item(path / n) for n in names if n.lower().endswith(_ARCHIVES)]
        leaf = _look_at(root, folder, [n for n in names if not n.lower().endswith(_ARCHIVES)])
        if leaf is not None:
            leaves.append(leaf)
    whole = [leaf for leaf in leaves if len(leaf.identities) == 1]
    mixed = [leaf for leaf in leaves if len(leaf.identities) > 1]
    for leaf in mixed:
        if len(leaf.names) <= READ_WHOLE:
            items.append(Item(root / leaf.folder))
        else:
            items += parts_of(Item(root / leaf.folder, files=tuple(leaf.names)))
    return [*items, *_of_whole_folders(root, whole, mixed)]


def parts_of(item: Item) -> list[Item]:
    """Return the studies in one place, told apart by the headers of all its files.

    Parameters
    ----------
    item : Item
        A folder with several studies.

    Returns
    -------
    list of Item
        Each with its files, without IDs; empty for an archive, which cannot be split.
    """
    if not item.path.is_dir():
        return []
    names = item.files or tuple(
        folder + name for folder, own in walk_folders(item.path, []) for name in own
    )
    groups = split_by_study(SelectedFiles(item.path, names))
    return [
        Item(item.path, part=identity.part, files=tuple(files))
        for identity, files in groups.items()
    ]


@dataclass(frozen=True)
class _Leaf:
    """A folder with DICOM files directly in it; its path is relative to the root."""

    folder: str
    names: list[str]
    identities: frozenset[Identity]
    n_planes: int


def _look_at(root: Path, folder: str, names: Sequence[str]) -> _Leaf | None:
    """Look at a few files of a folder; None if they are not DICOM."""
    source = SelectedFiles(root / folder, names)
    first = _seen(source, names, _GLANCES)
    last = _seen(source, names[::-1], _GLANCES)
    seen = [g for g in (first, last) if g is not None]
    if not seen:
        return None
    n_planes = sum(g.n_frames > 1 for g in seen) * _PLANES_OF_A_STUDY
    if not seen[0].identity.study_uid:  # the folder alone tells the study
        step = max(1, len(names) // _GLANCES_AT_PLANES)
        sample = [glance(source, name) for name in names[::step]]
        n_planes += len({g.position for g in sample if g is not None and g.position})
    return _Leaf(folder, list(names), frozenset(g.identity for g in seen), n_planes)


def _seen(source: SelectedFiles, names: Sequence[str], most: int) -> Glance | None:
    """Return what the first DICOM file says, among a few."""
    return next((g for name in names[:most] if (g := glance(source, name)) is not None), None)


def _of_whole_folders(
    root: Path, leaves: Sequence[_Leaf], others: Sequence[_Leaf]
) -> Iterator[Item]:
    """Join folders of one study each to the folders of studies."""
    groups: dict[tuple[Identity, str], list[_Leaf]] = {}
    for leaf in leaves:
        (identity,) = leaf.identities
        parent = "" if identity.study_uid else str(PurePosixPath(leaf.folder).parent)
        groups.setdefault((identity, parent), []).append(leaf)
    studies: list[tuple[Identity, list[_Leaf]]] = []
    for (identity, _), group in groups.items():
        alone = sum(leaf.n_planes >= _PLANES_OF_A_STUDY for leaf in group)
        if identity.study_uid or 2 * alone < len(group):
            studies.append((identity, group))
        else:  # folders that look like studies, of one patient or without any ID
            studies += [(identity, [leaf]) for leaf in group]
    owners: dict[str, set[int]] = {}
    for number, folders in enumerate([[leaf] for leaf in others] + [s[1] for s in studies]):
        for leaf in folders:
            at = PurePosixPath(leaf.folder)
            for above in (at, *at.parents):
                owners.setdefault(str(above), set()).add(number)
    for identity, group in studies:
        top = os.path.commonpath([f"/{leaf.folder}" for leaf in group])[1:]
        if len(owners[str(PurePosixPath(top))]) == 1:
            yield Item(root / top)
        else:
            inside = len(top) + 1 if top else 0
            files = [leaf.folder[inside:] + name for leaf in group for name in leaf.names]
            yield Item(root / top, part=identity.part, files=tuple(sorted(files)))


def list_items(
    paths: Iterable[Path], lists: Iterable[Path], roots: Iterable[Path], out: Path
) -> list[Item]:
    """Return all studies that a command names, without IDs but those of lists.

    Parameters
    ----------
    paths, lists, roots : iterable of Path
        Studies; lists of studies; folders to search.
    out : Path
        Folder of the results, which is not searched.

    Returns
    -------
    list of Item
        At least one.

    Raises
    ------
    CohortError
        If no study is found, or a list is malformed.
    StudyNotFoundError
        If a root is not a folder.
    """
    roots = list(roots)
    items = [Item(path) for path in paths]
    items += [item for path in lists for item in read_list(path)]
    items += [item for root in roots for item in find_studies(root, [out])]
    if not items:
        where = f" below {roots[0]}" if roots else " in the list"
        raise CohortError(f"expected at least one study, found none{where}")
    return items
