"""Labelled studies from several sources in one form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from lvvol.datasets.labelled import LabelledStack
from lvvol.datasets.split import Part, part_of
from lvvol.errors import DatasetError
from lvvol.typing import StrPath

__all__ = ["LabelledStack", "Part", "part_of", "read_dataset"]


def read_dataset(folder: StrPath, parts: Collection[Part]) -> Iterator[LabelledStack]:
    """Read the patients of a dataset that belong to some parts of the split.

    Parameters
    ----------
    folder : str or path-like
        DSB2 as image pairs (``train_validate.csv`` beside them) or Sunnybrook as PNG (``Images``
        and ``Labels``), recognised by its contents.
    parts : collection of Part
        Parts to read.

    Yields
    ------
    LabelledStack
        In the order of patient names.

    Raises
    ------
    DatasetError
        If the folder is neither or damaged, or the split does not list one of its patients.
    """
    folder = Path(folder)
    from lvvol.datasets.dsb2_png import LABELS_FILE, read_dsb2_png
    from lvvol.datasets.sunnybrook_png import read_sunnybrook_png

    def wanted(patient: str) -> bool:
        return part_of(patient) in parts

    try:
        if (folder / LABELS_FILE).is_file():
            yield from read_dsb2_png(folder, wanted)
        elif (folder / "Images").is_dir() and (folder / "Labels").is_dir():
            yield from read_sunnybrook_png(folder, wanted)
        else:
            raise DatasetError(
                f"{folder}: expected DSB2 image pairs ({LABELS_FILE}) "
                "or Sunnybrook PNG (Images, Labels)"
            )
    except OSError as error:
        raise DatasetError(f"{folder}: expected a folder to read, got {error}") from error
