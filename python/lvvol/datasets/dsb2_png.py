"""DSB2 patients as PNG or WebP pairs of image and mask, at ED and near ES.

Names read ``0001_00000sax_01_09889_IM-4569-0001.webp``: patient, series, phase (01 is ED, any other
is near ES), 10000 + position in whole mm, source file. A few sources have one more number, such as
``IM-2250-0001-0002``. Pixels are 1 mm, contrast is already equalised. The mask ends in ``_o.png``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.image import read_planes
from lvvol.datasets.labelled import LabelledStack, stack_of_planes
from lvvol.datasets.volumes import read_volumes
from lvvol.errors import DatasetError

LABELS_FILE = "train_validate.csv"

SYSTOLIC_EXCESS = 0.06
"""Excess of frame 12, which is near ES at any heart rate, over ESV. On the training patients the
masks fall 5.5 mL less short of ESV than of EDV, 6 % of the stroke volume."""

_NAME = re.compile(
    r"(?P<patient>\d{4})_\d+sax_(?P<phase>\d\d)_(?P<place>\d{5})"
    r"_IM-(?P<series>\d+)-\d+(?:-(?P<instance>\d+))?\.(webp|png)$"
)


class _Plane(NamedTuple):
    source: tuple[int, int]
    ed: Path
    es: Path


def open_dsb2_png(folder: Path) -> Dataset:
    """Find the patients of a folder.

    Parameters
    ----------
    folder : Path
        Holds the images, the masks and ``train_validate.csv`` (Id, Systole, Diastole in mL).

    Returns
    -------
    Dataset
        Patients ``dsb2/NNNN`` with masks, and volumes where the table has them. A patient with
        fewer than two slices at both phases is left out.

    Raises
    ------
    DatasetError
        If the table is missing or damaged. On reading a patient: if a mask is missing or damaged,
        an image cannot be read, or sizes differ.

    Notes
    -----
    Of several acquisitions at one position the last is used, as in `lvvol.load_study`, by the
    numbers of the source file.
    """
    volumes = read_volumes(folder / LABELS_FILE)
    images: dict[str, dict[int, dict[tuple[int, int], dict[bool, Path]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for path in sorted(folder.iterdir()):
        if found := _NAME.match(path.name):
            at_ed = found["phase"] == "01"
            source = (int(found["series"]), int(found["instance"] or 0))
            images[found["patient"]][int(found["place"]) - 10000][source][at_ed] = path
    patients = []
    for number, places in sorted(images.items()):
        planes = {
            place: [
                _Plane(s, pair[True], pair[False]) for s, pair in sources.items() if len(pair) == 2
            ]
            for place, sources in places.items()
        }
        last = {place: max(pairs) for place, pairs in planes.items() if pairs}
        if len(last) < 2:
            continue
        name = f"dsb2/{number}"
        pairs = tuple((place, last[place].ed, last[place].es) for place in sorted(last))
        known = volumes.get(int(number))
        sources = [path for _, *pair in pairs for path in pair]
        patients.append(
            Patient(
                name,
                tuple(f(path) for path in sources for f in (Path, _mask_path)),
                partial(_read_patient, name, pairs, known),
                settings=str(known),
            )
        )
    return Dataset(str(folder), tuple(patients))


def _read_patient(
    patient: str, pairs: tuple[tuple[int, Path, Path], ...], volumes: tuple[float, float] | None
) -> LabelledStack:
    """Read the positions, ED and ES files of a patient, whose (ESV, EDV) in mL are given."""
    positions_mm = np.array([place for place, _, _ in pairs], dtype=np.float64)
    paths = [pair for _, *pair in pairs]
    grey = read_planes(paths).astype(np.float32)
    masks = read_planes([[_mask_path(p) for p in pair] for pair in paths]) > 127
    if masks.shape != grey.shape:
        raise DatasetError(
            f"expected masks of {grey.shape[2:]} rows and columns, got {masks.shape[2:]}"
        )
    esv_ml, edv_ml = volumes or (None, None)
    return LabelledStack(
        patient=patient,
        stack=stack_of_planes(grey / np.float32(255), positions_mm),
        masks=masks,
        labelled=np.ones(masks.shape[:2], dtype=bool),
        edv_ml=edv_ml,
        esv_ml=esv_ml,
        systolic_excess=SYSTOLIC_EXCESS,
    )


def _mask_path(image: Path) -> Path:
    return image.with_name(f"{image.stem}_o.png")
