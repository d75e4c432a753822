"""`contours.json`: the contours of P as polygons in the coordinates of the patient."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lvvol.contours import Contour, enclosed_area, find_contours
from lvvol.prediction import Prediction
from lvvol.typing import Float64

SCHEMA_VERSION = 1
CONTOURS = "contours.json"

_DECIMALS = 3  # of mm; the area stays within 0.01 % of that of the contour


def contours_of(prediction: Prediction) -> list[list[list[Contour]]]:
    """Return the contours of P, by slice and phase; see `lvvol.contours.find_contours`."""
    n_slices, n_phases = prediction.areas_mm2.shape
    maps = prediction.lv_probability.reshape(-1, *prediction.lv_probability.shape[2:])
    found = find_contours(maps, np.repeat(prediction.rois.squares_mm, n_phases, axis=0))
    return [found[z * n_phases : (z + 1) * n_phases] for z in range(n_slices)]


def to_patient(points_mm: Contour, affine: Float64, spacing_mm: tuple[float, float]) -> Float64:
    """Move points from mm on the grid of a stack to the coordinates of the patient.

    Parameters
    ----------
    points_mm : ndarray of float64, shape (point, 2)
        Row and column, from the edge of the first pixel.
    affine : ndarray of float64, shape (4, 4)
        Of the slice, as in `CineStack.affines`.
    spacing_mm : (float, float)
        Of its pixels.

    Returns
    -------
    ndarray of float64, shape (point, 3)
        Patient LPS, mm.
    """
    indices = points_mm / np.array(spacing_mm) - 0.5  # of pixel centres
    return np.asarray(indices @ affine[:3, :2].T + affine[:3, 3])


def format_contours(prediction: Prediction) -> bytes:
    """Return `contours.json`; docs/outputs.md describes its keys.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    bytes
        JSON. Slices and phases are those of the stack, from 0; coordinates are patient LPS in mm.
    """
    stack = prediction.stack
    uids = stack.sop_instance_uids or (("",) * stack.n_phases,) * stack.n_slices
    areas_mm2 = prediction.probability_areas_mm2
    slices = []
    for z, of_slice in enumerate(contours_of(prediction)):
        phases = [
            {
                "sop_instance_uid": uids[z][t],
                "area_mm2": round(float(areas_mm2[z, t]), _DECIMALS),
                "polygons": [_polygon(points, prediction, z) for points in contours],
            }
            for t, contours in enumerate(of_slice)
        ]
        slices.append({"position_mm": float(stack.positions_mm[z]), "phases": phases})
    document = {
        "schema_version": SCHEMA_VERSION,
        "coordinates": "patient LPS, mm",
        "structure": "left ventricular cavity, papillary muscles included",
        "study_uid": stack.study_uid,
        "frame_of_reference_uid": stack.frame_of_reference_uid,
        "ed_phase": prediction.ed_phase,
        "es_phase": prediction.es_phase,
        "excluded_slices": list(prediction.excluded),
        "slices": slices,
    }
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def _polygon(points_mm: Contour, prediction: Prediction, z: int) -> dict[str, Any]:
    """Return one polygon as plain values."""
    stack = prediction.stack
    placed = to_patient(points_mm, stack.affines[z], stack.pixel_spacing_mm)
    return {
        "hole": enclosed_area(points_mm) < 0,
        "points_mm": np.round(placed, _DECIMALS).tolist(),
    }
