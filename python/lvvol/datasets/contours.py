"""Contours in the format of the Sunnybrook Cardiac Data, placed and drawn on a stack."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lvvol.cine import CineStack
from lvvol.datasets.labelled import no_masks
from lvvol.dicom.files.image import Image
from lvvol.dicom.images import list_images
from lvvol.errors import DatasetError
from lvvol.geometry import image_affine
from lvvol.planes import contour_coverage
from lvvol.typing import Bool, Float64, StrPath

FIRST_PIXEL = 1.0
"""Contours count pixel centres from 1. In the three studies of the tests, the shift that puts them
on the edges of the images is by 1.04 rows and 1.08 columns on average."""

_NAME = re.compile(r"(?P<stem>.*-(?P<number>\d+))-icontour-manual\.txt$")


def find_contours(folder: Path) -> tuple[Path, ...]:
    """Return the files of endocardial contours in a folder and its subfolders."""
    return tuple(sorted(path for path in folder.rglob("*.txt") if _NAME.match(path.name)))


def read_contour(path: Path) -> Float64:
    """Read a contour.

    Parameters
    ----------
    path : Path
        One point per line, "x y" in pixels counted from 1.

    Returns
    -------
    ndarray of float64, shape (point, 2)
        Row and column, integers at pixel centres, from 0.

    Raises
    ------
    DatasetError
        If the file cannot be read, or does not hold three points.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        points = np.array([[float(x) for x in line.split()] for line in lines if line.strip()])
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
            raise ValueError(f"an array of shape {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("a coordinate that is not finite")
    except (OSError, ValueError) as error:
        raise DatasetError(
            f'{path}: expected lines "x y" of at least three points, got {error}'
        ) from error
    return np.ascontiguousarray(points[:, ::-1]) - FIRST_PIXEL


def draw_contours(files: Sequence[Path], study: StrPath, stack: CineStack) -> tuple[Bool, Bool]:
    """Draw the contours of a study on the stack that was read from it.

    Parameters
    ----------
    files : sequence of Path
        Contours, each named after the number of its image, which is the Instance Number:
        ``IM-0001-0048-icontour-manual.txt``.
    study : str or path-like
        The study, for the numbers of its images.
    stack : CineStack
        The working stack of the study.

    Returns
    -------
    masks : ndarray of bool, shape (slice, phase, row, column)
        True where a contour covers at least half of a pixel.
    labelled : ndarray of bool, shape (slice, phase)
        True where an image has a contour.

    Raises
    ------
    DatasetError
        If a contour is damaged, or has no image in the stack.

    Notes
    -----
    Points are moved from the pixels of their own image to those of the working stack through the
    coordinates of the patient, and only then rasterised, so nothing is interpolated.
    """
    labelled = np.zeros(stack.images.shape[:2], dtype=bool)
    if not files:
        return no_masks(stack), labelled
    masks = np.zeros(stack.images.shape, dtype=bool)
    for z, t, points in place_contours(files, study, stack):
        masks[z, t] |= contour_coverage(points, stack.images.shape[2:]) >= 0.5
        labelled[z, t] = True
    return masks, labelled


def place_contours(
    files: Sequence[Path], study: StrPath, stack: CineStack
) -> Iterator[tuple[int, int, Float64]]:
    """Move the contours of a study to the pixels of a stack that was read from it.

    Parameters
    ----------
    files, study
        As in `draw_contours`.
    stack : CineStack
        The study as read, or its working stack.

    Yields
    ------
    slice, phase : int
        Where in the stack the image of a contour is, from 0.
    points : ndarray of float64, shape (point, 2)
        Row and column of the contour in pixels, from the edge of the first.

    Raises
    ------
    DatasetError
        If a contour is damaged, or has no image in the stack.
    """
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for z, uids in enumerate(stack.sop_instance_uids):
        for t, uid in enumerate(uids):
            places[uid].append((z, t))
    images = [image for image in list_images(study) if image.sop_instance_uid in places]
    for path in files:
        image = _image_of(path, images)
        plane = image_affine(image.position_mm, image.orientation, image.pixel_spacing_mm)
        points = read_contour(path)
        homogeneous = np.column_stack([points, np.zeros(len(points)), np.ones(len(points))])
        for z, t in places[image.sop_instance_uid]:
            to_stack = np.linalg.inv(stack.affines[z]) @ plane
            # From pixel centres to pixel edges.
            yield z, t, np.ascontiguousarray((homogeneous @ to_stack.T)[:, :2]) + 0.5


def _image_of(path: Path, images: Iterable[Image]) -> Image:
    """Return the image of a contour: by number and, if that is not unique, by name."""
    name = _NAME.match(path.name)
    assert name is not None  # `find_contours` takes no others
    found = [image for image in images if image.instance_number == int(name["number"])]
    if len(found) > 1:
        found = [image for image in found if Path(image.file).stem == name["stem"]]
    if len(found) != 1:
        raise DatasetError(
            f"{path}: expected one image of Instance Number {int(name['number'])} in the "
            f"short-axis stack, got {len(found)}"
        )
    return found[0]


def drawn_phases(masks: Bool, labelled: Bool) -> tuple[int, int]:
    """Return ED and ES of a cine with masks at two phases or more.

    Parameters
    ----------
    masks : ndarray of bool, shape (slice, phase, row, column)
        LV cavity.
    labelled : ndarray of bool, shape (slice, phase)
        True where there is a label.

    Returns
    -------
    ed_phase, es_phase : int
        Of the drawn phases, those of the largest and smallest cavity, by its area in the slices
        that are drawn at all of them.

    Raises
    ------
    DatasetError
        If fewer than two phases are drawn, or no slice at all of them.
    """
    drawn = np.flatnonzero(labelled.any(axis=0))
    if len(drawn) < 2:
        raise DatasetError(f"expected masks at two phases, got {len(drawn)}")
    common = np.flatnonzero(labelled[:, drawn].all(axis=1))
    if not len(common):
        numbers = ", ".join(str(t + 1) for t in drawn)
        raise DatasetError(f"expected slices with masks at all of phases {numbers}, got none")
    areas = [int(masks[common, t].sum()) for t in drawn]
    if max(areas) == min(areas):
        raise DatasetError(f"expected cavities of different size at ED and ES, got {areas}")
    return int(drawn[np.argmax(areas)]), int(drawn[np.argmin(areas)])
