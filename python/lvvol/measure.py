"""Volumes from an edited mask: the rules of a measurement, without the networks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.cine import CineStack
from lvvol.contours import enclosed_area
from lvvol.datasets.contours import find_contours, place_contours
from lvvol.datasets.nifti_files import read_planes
from lvvol.errors import DatasetError, MaskError
from lvvol.export.seg import read_frames
from lvvol.slice_choice import check_excluded, kept_slices
from lvvol.typing import Float64, StrPath
from lvvol.volume import cone_volume_ml, ejection_fraction_percent

NEAR_GAPS = 0.1  # how far a plane may lie from its slice, in gaps


@dataclass(frozen=True, eq=False)
class Measured:
    """Volumes from areas that were drawn.

    Parameters
    ----------
    areas_mm2 : ndarray of float64, shape (slice, phase)
        Area of the cavity; NaN at phases that are not drawn.
    positions_mm : ndarray of float64, shape (slice,)
        Positions of the slices.
    excluded : tuple of int
        Slices left out, from 0: the volume between their neighbours is that of one cone.
    """

    areas_mm2: Float64
    positions_mm: Float64
    excluded: tuple[int, ...] = ()

    @property
    def volumes_ml(self) -> Float64:
        """Volume of each phase, shape (phase,); NaN where not drawn."""
        kept = kept_slices(self.excluded, len(self.positions_mm))
        drawn = self.drawn
        volumes = np.full(self.areas_mm2.shape[1], np.nan)
        areas = self.areas_mm2[kept][:, drawn]
        volumes[drawn] = cone_volume_ml(areas.T, self.positions_mm[kept])
        return volumes

    @property
    def drawn(self) -> list[int]:
        """Phases that are drawn, from 0."""
        return [int(t) for t in np.flatnonzero(np.isfinite(self.areas_mm2).all(axis=0))]

    @property
    def ed_phase(self) -> int:
        """Phase of largest volume among those drawn, from 0."""
        return int(np.nanargmax(self.volumes_ml))

    @property
    def es_phase(self) -> int:
        """Phase of smallest volume among those drawn, from 0."""
        return int(np.nanargmin(self.volumes_ml))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain numbers and lists, ready for JSON."""
        volumes_ml = self.volumes_ml
        edv_ml, esv_ml = float(volumes_ml[self.ed_phase]), float(volumes_ml[self.es_phase])
        return {
            "edv_ml": edv_ml,
            "esv_ml": esv_ml,
            "sv_ml": edv_ml - esv_ml,
            "ef_percent": float(ejection_fraction_percent(edv_ml, esv_ml)),
            "ed_phase": self.ed_phase,
            "es_phase": self.es_phase,
            "volumes_ml": volumes_ml.tolist(),
            "areas_mm2": self.areas_mm2.tolist(),
            "positions_mm": self.positions_mm.tolist(),
            "excluded_slices": list(self.excluded),
        }


def measure_mask(
    path: StrPath,
    stack: CineStack,
    excluded: Iterable[int] = (),
    *,
    study: StrPath | None = None,
) -> Measured:
    """Measure a mask that a person drew or changed.

    Parameters
    ----------
    path : str or path-like
        `contours.json`, a DICOM SEG that names its source images, a NIfTI file in which 1 is the
        cavity, of all phases, or a folder of contours in the format of the Sunnybrook Cardiac Data.
    stack : CineStack
        The study that the mask belongs to.
    excluded : iterable of int
        Slices to leave out, from 0.
    study : str or path-like, optional
        What `stack` was read from; a folder of contours needs it, since their names are numbers of
        images.

    Returns
    -------
    Measured
        A phase without any cavity counts as not drawn; at a drawn phase a slice without cavity has
        none.

    Raises
    ------
    MaskError
        If the mask cannot be read, belongs to another study, or has fewer than two phases.
    SlicesError
        If the stack lacks a slice to leave out, or fewer than two are left.
    MissingExtraError
        If nibabel is needed and not installed.
    """
    path, left_out = Path(path), check_excluded(excluded, stack.n_slices)
    areas_mm2 = _read_areas(path, stack, study)
    areas_mm2[:, ~(areas_mm2 > 0).any(axis=0)] = np.nan
    measured = Measured(areas_mm2, stack.positions_mm, left_out)
    if len(measured.drawn) < 2:
        raise MaskError(f"{path}: expected a mask of two phases or more, got {len(measured.drawn)}")
    return measured


def _read_areas(path: Path, stack: CineStack, study: StrPath | None) -> Float64:
    """Return the area of every slice and phase; 0 where nothing is drawn."""
    if path.is_dir():
        return _areas_of_folder(path, stack, study)
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise MaskError(f"{path}: cannot be read: {error.strerror or error}") from error
    if head[128:] == b"DICM":
        return _areas_of_seg(path, stack)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _areas_of_nifti(path, stack)
    if head.lstrip()[:1] == b"{":
        return _areas_of_contours(path, stack)
    raise MaskError(f"{path}: expected contours.json, a DICOM SEG or a NIfTI file, got another")


def _areas_of_folder(folder: Path, stack: CineStack, study: StrPath | None) -> Float64:
    """Measure a folder of contours, each of which is named after the number of its image."""
    files = find_contours(folder)
    folders = sorted({file.parent for file in files})
    if len(folders) != 1:
        got = f"{folders[0]} and {folders[1]}" if folders else "none"
        raise MaskError(
            f"{folder}: expected one folder of contours, such as IRCCI-expert with "
            f"IM-0001-0048-icontour-manual.txt, got {got}"
        )
    if study is None:
        raise MaskError(f"{folder}: expected the study too, whose images the contours name")
    areas_mm2 = np.zeros((stack.n_slices, stack.n_phases))
    pixel_mm2 = stack.pixel_spacing_mm[0] * stack.pixel_spacing_mm[1]
    try:
        for z, t, points in place_contours(files, study, stack):
            areas_mm2[z, t] += abs(enclosed_area(points)) * pixel_mm2
    except DatasetError as error:
        raise MaskError(str(error)) from error
    return areas_mm2


def _areas_of_contours(path: Path, stack: CineStack) -> Float64:
    """Measure the polygons of a `contours.json`, whose order of slices and phases is kept."""
    areas_mm2 = np.zeros((stack.n_slices, stack.n_phases))
    try:
        document = json.loads(path.read_bytes())
        if document["study_uid"] != stack.study_uid:
            raise MaskError(
                f"{path}: expected contours of study {stack.study_uid}, got {document['study_uid']}"
            )
        shape = (len(document["slices"]), *{len(s["phases"]) for s in document["slices"]})
        if shape != areas_mm2.shape:
            raise MaskError(f"{path}: expected (slice, phase) {areas_mm2.shape}, got {shape}")
        for z, of_slice in enumerate(document["slices"]):
            for t, phase in enumerate(of_slice["phases"]):
                for polygon in phase["polygons"]:
                    sign = -1 if polygon["hole"] else 1
                    areas_mm2[z, t] += sign * area_in_space_mm2(np.array(polygon["points_mm"]))
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise MaskError(f"{path}: expected contours as in contours.json, got {error!r}") from error
    return np.maximum(areas_mm2, 0.0)


def area_in_space_mm2(points_mm: Float64) -> float:
    """Return the area of a plane polygon in space.

    Examples
    --------
    >>> area_in_space_mm2(np.array([[0.0, 0, 0], [0, 3, 0], [0, 3, 2], [0, 0, 2]]))
    6.0
    """
    if points_mm.ndim != 2 or points_mm.shape[1] != 3 or not np.isfinite(points_mm).all():
        raise ValueError(f"points of shape {points_mm.shape}")
    relative = points_mm - points_mm[0]  # rounding grows with the distance from the origin
    crossed = np.cross(relative, np.roll(relative, -1, axis=0)).sum(axis=0)
    return 0.5 * float(np.linalg.norm(crossed))


def _areas_of_seg(path: Path, stack: CineStack) -> Float64:
    """Measure the frames of a segmentation by the images that they name."""
    several = any(max(frames) > 0 for frames in stack.frames)
    places = {
        (uid, stack.frames[z][t] + 1 if several else None): (z, t)
        for z, row in enumerate(stack.sop_instance_uids)
        for t, uid in enumerate(row)
    }
    areas_mm2 = np.zeros((stack.n_slices, stack.n_phases))
    for source, area_mm2 in read_frames(path):
        if source not in places:
            raise MaskError(f"{path}: expected frames of the study's stack, got one of {source[0]}")
        areas_mm2[places[source]] += area_mm2
    return areas_mm2


def _areas_of_nifti(path: Path, stack: CineStack) -> Float64:
    """Measure the planes of a label map by their place along the normal."""
    try:
        planes = read_planes(path)
    except DatasetError as error:
        raise MaskError(str(error)) from error
    if planes.images.shape[1] != stack.n_phases:
        raise MaskError(f"{path}: expected {stack.n_phases} phases, got {planes.images.shape[1]}")
    areas_mm2 = np.zeros((stack.n_slices, stack.n_phases))
    pixel_mm2 = planes.pixel_spacing_mm[0] * planes.pixel_spacing_mm[1]
    near_mm = NEAR_GAPS * float(np.diff(stack.positions_mm).min())
    for z, affine in enumerate(stack.affines):
        away_mm = np.abs((planes.affines[:, :3, 3] - affine[:3, 3]) @ affine[:3, 2])
        k = int(np.argmin(away_mm))
        if away_mm[k] > near_mm:
            raise MaskError(
                f"{path}: expected a plane within {near_mm:.1f} mm of slice {z + 1}, the nearest "
                f"is {away_mm[k]:.1f} mm away"
            )
        areas_mm2[z] = (np.rint(planes.images[k]) == 1).sum(axis=(1, 2)) * pixel_mm2
    return areas_mm2
