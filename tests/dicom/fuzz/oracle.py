"""Check a stack against the headers of its files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from lvvol import CineStack
from tests.dicom.fuzz.case import Case
from tests.dicom.fuzz.headers import Array, Frame, frames_of
from tests.dicom.fuzz.plausible import PLAUSIBLE, is_told

# Tolerances of the corners of an acquisition and, relatively, of the pixel spacing of a stack
# (docs/reading.md).
SAME_PLACE_MM, SAME_SPACING = 1.0, 0.001
# Rounding: coordinates have about ten digits.
EXACT_MM = 0.01
TIME_MS = 0.001
"""Scanners write a time in two attributes, rounded differently."""


@lru_cache(maxsize=64)
def _pristine_frames(file: str, content: bytes) -> list[Frame]:
    return frames_of(file, content, True)


def check(stack: CineStack, files: dict[str, bytes], pristine: dict[str, bytes]) -> list[str]:
    """Compare a stack with the files that it was read from.

    Parameters
    ----------
    stack : CineStack
        The stack that `load_study` returned.
    files, pristine : dict of str to bytes
        The files of the study after and before the mutations.

    Returns
    -------
    list of str
        Problems; empty if the stack is correct.
    """
    wrong = _invariants(stack)
    if wrong:
        return wrong
    contents = set(pristine.values())
    frames = []
    for name, content in files.items():
        sound = content in contents
        frames += _pristine_frames(name, content) if sound else frames_of(name, content, False)
    with np.errstate(all="ignore"):
        shown: list[list[Frame]] = []
        for z in range(stack.n_slices):
            problems, of_slice = _check_slice(stack, z, frames)
            wrong += problems
            shown += of_slice
    exams = {candidates[0].exam for candidates in shown if len(candidates) == 1}
    joined = any(w.startswith("The slices have different") for w in stack.warnings)
    if len(exams) > 1 and not joined:
        wrong.append(f"the stack mixes patients or studies: {sorted(exams)}")
    for frame in {id(f[0]): f[0] for f in shown if len(f) == 1}.values():
        if not frame.is_magnitude:
            wrong.append(f"{frame.file} shows {frame.image_type} {frame.component}")
        if frame.image_type[:1] == ("DERIVED",) and not any("derived" in w for w in stack.warnings):
            wrong.append(f"{frame.file} is derived, and no warning says so")
    known = {name for decision in stack.decisions for name in decision.files}
    if not known <= files.keys():
        wrong.append(f"decisions name files that are not there: {sorted(known - files.keys())}")
    used = {frame.file for candidates in shown for frame in candidates}
    silent = files.keys() - known - used
    if silent:
        wrong.append(f"files neither used nor in any decision: {sorted(silent)}")
    return wrong


def check_told(stack: CineStack, untouched: CineStack, case: Case) -> list[str]:
    """Check that a plausible mutation changed nothing, or that a warning names it.

    Parameters
    ----------
    stack, untouched : CineStack
        Stacks of the study after and before the mutation.
    case : Case
        The mutated study.

    Returns
    -------
    list of str
        Problems; empty without any.
    """
    plausible = PLAUSIBLE[case.plausible]
    in_all = all(case.files[f] != case.base.files[f] for phases in case.base.slices for f in phases)
    if (plausible.unseen_in_all and in_all) or _is_same(stack, untouched):
        return []
    new = set(stack.warnings) - set(untouched.warnings)
    if is_told(case.plausible, new):
        return []
    return [f"the stack changed, and no warning names it: {sorted(new)}"]


def _is_same(stack: CineStack, untouched: CineStack) -> bool:
    """Whether two stacks have the same images at the same places."""
    return (
        stack.images.shape == untouched.images.shape
        and np.array_equal(stack.images, untouched.images)
        and np.allclose(stack.affines, untouched.affines, atol=EXACT_MM)
    )


def _invariants(stack: CineStack) -> list[str]:
    """Check the invariants of any stack."""
    wrong = []
    n_slices, n_phases, rows, columns = stack.images.shape
    if n_slices < 3 or n_phases < 2 or min(rows, columns) < 1:
        wrong.append(f"the shape is {stack.images.shape}")
    if not np.isfinite(stack.images).all():
        wrong.append("images are not finite")
    affines = stack.affines
    if not (np.isfinite(affines).all() and np.isfinite(stack.positions_mm).all()):
        return [*wrong, "affines or positions are not finite"]
    if (affines[:, 3] != [0, 0, 0, 1]).any():
        wrong.append("an affine's last row is not 0 0 0 1")
    lengths = np.linalg.norm(affines[:, :3, :3], axis=1)
    directions = affines[:, :3, :3] / lengths[:, None, :]
    if np.abs(np.einsum("zij,zik->zjk", directions, directions) - np.eye(3)).max() > 1e-6:
        wrong.append("an affine's axes are not perpendicular")
    if np.abs(lengths[:, 2] - 1).max() > 1e-9:
        wrong.append("a normal is not a unit vector")
    # Grids with nearly the same spacing are not resampled.
    spacing = np.array(stack.pixel_spacing_mm)
    if (spacing <= 0).any() or not np.isfinite(spacing).all():
        return [*wrong, f"the pixel spacing is {spacing}"]
    if (np.abs(lengths[:, :2] / spacing - 1.0) > 1.1 * SAME_SPACING).any():
        wrong.append(f"affines of spacing {lengths[:, :2].tolist()} for a stack of {spacing}")
    if (np.diff(stack.positions_mm) <= 0).any():
        wrong.append("positions do not increase")
    normals, origins = directions[:, :, 2], affines[:, :3, 3]
    signs = np.sign(normals @ normals[0])
    tilt = np.arccos(np.clip(np.abs(normals @ normals[0]), 0, 1)).max()
    normal = (normals * signs[:, None]).mean(axis=0)
    normal /= np.linalg.norm(normal)
    if normal @ (origins[-1] - origins[0]) < 0:
        normal = -normal
    if (signs < 0).any():
        wrong.append("normals point to different sides")
    centre = np.array([(rows - 1) / 2, (columns - 1) / 2, 0, 1])
    axis = (affines @ centre)[:, :3].mean(axis=0)
    ahead = np.einsum("zi,zi->z", origins - axis, normals) / (normals @ normal)
    expected = axis @ normal + ahead
    # The stack axis runs through the mean of all candidates, including those excluded later, so
    # positions of tilted planes may differ.
    allowed = EXACT_MM + 3 * tilt * max(60.0, float(np.linalg.norm(centre[:2] * spacing)))
    if np.abs(stack.positions_mm - expected).max() > allowed:
        wrong.append(f"positions {stack.positions_mm}, but {expected} by the affines")
    return wrong


def _check_slice(
    stack: CineStack, z: int, frames: list[Frame]
) -> tuple[list[str], list[list[Frame]]]:
    """Check that the images of a slice have headers that agree with its affine; return these."""
    n_phases, shape = stack.n_phases, stack.images.shape[2:]
    affine = stack.affines[z]
    corners = np.array([(r, c, 0, 1) for r in (0, shape[0] - 1) for c in (0, shape[1] - 1)], float)
    named: list[list[tuple[Frame, Array]]] = []  # frame, and map from stack pixels to its pixels
    for t in range(n_phases):
        uid = stack.sop_instance_uids[z][t]
        candidates = [frame for frame in frames if frame.uid == uid] or frames
        named.append(
            [(f, np.linalg.solve(f.affine, affine)) for f in candidates if f.affine is not None]
        )
    every = [pair for of_phase in named for pair in of_phase]
    if not every:
        return [f"slice {z}: no header gives a plane"], [[] for _ in range(n_phases)]

    def off_mm(frame: Frame, onto: Array, shift: Array | None) -> float:
        """Return the distance of the affine from a header: if resampled, only from its plane."""
        if shift is None:
            return float(np.abs((corners @ onto.T)[:, 2]).max())
        moved = corners @ affine.T - np.add(corners, [*shift, 0, 0]) @ frame.affine.T
        return float(np.linalg.norm(moved[:, :3], axis=1).max())

    # The affine is that of one image of the slice. If it differs by whole rows and columns, the
    # pixels were shifted, otherwise resampled.
    shift: Array | None = None
    first, onto = min(every, key=lambda pair: off_mm(*pair, np.rint(pair[1][:2, 3])))
    if off_mm(first, onto, np.rint(onto[:2, 3])) <= EXACT_MM:
        shift = np.rint(onto[:2, 3])
    else:
        first, onto = min(every, key=lambda pair: off_mm(*pair, None))
        # Grids that are only shifted, or rotated by less than a pixel, are not resampled.
        moved = (corners @ onto.T - corners)[:, :2]
        stretch = np.abs(np.linalg.norm(onto[:2, :2], axis=0) - 1.0).max()
        turned = np.abs(moved - np.rint(moved.mean(axis=0))).max()
        if turned < 0.9 and stretch < 0.9 * SAME_SPACING:
            shift = np.rint(moved.mean(axis=0))
    nearest = off_mm(first, onto, shift)
    wrong = []
    if nearest > EXACT_MM:
        wrong.append(f"slice {z}: its affine is {nearest:.4f} mm off what any of its headers says")
    touched = any(not frame.pristine for frame, _ in every)
    # Three corners agree within 1 mm; the fourth is their sum.
    loose = 3.0 * SAME_PLACE_MM
    allowed = loose if touched else EXACT_MM
    shown: list[list[Frame]] = []
    for t, candidates in enumerate(named):
        right, why = [], []
        for frame, own in candidates:
            off = off_mm(frame, own, shift)
            lack = _lack(stack.images[z, t], frame, shift, onto)
            if off <= allowed and not lack:
                right.append(frame)
            else:
                why.append(f"{frame.file}: {off:.3f} mm off {lack}")
        shown.append(right)
        if right:
            time_ms, trigger = stack.times_ms[z, t], {frame.trigger_ms for frame in right}
            known = [own for own in trigger if own is not None]
            if not np.isnan(time_ms) and not any(abs(time_ms - own) <= TIME_MS for own in known):
                wrong.append(
                    f"slice {z} phase {t}: shown at {time_ms} ms, its header says {trigger}"
                )
        else:
            wrong.append(f"slice {z} phase {t}: {'; '.join(why[:4]) or 'no header fits'}")
    times = [f[0].trigger_ms for f in shown if len(f) == 1 and f[0].pristine]
    known = [time for time in times if time is not None]
    if len(known) == n_phases == len(set(known)) and known != sorted(known):
        wrong.append(f"slice {z}: phases of untouched files are out of order")
    return wrong, shown


def _lack(image: Array, frame: Frame, shift: Array | None, onto: Array) -> str:
    """Describe how the pixels of an image differ from those of a file; empty if they agree."""
    if frame.is_torn:
        return "with more pixels than its header says"
    if not frame.pristine and frame.datasets[-1]["PixelData"].is_undefined_length:
        return ""  # decoders treat frames that contradict their header differently
    try:
        pixels = frame.pixels
    except BaseException as error:  # panics of a decoder in Rust are not Exceptions
        if frame.pristine or isinstance(error, KeyboardInterrupt):
            raise
        return ""  # other decoders than pydicom's may still succeed
    if shift is not None:
        return "" if _placed(image, pixels, shift.astype(int)) else "with other pixels"
    return "" if _resampled(image, pixels, onto) else "with other pixels, interpolated"


def _placed(image: Array, pixels: Array, shift: Any) -> bool:
    """Whether an image is `pixels` shifted by whole rows and columns, and 0 elsewhere."""
    expected = np.zeros_like(image)
    r, c = np.mgrid[: image.shape[0], : image.shape[1]]
    r, c = r + shift[0], c + shift[1]
    inside = (r >= 0) & (c >= 0) & (r < pixels.shape[0]) & (c < pixels.shape[1])
    expected[inside] = pixels[r[inside], c[inside]]
    return bool(np.allclose(image, expected, rtol=1e-6, atol=1e-6))


def _resampled(image: Array, pixels: Array, onto: Array) -> bool:
    """Whether an image is approximately a linear interpolation of `pixels`."""
    r, c = np.mgrid[: image.shape[0], : image.shape[1]]
    at = onto[:2, 0, None, None] * r + onto[:2, 1, None, None] * c + onto[:2, 3, None, None]
    low = np.floor(at).astype(int)
    # Averaging mixes pixels at the border with the outside.
    end = np.array(pixels.shape)[:, None, None] - 3
    inside = ((low >= 2) & (low < end)).all(axis=0)
    if inside.sum() < 9:
        return True
    (r0, c0), (fr, fc) = low[:, inside], (at - low)[:, inside]
    expected = (
        pixels[r0, c0] * (1 - fr) * (1 - fc)
        + pixels[r0 + 1, c0] * fr * (1 - fc)
        + pixels[r0, c0 + 1] * (1 - fr) * fc
        + pixels[r0 + 1, c0 + 1] * fr * fc
    )
    spread, off = float(expected.std()), np.abs(expected - image[inside])
    if np.abs(np.diff(pixels, axis=1)).mean() > 0.5 * spread:
        return True  # the result for noise depends on the interpolation method
    # Pixels are averaged when shrinking, so single ones may differ.
    return bool(off.mean() <= 0.3 * spread + 1e-6)
