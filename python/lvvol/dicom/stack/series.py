"""Describe the series of a study and how each was used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from os.path import commonpath

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import Acquisition, same_plane
from lvvol.dicom.stack.candidates import PARALLEL_DEGREES, angle_degrees
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.survey import Series, View

# Long-axis views contain the LV axis: nearly perpendicular to the stack and close to its centre.
PERPENDICULAR_DEGREES = 60.0
NEAR_AXIS_MM = 60.0
# Still images of a series whose directions differ by more than this are localisers.
LOCALISER_DEGREES = 20.0


def list_series(
    images: Iterable[Image],
    acquisitions: Sequence[Acquisition],
    plan: Plan | None,
    ledger: Ledger,
) -> tuple[Series, ...]:
    """Describe all series.

    Parameters
    ----------
    images : iterable of Image
        All images of the study, including those that could not be decoded.
    acquisitions : sequence of Acquisition
        Their acquisitions.
    plan : Plan or None
        The stack, if any.
    ledger : Ledger
        Why acquisitions are not part of the stack.

    Returns
    -------
    tuple of Series
        Sorted by number, UID and folder; series without a number last.
    """
    of_series: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        of_series[image.series].append(image)
    parts: dict[tuple[object, ...], list[Acquisition]] = defaultdict(list)
    for acquisition in acquisitions:
        for key in {image.series for image in acquisition.images}:
            parts[key].append(acquisition)
    used = {a: z for z, a in enumerate(plan.slices, 1)} if plan else {}
    rows = [
        _series(of_series[key], parts[key], plan, used, ledger.exclusion_reasons)
        for key in of_series
    ]
    return tuple(
        sorted(rows, key=lambda s: (s.number is None, s.number or 0, s.uid, s.folder, s.n_files))
    )


def find_view(
    acquisition: Acquisition, plan: Plan | None, series: Sequence[Acquisition] = ()
) -> View:
    """Classify the view of an acquisition from its geometry and timing.

    Parameters
    ----------
    acquisition : Acquisition
        The acquisition.
    plan : Plan or None
        The stack, if any.
    series : sequence of Acquisition
        All acquisitions of its series; still images in several directions are a localiser.

    Returns
    -------
    View
        See `lvvol.survey.Series`.
    """
    tilt = angle_degrees(acquisition.normal, plan.normal) if plan else None
    if acquisition.n_phases == 1:
        if any(
            other.n_phases == 1
            and angle_degrees(other.normal, acquisition.normal) > LOCALISER_DEGREES
            for other in series
        ):
            return "localiser"
        return "short-axis still" if tilt is not None and tilt <= PARALLEL_DEGREES else "still"
    if acquisition.is_phase_map:
        return "phase map"
    if acquisition.has_many_beats:
        return "many beats"
    if plan is None or tilt is None or acquisition.not_cine:
        return "other cine"
    if tilt <= PARALLEL_DEGREES:
        return "short axis"
    middle = np.mean([a.centre_mm for a in plan.slices], axis=0)
    off_axis_mm = abs(float((middle - acquisition.origin_mm) @ acquisition.normal))
    is_long_axis = tilt >= PERPENDICULAR_DEGREES and off_axis_mm <= NEAR_AXIS_MM
    return "long axis" if is_long_axis else "other cine"


def _series(
    images: Sequence[Image],
    acquisitions: Sequence[Acquisition],
    plan: Plan | None,
    used: dict[Acquisition, int],
    exclusion_reasons: dict[Acquisition, str],
) -> Series:
    """Describe a series."""
    first = images[0]
    views = Counter[View]()
    for acquisition in acquisitions:
        views[find_view(acquisition, plan, acquisitions)] += acquisition.n_phases
    phases = [a.n_phases for a in acquisitions] or [0]
    pixels = Counter((i.rows, i.columns, i.pixel_spacing_mm) for i in images)
    (rows, columns, pixel_spacing_mm), _ = max(pixels.items(), key=lambda item: (item[1], item[0]))
    slices = sorted(used[a] for a in acquisitions if a in used)
    reasons = Counter(
        exclusion_reasons.get(a, "no stack was found") for a in acquisitions if a not in used
    )
    return Series(
        uid=first.series_uid,
        number=first.series_number,
        description=first.description,
        folder=_folder(images),
        views=tuple(view for view, _ in views.most_common()),
        n_files=len({image.file for image in images}),
        n_images=len(images),
        n_planes=_count_planes(acquisitions),
        n_phases=(min(phases), max(phases)),
        rows=rows,
        columns=columns,
        pixel_spacing_mm=pixel_spacing_mm,
        n_slices_used=len(slices),
        why=_why(slices, reasons),
    )


def _why(slices: Sequence[int], reasons: Counter[str]) -> str:
    """Summarise how the planes of a series are used, in one line; slices count from 1."""
    if not slices and not reasons:
        return "its images cannot be decoded"
    parts = []
    if len(slices) == 1:
        parts.append(f"slice {slices[0]}")
    elif slices and slices == list(range(slices[0], slices[-1] + 1)):
        parts.append(f"slices {slices[0]} to {slices[-1]}")
    elif slices:
        parts.append(f"slices {', '.join(map(str, slices))}")
    (reason, count), *others = reasons.most_common() or [("", 0)]
    if reason and not slices and not others:
        parts.append(reason)
    elif reason:
        more = f", and {sum(n for _, n in others)} for other reasons" if others else ""
        parts.append(f"{count} excluded: {reason}{more}")
    return "; ".join(parts)


def _folder(images: Iterable[Image]) -> str:
    """Return the common folder of images."""
    return commonpath({image.file.rpartition("/")[0] or "." for image in images}).strip(".")


def _count_planes(acquisitions: Iterable[Acquisition]) -> int:
    """Count distinct planes."""
    planes: list[Image] = []
    for acquisition in acquisitions:
        if not any(same_plane(plane, acquisition.first) for plane in planes):
            planes.append(acquisition.first)
    return len(planes)
