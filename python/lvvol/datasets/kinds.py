"""`open_dataset`: the kind of a dataset from its contents, or as said."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lvvol.datasets.dataset import Dataset
from lvvol.errors import DatasetError
from lvvol.typing import StrPath


class Kind(NamedTuple):
    """A kind of dataset: its name, how to recognise it, and the module that opens it.

    Its function is named after the module, as ``open_dsb2``. Only opening imports it: modules load
    pydicom, OpenCV or nibabel as they need.
    """

    name: str
    looks_like: str
    patterns: tuple[str, ...]
    module: str
    has_label_maps: bool = False

    def recognise(self, place: Path) -> bool:
        """Return whether a folder holds a match of every pattern."""
        return place.is_dir() and all(any(place.glob(pattern)) for pattern in self.patterns)

    def open(self, place: Path, cavity: Collection[int]) -> Dataset:
        """Open a dataset of this kind."""
        module = importlib.import_module(f"lvvol.datasets.{self.module}")
        options = (frozenset(cavity),) if cavity and self.has_label_maps else ()
        dataset: Dataset = getattr(module, f"open_{self.module}")(place, *options)
        return dataset


class _Table(Kind):
    def recognise(self, place: Path) -> bool:
        """Return whether a place is a CSV file."""
        return place.suffix.lower() == ".csv" and place.is_file()


def _kind(name: str, looks_like: str, *patterns: str, module: str = "", maps: bool = False) -> Kind:
    return Kind(name, looks_like, patterns, module or name, maps)


# The first that recognises a place opens it. Phantoms come before the layouts they are written in.
_KINDS = (
    _kind("dsb2_png", "DSB2 image pairs (train_validate.csv)", "train_validate.csv"),
    *(
        _kind("phantom", "phantoms (truth.json)", f"{below}truth.json", module="phantom_files")
        for below in ("", "*/", "SCD_IMAGES_*/*/")
    ),
    *(_kind("dsb2", "DSB2 DICOM (ID/study/sax_N)", f"{below}[0-9]*/study") for below in ("", "*/")),
    _kind("sunnybrook", "Sunnybrook DICOM (scd_patientdata.csv)", "scd_patientdata.csv"),
    *(
        _kind("nifti", "NIfTI as in ACDC (Info.cfg)", f"{below}Info.cfg", maps=True)
        for below in ("*/", "*/*/")
    ),
    _kind("cache", "a cache by lvvol prepare (lvvol_cache.json)", "lvvol_cache.json"),
    _Table("table", "a table of studies (a CSV file)", (), "table", True),
    _kind("sunnybrook_png", "Sunnybrook PNG (Images, Labels)", "Images/", "Labels/"),
)

KINDS = {kind.name: kind for kind in _KINDS}
"""Kinds of datasets by name."""


def open_dataset(place: StrPath, cavity: Collection[int] = ()) -> Dataset:
    """Open a dataset: find its patients, but read none.

    Parameters
    ----------
    place : str or path-like
        A folder or file whose contents tell its kind, or ``KIND:PLACE`` to say it.
    cavity : collection of int
        Labels of the LV cavity, for kinds with label maps: by default 3 in ``nifti``, as in ACDC,
        and 1 in ``table``.

    Returns
    -------
    Dataset
        Patients in the order of their names.

    Raises
    ------
    DatasetError
        If the contents tell no kind, or are not of the kind said.

    Notes
    -----
    ``docs/datasets.md`` shows what each kind looks like.
    """
    said, _, rest = str(place).partition(":")
    path = Path(rest if said in KINDS else place)
    try:
        if path.is_dir():
            next(path.iterdir(), None)  # patterns match nothing in a folder that cannot be read
        kind = KINDS.get(said) or next((k for k in _KINDS if k.recognise(path)), None)
        if kind is None:
            *most, last = dict.fromkeys(k.looks_like for k in _KINDS)
            raise DatasetError(f"{path}: expected {', '.join(most)} or {last}")
        return kind.open(path, cavity)
    except OSError as error:
        raise DatasetError(f"{path}: expected a folder to read, got {error}") from error
