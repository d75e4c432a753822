"""Sunnybrook slices as PNG pairs in ``Images/`` and ``Labels/``.

Names read ``SC-HF-I-01-IM-0001-0048.dcm.png`` in both. Images show the whole field of view,
windowed to 8 bit. Neither pixel size nor slice spacing is given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.image import read_planes
from lvvol.datasets.labelled import LabelledStack, stack_of_planes
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack
from lvvol.typing import Bool

PIXEL_SPACING_MM = 1.3
"""Middle of the 1.25 to 1.37 mm of these patients; which patient has which is unknown."""

SLICE_GAP_MM = 8.0
"""Assumed; no measurement uses it."""

_PHASES = 20
_OUTLINE_PIXELS = 0.45
"""Distance of the masks' edges outside the contours: masks include the outline's pixels."""

_NAME = re.compile(r"(?P<patient>SC-[A-Z-]+-\d+)-IM-\d+-(?P<instance>\d+)\.dcm\.png$")


def open_sunnybrook_png(folder: Path) -> Dataset:
    """Find the patients of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``Images`` and ``Labels``.

    Returns
    -------
    Dataset
        Patients ``sunnybrook/SC-...`` with masks and no volumes. A slice drawn at one phase only
        shows that phase twice, and only the drawn one counts as labelled.

    Raises
    ------
    DatasetError
        On reading a patient: if a label is missing, an image cannot be read, sizes differ, or the
        patient is not drawn at two phases with slices in common.
    """
    drawn: dict[str, dict[int, dict[int, Path]]] = defaultdict(lambda: defaultdict(dict))
    for path in sorted((folder / "Images").iterdir()):
        if found := _NAME.match(path.name):
            z, t = divmod(int(found["instance"]) - 1, _PHASES)
            drawn[found["patient"]][t][z] = path
    patients = []
    for name, by_phase in sorted(drawn.items()):
        patient = f"sunnybrook/{name}"
        images = [path for images_of in by_phase.values() for path in images_of.values()]
        patients.append(
            Patient(
                patient,
                tuple(f(path) for path in images for f in (Path, _label_path)),
                partial(_read_patient, patient, dict(by_phase)),
            )
        )
    return Dataset(str(folder), tuple(patients))


def _label_path(image: Path) -> Path:
    return image.parents[1] / "Labels" / image.name


def _read_patient(patient: str, by_phase: dict[int, dict[int, Path]]) -> LabelledStack:
    if len(by_phase) != 2:
        raise DatasetError(f"expected 2 phases, got {sorted(by_phase)}")
    masks_of = {}
    for t, images_of in by_phase.items():
        paths_of = [[_label_path(p)] for p in images_of.values()]
        masks_of[t] = dict(zip(images_of, read_planes(paths_of)[:, 0] > 127, strict=True))
    # ED is the phase with the larger cavity, by the mean over slices drawn at both.
    first, second = by_phase
    common = by_phase[first].keys() & by_phase[second].keys()
    if not common:
        raise DatasetError("expected slices drawn at both phases, got none")
    larger_first = sum(int(masks_of[first][z].sum()) for z in common) > sum(
        int(masks_of[second][z].sum()) for z in common
    )
    phases = (first, second) if larger_first else (second, first)
    slices = sorted(by_phase[first].keys() | by_phase[second].keys())
    labelled = np.array([[z in by_phase[t] for t in phases] for z in slices])
    paths = [
        [by_phase[t].get(z) or by_phase[other][z] for t, other in (phases, phases[::-1])]
        for z in slices
    ]
    images = read_planes(paths).astype(np.float32)
    empty = np.zeros(images.shape[2:], dtype=bool)
    if any(mask.shape != empty.shape for t in phases for mask in masks_of[t].values()):
        raise DatasetError(f"expected labels of {empty.shape} rows and columns")
    masks = np.stack([[masks_of[t].get(z, empty) for t in phases] for z in slices])
    raw = stack_of_planes(
        images,
        SLICE_GAP_MM * np.arange(len(slices), dtype=np.float64),
        (PIXEL_SPACING_MM, PIXEL_SPACING_MM),
    )
    stack = to_working_stack(raw)
    return LabelledStack(
        patient=patient,
        stack=stack,
        masks=_resample_masks(masks, stack.images.shape[2:]),
        labelled=labelled,
    )


def _resample_masks(masks: Bool, shape: tuple[int, int]) -> Bool:
    """Shrink each mask by its outline and resample it onto the working stack's pixels."""
    result = np.zeros((*masks.shape[:2], *shape), dtype=bool)
    for index in np.ndindex(*masks.shape[:2]):
        if masks[index].any():
            mask = masks[index].astype(np.uint8)
            # Signed distance to the mask's edge in pixels: its zero lies between pixel centres.
            inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - 0.5
            outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5) - 0.5
            depth = np.where(mask > 0, inside, -outside).astype(np.float32) - _OUTLINE_PIXELS
            result[index] = cv2.resize(depth, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0
    return result
