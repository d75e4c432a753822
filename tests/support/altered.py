"""Small phantom and real studies, altered header by header."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lvvol.phantom import make_phantom
from lvvol.phantom.export.files import study_files

N_SLICES, N_PHASES = 8, 12


@cache
def _phantom() -> tuple[Dataset, ...]:
    files = study_files(make_phantom(2, n_slices=N_SLICES, n_phases=N_PHASES, rows=96), "flat")
    datasets = [pydicom.dcmread(BytesIO(f)) for _, f in files if f[128:132] == b"DICM"]
    return tuple(dataset for dataset in datasets if "PixelData" in dataset)


def phantom_images() -> list[Dataset]:
    """Return copies of the images of a small phantom study, all views."""
    return copy.deepcopy(list(_phantom()))


def read_images(folder: Path) -> list[Dataset]:
    """Return the images of a study on disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of invalid UIDs in real studies
        found = [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
        return [image for image in found if "PixelData" in image and list(image)]


def short_axis(images: Iterable[Dataset]) -> list[list[Dataset]]:
    """Return the images of the most frequent direction, by slice from foot to head."""
    images = list(images)
    directions = [tuple(np.round(image.ImageOrientationPatient, 2)) for image in images]
    most = max(directions, key=directions.count)
    normal = np.cross(most[:3], most[3:])
    normal *= np.sign(normal[2])
    slices: dict[float, list[Dataset]] = {}
    for image, direction in zip(images, directions, strict=True):
        if direction == most:
            place = float(np.round(normal @ np.array(image.ImagePositionPatient, dtype=float), 0))
            slices.setdefault(place, []).append(image)
    return [slices[place] for place in sorted(slices)]


def shift(image: Dataset, by_mm: Iterable[float]) -> None:
    """Move an image along its rows, along its columns and along its normal."""
    right, down = np.array(image.ImageOrientationPatient, dtype=float).reshape(2, 3)
    along = np.array([right, down, np.cross(right, down)])
    position = np.array(image.ImagePositionPatient, dtype=float) + np.array([*by_mm]) @ along
    image.ImagePositionPatient = [f"{x:.4f}" for x in position]


def write_images(images: Iterable[Dataset], folder: Path) -> Path:
    """Write images into a new folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, image in enumerate(images):
            image.save_as(folder / f"{number:04d}.dcm")
    return folder
