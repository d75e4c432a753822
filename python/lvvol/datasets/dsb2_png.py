"""DSB2 patients as PNG or WebP pairs of image and mask, at ED and near ES.

Names read ``0001_00000sax_01_09889_IM-4569-0001.webp``: patient, series, phase (01 is ED, any other
stands near ES), 10000 + position in whole mm, source file. Pixels are 1 mm, contrast already
equalised. The mask has ``_o.png`` in place of the ending.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lvvol.datasets.labelled import LabelledStack, stack_of_planes
from lvvol.errors import DatasetError

LABELS_FILE = "train_validate.csv"

_NAME = re.compile(
    r"(?P<patient>\d{4})_\d+sax_(?P<phase>\d\d)_(?P<place>\d{5})_(?P<source>IM-\d+)-\d+\.(webp|png)$"
)


class _Plane(NamedTuple):
    source: str
    ed: Path
    es: Path


def read_dsb2_png(folder: Path, wanted: Callable[[str], bool]) -> Iterator[LabelledStack]:
    """Read the patients of a folder one by one, in the order of their numbers.

    Parameters
    ----------
    folder : Path
        Holds the images, the masks and ``train_validate.csv`` (Id, Systole, Diastole in mL).
    wanted : callable
        Tells whether to read a patient, by its name.

    Yields
    ------
    LabelledStack
        Patient ``dsb2/NNNN`` with masks and volumes.

    Raises
    ------
    DatasetError
        If the table or a mask is missing, or an image cannot be read.

    Notes
    -----
    Of several acquisitions at one position the last stays, as in `lvvol.load_study`; the number of
    the source file tells their order.
    """
    volumes = _read_volumes(folder / LABELS_FILE)
    images: dict[str, dict[int, dict[str, dict[bool, Path]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for path in sorted(folder.iterdir()):
        if name := _NAME.match(path.name):
            at_ed = name["phase"] == "01"
            images[name["patient"]][int(name["place"]) - 10000][name["source"]][at_ed] = path
    for patient, places in sorted(images.items()):
        if not wanted(f"dsb2/{patient}"):
            continue
        planes = {
            place: [
                _Plane(s, pair[True], pair[False]) for s, pair in sources.items() if len(pair) == 2
            ]
            for place, sources in places.items()
        }
        last = {place: max(pairs) for place, pairs in planes.items() if pairs}
        if len(last) < 2:
            continue
        positions_mm = np.array(sorted(last), dtype=np.float64)
        paths = [(last[place].ed, last[place].es) for place in sorted(last)]
        grey = np.stack([[_read_grey(p) for p in pair] for pair in paths]).astype(np.float32)
        masks = np.stack([[_read_grey(_mask_path(p)) > 127 for p in pair] for pair in paths])
        esv_ml, edv_ml = volumes.get(int(patient), (None, None))
        yield LabelledStack(
            patient=f"dsb2/{patient}",
            stack=stack_of_planes(grey / np.float32(255), positions_mm),
            masks=masks,
            labelled=np.ones(masks.shape[:2], dtype=bool),
            edv_ml=edv_ml,
            esv_ml=esv_ml,
        )


def _mask_path(image: Path) -> Path:
    return image.with_name(f"{image.stem}_o.png")


def _read_grey(path: Path) -> npt.NDArray[np.uint8]:
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None
    if grey is None:
        raise DatasetError(
            f"{path}: expected a readable image, got {'none' if not path.exists() else 'damage'}"
        )
    return grey.astype(np.uint8, copy=False)


def _read_volumes(path: Path) -> dict[int, tuple[float, float]]:
    """Return (ESV, EDV) in mL of each patient number."""
    try:
        with path.open(newline="") as table:
            return {
                int(row["Id"]): (float(row["Systole"]), float(row["Diastole"]))
                for row in csv.DictReader(table)
            }
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(
            f"{path}: expected columns Id, Systole, Diastole, got {error}"
        ) from error
