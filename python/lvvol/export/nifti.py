"""`cine.nii.gz` and `lv.nii.gz`: images and cavity as NIfTI, in the coordinates of the patient."""

from __future__ import annotations

import gzip
import json
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from lvvol.cine import CineStack
from lvvol.export.masks import masks_of
from lvvol.export.regular_grid import regular_grid
from lvvol.prediction import Prediction
from lvvol.provenance import NiftiForm
from lvvol.quantities import phase_times_ms
from lvvol.typing import Float64

SCHEMA_VERSION = 1

CINE, LV = "cine", "lv"
PLAIN = NiftiForm()

MAX_AWAY_MM = 0.01
"""How far a pixel may lie from where the affine of a file says. A NIfTI file has one affine, with
equal gaps; where slices are uneven, tilted or shifted by more, each slice becomes a file, or all
are resampled."""

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_GZIP_LEVEL = 1  # level 9 takes twenty times as long and saves a tenth


def make_nifti(prediction: Prediction, form: NiftiForm = PLAIN) -> dict[str, bytes]:
    """Return the files; docs/outputs.md describes them.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    form : NiftiForm
        Layout of stacks that one affine does not place, and names.

    Returns
    -------
    dict of str to bytes
        ``cine.nii.gz``, ``lv.nii.gz`` and ``lv.json``; where one affine cannot hold all slices,
        ``cine_slice01.nii.gz`` and so on, unless they are resampled. Voxels are (column, row,
        slice, phase).

    Raises
    ------
    OutputError
        If slices that are to be resampled cross.
    """
    stack = prediction.stack
    cine, lv = _as_stored(stack.images), masks_of(prediction).astype(np.uint8)
    one = fits_one_affine(stack)
    resampled = not one and form.layout == "resampled"
    if resampled:
        grid = regular_grid(stack)
        parts = [slice(0, grid.n_planes)]
        affines = [_to_ras(grid.affine)]
        between = grid.sample(stack.images)
        cine = np.rint(between).astype(cine.dtype) if cine.dtype == np.int16 else between
        lv = (grid.sample(lv.astype(np.float32)) >= 0.5).astype(np.uint8)
    else:
        n_slices = stack.n_slices
        parts = [slice(0, n_slices)] if one else [slice(z, z + 1) for z in range(n_slices)]
        affines = [_affine(stack, part.start) for part in parts]
    contents, listed = {}, []
    for part, affine in zip(parts, affines, strict=True):
        number = None if len(parts) == 1 else part.start + 1
        names = {what: f"{_stem(what, form, number)}.nii.gz" for what in (CINE, LV)}
        contents[names[CINE]] = _encode(cine[part], affine, stack, "lvvol: cine")
        contents[names[LV]] = _encode(lv[part], affine, stack, "lvvol: 1 = LV cavity")
        slices = None if resampled else [*range(part.start, part.stop)]
        listed.append({**names, "slices": slices, "affine_ras": affine.tolist()})
    contents[f"{_stem(LV, form)}.json"] = _sidecar(prediction, listed, resampled)
    return contents


def _stem(what: str, form: NiftiForm, number: int | None = None) -> str:
    """Return a name without its ending, of all slices or of one, from 1."""
    if not form.bids_subject:
        return what + ("" if number is None else f"_slice{number:02d}")
    chunk = "" if number is None else f"_chunk-{number:02d}"
    ending = "cine" if what == CINE else "desc-lv_mask"
    return f"sub-{form.bids_subject}_acq-shortaxis{chunk}_{ending}"


def fits_one_affine(stack: CineStack) -> bool:
    """Whether one affine with equal gaps along the normal places all pixels (`MAX_AWAY_MM`)."""
    rows, columns = stack.images.shape[2:]
    corners = np.array(
        [(r, c, 0, 1) for r in (0, rows - 1) for c in (0, columns - 1)], dtype=np.float64
    )
    first, gap_mm = stack.affines[0], _gap_mm(stack)
    for z, affine in enumerate(stack.affines):
        said = corners + np.array([0, 0, z * gap_mm * _along(stack), 0])
        away = (corners @ affine.T - said @ first.T)[:, :3]
        if np.linalg.norm(away, axis=1).max() > MAX_AWAY_MM:
            return False
    return True


def _gap_mm(stack: CineStack) -> float:
    """Return the mean gap, which for equal gaps is least affected by rounding."""
    if stack.n_slices < 2:
        return 1.0
    return float(stack.positions_mm[-1] - stack.positions_mm[0]) / (stack.n_slices - 1)


def _along(stack: CineStack) -> float:
    """Return 1 where positions grow along the normal of the pixels, -1 where against it."""
    between = stack.affines[-1, :3, 3] - stack.affines[0, :3, 3]
    return -1.0 if between @ stack.affines[0, :3, 2] < 0 else 1.0


def _affine(stack: CineStack, z: int) -> Float64:
    """Return the map from (column, row, slice) to RAS for the file that starts with a slice."""
    own = stack.affines[z]
    affine = own.copy()
    affine[:3, 2] *= _gap_mm(stack) * _along(stack)
    return _to_ras(affine)


def _to_ras(affine: Float64) -> Float64:
    """Return a map from (row, column, slice) to LPS as one from (column, row, slice) to RAS."""
    return np.asarray(_LPS_TO_RAS @ affine[:, [1, 0, 2, 3]])


def _as_stored(images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Return images as 16-bit integers where that loses nothing, else as they are."""
    limits = np.iinfo(np.int16)
    if images.min() < limits.min or images.max() > limits.max:
        return images
    whole = images.astype(np.int16)
    return whole if (whole == images).all() else images


def _encode(values: npt.NDArray[Any], affine: Float64, stack: CineStack, what: str) -> bytes:
    """Return one file of (slice, phase, row, column)."""
    library: Any = nibabel  # half of its types are missing
    image = library.Nifti1Image(values.transpose(3, 2, 0, 1), affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm", "msec")
    times_ms = phase_times_ms(stack)
    if times_ms is not None and len(times_ms) > 1:
        image.header["pixdim"][4] = float(np.diff(times_ms).mean())
    image.header["descrip"] = what
    return gzip.compress(image.to_bytes(), _GZIP_LEVEL, mtime=0)


def _sidecar(prediction: Prediction, files: list[dict[str, Any]], resampled: bool) -> bytes:
    """Return what the files themselves cannot say."""
    times_ms = phase_times_ms(prediction.stack)
    document = {
        "schema_version": SCHEMA_VERSION,
        "labels": {"1": "left ventricular cavity, papillary muscles included"},
        "files": files,
        "one_file": len(files) == 1,
        "resampled": resampled,
        "positions_mm": prediction.stack.positions_mm.tolist(),
        "times_ms": None if times_ms is None else times_ms.tolist(),
        "ed_phase": prediction.ed_phase,
        "es_phase": prediction.es_phase,
        "excluded_slices": list(prediction.excluded),
    }
    return (json.dumps(document, indent=2) + "\n").encode()
