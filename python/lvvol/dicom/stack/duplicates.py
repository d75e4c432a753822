"""Drop images that are there twice: the same file, or an exported copy with another UID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from operator import attrgetter

from lvvol.cine import Decision
from lvvol.dicom.files.image import Image
from lvvol.dicom.files.read import decode


def without_duplicates(images: Iterable[Image]) -> tuple[list[Image], list[Decision]]:
    """Sort images by their attributes and drop duplicates.

    Parameters
    ----------
    images : iterable of Image
        All images of a study.

    Returns
    -------
    list of Image
        The first of each, in `Image.tag_order`.
    list of Decision
        The duplicates that were dropped.
    """
    kept, same_files = _without_same_files(sorted(images, key=attrgetter("tag_order")))
    kept, copies = _without_copies(kept)
    decisions = []
    for dropped, kind, why in (
        (same_files, "duplicate image", "They have the same SOP Instance UID and attributes as"),
        (copies, "copied image", "They have the same pixels, series, place and time as"),
    ):
        if dropped:
            decisions.append(
                Decision(
                    f"Excluded {len(dropped)} {kind}{'s' * (len(dropped) > 1)}.",
                    f"{why} another {'file' if dropped is same_files else 'image'}.",
                    tuple(sorted(set(dropped))),
                )
            )
    return kept, decisions


def _without_same_files(images: list[Image]) -> tuple[list[Image], list[str]]:
    """Drop images with the same SOP Instance UID and attributes as another."""
    seen: dict[tuple[object, ...], Image] = {}
    dropped = []
    for image in images:
        *tags, _, frame = image.tag_order
        # Without an instance UID, images with identical attributes may still differ.
        key = (*tags, frame) if image.sop_instance_uid else (image.file, frame)
        if key in seen:
            dropped.append(image.file)
        else:
            seen[key] = image
    return list(seen.values()), dropped


def _without_copies(images: list[Image]) -> tuple[list[Image], list[str]]:
    """Drop images that have the place, time and pixels of another of their series."""
    planes: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        planes[_place(image)].append(image)
    dropped: dict[int, str] = {}
    for plane in planes.values():
        if len({_time(image) for image in plane}) < len(plane):
            dropped |= {id(image): image.file for image in _copies(plane)}
    return [image for image in images if id(image) not in dropped], list(dropped.values())


def _copies(plane: list[Image]) -> list[Image]:
    """Return the images with the time and pixels of one before."""
    times: dict[bytes, tuple[object, ...]] = {}
    copies = []
    for image in plane:
        pixels = _pixels(image)
        if pixels is None or not _has_time(image):
            continue
        if pixels not in times:
            times[pixels] = _time(image)
        elif times[pixels] == _time(image):
            copies.append(image)
        else:
            return []  # blank or synthetic images: two scans never have the same noise
    return copies


def _place(image: Image) -> tuple[object, ...]:
    """Return the series, plane and scan of an image."""
    return (
        image.series,
        image.position_mm,
        image.orientation,
        image.pixel_spacing_mm,
        image.sequence,
        image.image_type,
        image.component,
        image.echo_ms,
        image.inversion_ms,
        image.b_value,
        image.acquisition_number,
    )


def _time(image: Image) -> tuple[object, ...]:
    """Return what tells the phases apart; a copy may have a new instance number."""
    phase = (image.trigger_ms, image.temporal_position, image.cycle_percent)
    if all(p is None for p in phase):
        return (image.acquired, image.instance_number)
    return (image.acquired, *phase)


def _has_time(image: Image) -> bool:
    """Whether any attribute tells the phase of an image."""
    return any(t is not None for t in _time(image)[1:])


def _pixels(image: Image) -> bytes | None:
    """Return the decoded pixels; None if they were not kept or cannot be decoded."""
    if image.pixels is None:
        return None
    try:
        return decode(image, image.pixels).tobytes()
    except ValueError:
        return None
