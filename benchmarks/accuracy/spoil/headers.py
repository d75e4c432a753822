"""Spoil headers: places, pixel sizes, clocks and numbers. The pixels stay as they are."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from benchmarks.accuracy.spoil.study import SlicedStudy, pick
from tests.support.altered import shift

SQUEEZED = (1.5, 1.25, 1 / 1.5)
SCALED = (0.5, 0.7, 0.8, 0.9, 1.1, 1.25, 1.4, 2.0, 5.0)


def move_in_plane(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Shift 1 to 5 slices by 30 to 300 mm in their planes."""
    chosen, by_mm, angle = pick(study, rng, 5), rng.uniform(30, 300), rng.uniform(0, 2 * np.pi)
    for z in chosen:
        for image in study.slices[z]:
            shift(image, (by_mm * np.cos(angle), by_mm * np.sin(angle), 0.0))
    return f"slices {chosen} moved by {by_mm:.0f} mm in their planes"


def move_along_normal(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Shift 1 to 5 slices along the normal, by 0.3 to 4 times the gap."""
    chosen = pick(study, rng, 5)
    by_mm = float(rng.uniform(0.3, 4.0) * _gap_mm(study) * rng.choice([-1.0, 1.0]))
    for z in chosen:
        for image in study.slices[z]:
            shift(image, (0.0, 0.0, by_mm))
    return f"slices {chosen} moved by {by_mm:.0f} mm along the normal"


def breathe(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Shift every slice by the depth of another breath, of 5 to 25 mm, mostly in its plane."""
    depth_mm, angle = rng.uniform(5, 25), rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.5, 0.5)])
    for phases in study.slices:
        breath_mm = depth_mm * rng.uniform(-1, 1)
        for image in phases:
            shift(image, breath_mm * direction)
    return f"every slice at another depth of breath, up to {depth_mm:.0f} mm"


def mirror(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Negate the direction of rows or columns of 1 to 5 slices, about their corner or centre."""
    chosen, axis, about_centre = pick(study, rng, 5), int(rng.integers(2)), rng.random() < 0.5
    for z in chosen:
        for image in study.slices[z]:
            size_mm = (
                (image.Columns - 1) * float(image.PixelSpacing[1]),
                (image.Rows - 1) * float(image.PixelSpacing[0]),
            )[axis]
            if about_centre:
                shift(image, np.eye(3)[axis] * size_mm)
            cosines = np.array(image.ImageOrientationPatient, dtype=float).reshape(2, 3)
            cosines[axis] *= -1.0
            image.ImageOrientationPatient = [f"{c:.10g}" for c in cosines.ravel()]
    return (
        f"the {('rows', 'columns')[axis]} of slices {chosen} mirrored about their "
        f"{'centre' if about_centre else 'corner'}"
    )


def squeeze(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Multiply the distance of rows, or of columns, of all images."""
    factor, axis = float(rng.choice(SQUEEZED)), int(rng.integers(2))
    for image in study.images:
        spacing = [float(x) for x in image.PixelSpacing]
        spacing[axis] *= factor
        image.PixelSpacing = [f"{x:.6g}" for x in spacing]
    return f"the distance of {('rows', 'columns')[axis]} multiplied by {factor:.3g}"


def scale(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Multiply the pixel spacing of all images."""
    factor = float(rng.choice(SCALED))
    for image in study.images:
        image.PixelSpacing = [f"{factor * float(x):.6g}" for x in image.PixelSpacing]
    return f"Pixel Spacing multiplied by {factor:g}"


def scramble_clocks(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Draw date and time of every image, as some anonymisers do."""
    with_dates = bool(rng.random() < 0.5)
    for image in study.images:
        seconds = rng.uniform(0, 86_400)
        clock = f"{seconds // 3600:02.0f}{seconds % 3600 // 60:02.0f}{seconds % 60:09.6f}"
        image.AcquisitionTime = image.ContentTime = clock
        if with_dates:
            image.AcquisitionDate = image.ContentDate = f"20{rng.integers(10, 24)}0{_digit(rng)}11"
    return f"every image with a random time{' and date' * with_dates}"


def scramble_instances(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Deal the instance numbers of all images anew."""
    numbers = rng.permutation(len(study.images)) + 1
    for image, number in zip(study.images, numbers, strict=True):
        image.InstanceNumber = int(number)
    return "instance numbers dealt anew"


def scramble_triggers(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Deal the trigger times of each slice anew among its images."""
    for phases in study.slices:
        _deal(phases, "TriggerTime", rng)
    return "trigger times dealt anew in every slice"


def scramble_positions(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Deal the positions anew among the slices."""
    places = [phases[0].ImagePositionPatient for phases in study.slices]
    order = rng.permutation(len(places))
    for phases, place in zip(study.slices, order, strict=True):
        for image in phases:
            image.ImagePositionPatient = places[place]
    return f"slices at the positions of {order.tolist()}"


def _deal(images: list[Dataset], keyword: str, rng: np.random.Generator) -> None:
    values = [image[keyword].value for image in images]
    for image, i in zip(images, rng.permutation(len(images)), strict=True):
        setattr(image, keyword, values[i])


def _digit(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 10))


def _gap_mm(study: SlicedStudy) -> float:
    """Return the distance of the first two slices."""
    a, b = (np.array(phases[0].ImagePositionPatient, dtype=float) for phases in study.slices[:2])
    right, down = np.array(study.slices[0][0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    return abs(float((b - a) @ np.cross(right, down)))
