"""`open_dataset`: the kind of a dataset from its contents, or as said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lvvol.datasets.dataset import Dataset
from lvvol.datasets.dsb2_png import LABELS_FILE, open_dsb2_png
from lvvol.datasets.sunnybrook_png import open_sunnybrook_png
from lvvol.errors import DatasetError
from lvvol.typing import StrPath


class Kind(NamedTuple):
    """A kind of dataset: what to call it, how to recognise it, and how to open it."""

    name: str
    looks_like: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path], Dataset]


def _is_sunnybrook_png(place: Path) -> bool:
    return (place / "Images").is_dir() and (place / "Labels").is_dir()


# The first that recognises a place opens it.
_KINDS = (
    Kind(
        "dsb2_png",
        f"DSB2 image pairs ({LABELS_FILE})",
        lambda place: (place / LABELS_FILE).is_file(),
        open_dsb2_png,
    ),
    Kind(
        "sunnybrook_png",
        "Sunnybrook PNG (Images, Labels)",
        _is_sunnybrook_png,
        open_sunnybrook_png,
    ),
)

KINDS = {kind.name: kind for kind in _KINDS}
"""Kinds of datasets by name."""


def open_dataset(place: StrPath) -> Dataset:
    """Open a dataset: find its patients, but read none.

    Parameters
    ----------
    place : str or path-like
        A folder or file whose contents tell its kind, or ``KIND:PLACE`` to say it.

    Returns
    -------
    Dataset
        Patients in the order of their names.

    Raises
    ------
    DatasetError
        If the contents tell no kind, or are not of the kind said.
    """
    said, _, rest = str(place).partition(":")
    path = Path(rest if said in KINDS else place)
    try:
        kind = KINDS.get(said) or next((k for k in _KINDS if k.recognise(path)), None)
        if kind is None:
            *most, last = (k.looks_like for k in _KINDS)
            raise DatasetError(f"{path}: expected {', '.join(most)} or {last}")
        return kind.open(path)
    except OSError as error:
        raise DatasetError(f"{path}: expected a folder to read, got {error}") from error
