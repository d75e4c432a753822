"""A study in memory: the images of one stack by slice and phase, ready to be spoiled."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from lvvol import load_study
from lvvol.phantom import make_phantom
from lvvol.phantom.export.files import study_files
from tests.support.altered import read_images, write_images


@dataclass
class SlicedStudy:
    """The images of a stack, to be changed in place.

    Parameters
    ----------
    name : str
        Folder of the study, or ``phantom/<seed>``.
    slices : list of list of Dataset
        Images by slice from apex to base, then by phase.
    ed_phase : int
        Phase of largest volume as measured in the untouched study, from 0.
    extra : list of Dataset
        Images that a spoiling operation adds.
    """

    name: str
    slices: list[list[Dataset]]
    ed_phase: int = 0
    extra: list[Dataset] = field(default_factory=list)

    @property
    def images(self) -> list[Dataset]:
        """All images, slice by slice, then those that were added."""
        return [image for phases in self.slices for image in phases] + self.extra

    def copy(self) -> SlicedStudy:
        """Return a copy that shares no image."""
        return copy.deepcopy(self)

    def write(self, folder: Path) -> Path:
        """Write all images into a new folder and return it."""
        return write_images(self.images, folder)


def real_study(data: Path, name: str) -> SlicedStudy:
    """Return the stack of a study in a data folder, without its repeats and other views."""
    return _sliced(name, read_images(data / name), data / name)


def sliced_phantom(seed: int, **options: int) -> SlicedStudy:
    """Return the stack of a phantom, with the options of `make_phantom`."""
    phantom = make_phantom(seed, **options)  # type: ignore[arg-type]
    files = (f for _, f in study_files(phantom, "flat") if f[128:132] == b"DICM")
    images = [image for f in files if "PixelData" in (image := dcmread(BytesIO(f)))]
    with tempfile.TemporaryDirectory() as folder:
        return _sliced(f"phantom/{seed}", images, write_images(images, Path(folder) / "study"))


def _sliced(name: str, images: list[Dataset], folder: Path) -> SlicedStudy:
    """Sort the images of a study as the reader does; its untouched stack is taken to be right."""
    stack = load_study(folder)
    by_uid = {str(image.SOPInstanceUID): image for image in images}
    slices = [[by_uid[uid] for uid in uids] for uids in stack.sop_instance_uids]
    return SlicedStudy(name, slices if stack.apex == "first" else slices[::-1])


def copies(images: list[Dataset], series_number: int) -> Iterator[Dataset]:
    """Yield copies of images as those of a new series, with new UIDs."""
    series_uid = generate_uid(entropy_srcs=[str(images[0].SOPInstanceUID), str(series_number)])
    for image in images:
        other = copy.deepcopy(image)
        other.SeriesInstanceUID, other.SeriesNumber = series_uid, series_number
        own = [str(image.SOPInstanceUID), str(series_number)]
        other.SOPInstanceUID = generate_uid(entropy_srcs=own)
        yield other


def pick(study: SlicedStudy, rng: np.random.Generator, most: int) -> list[int]:
    """Draw 1 to `most` neighbouring slices, neither of them an end of the stack."""
    n_slices = len(study.slices)
    count = int(rng.integers(1, most + 1))
    first = int(rng.integers(1, n_slices - count))
    return list(range(first, first + count))
