"""Faults that real studies have, planted into a phantom before it is rendered.

What a fault adds or changes is scanned anew from the same heart: a repeated slice has other noise,
a slightly other heart rate and a later time, a rotated slice is rendered on the rotated plane.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from lvvol.phantom.scanner.protocol import Examination, noise_seed
from lvvol.phantom.scanner.render import Plane
from lvvol.phantom.scanner.scan import SHORT_AXIS, Scan
from lvvol.phantom.study import Fault, PhantomStudy
from lvvol.phantom.truth import right_reading

MIN_SLICES, MIN_PHASES = 5, 4
"""Smaller stacks would not stay one after a few faults."""

BETWEEN, OFF_STACK = "between", "off the stack"

Touched = tuple[tuple[str, int], ...]
Planter = Callable[[Examination, np.random.Generator], tuple[str, Touched]]


def plant(study: PhantomStudy, faults: Collection[str], seed: int | None = None) -> PhantomStudy:
    """Return a study with faults, and with the reading that must come of it.

    Parameters
    ----------
    study : PhantomStudy
        Without faults, of at least 5 slices and 4 phases. Scans that no fault changes are shared
        with the result, so they are rendered once for both.
    faults : collection of str
        Names from `FAULTS`. Their order does not matter.
    seed : int, optional
        Settles which slices and phases are hit; by default the study's. Each fault draws for
        itself, so one more does not move the others.

    Returns
    -------
    PhantomStudy
        Its `faults` say what was done, its `reading` which scans to use.

    Raises
    ------
    ValueError
        If a name is unknown, or the study is too small or has faults already.

    Examples
    --------
    >>> from lvvol.phantom import make_phantom
    >>> study = make_phantom(3, n_slices=7, n_phases=6, rows=96)
    >>> faulty = plant(study, ["missing-slice", "truncated-file"])
    >>> len(faulty.reading.slices), sorted(len(s.readable) for s in faulty.reading.slices)[:2]
    (6, [5, 6])
    """
    unknown = sorted(set(faults) - FAULTS.keys())
    if unknown:
        raise ValueError(f"faults: expected some of {', '.join(FAULTS)}; got {', '.join(unknown)}")
    if study.faults:
        raise ValueError(f"study: expected one without faults, got {len(study.faults)}")
    n_slices, n_phases = len(study.reading.slices), study.reading.n_phases
    if n_slices < MIN_SLICES or n_phases < MIN_PHASES:
        raise ValueError(
            f"study: expected at least {MIN_SLICES} slices and {MIN_PHASES} phases, "
            f"got {n_slices} and {n_phases}"
        )
    seed = study.seed if seed is None else seed
    mean_ms = float(np.mean([scan.interval_ms for scan in study.reading.slices]))
    examination = Examination(study.seed, study.subject, study.vendor, mean_ms, list(study.scans))
    planted = []
    for number, (name, (_, planter)) in enumerate(FAULTS.items()):
        if name in faults:
            rng = np.random.default_rng((seed, 2, number))
            planted.append(Fault(name, *planter(examination, rng)))
    scans = sorted(examination.scans, key=lambda scan: scan.acquired_s)
    return replace(study, scans=tuple(scans), faults=tuple(planted))


def _missing_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    inner = _stack(examination)[1:-1]
    scan = inner[rng.integers(len(inner))]
    examination.scans.remove(scan)
    return f"All files of the slice at {_at(scan)} are missing.", ()


def _interspersed_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    stack = _stack(examination)
    positions = [_position_mm(scan) for scan in stack]
    gaps = np.diff(positions)
    # Never where a slice is missing: halfway there it would stand for that slice.
    after = int(rng.choice(np.flatnonzero(gaps < 1.5 * np.median(gaps))))
    part = float(rng.uniform(0.25, 0.45))
    part = 1.0 - part if rng.random() < 0.5 else part
    scan = _scan_beside(examination, rng, stack[after], part * float(gaps[after]), BETWEEN)
    return f"One more slice was scanned at {_at(scan)}, off the usual distance.", _all_of(scan)


def _outlying_position(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    stack = _stack(examination)
    gap_mm = float(np.median(np.diff([_position_mm(scan) for scan in stack])))
    distance_mm = gap_mm * float(rng.uniform(3.5, 6.0))
    end, shift_mm = (stack[0], -distance_mm) if rng.random() < 0.5 else (stack[-1], distance_mm)
    scan = _scan_beside(examination, rng, end, shift_mm, OFF_STACK)
    return f"A slice was scanned at {_at(scan)}, {distance_mm:.1f} mm beyond an end.", _all_of(scan)


def _rotated_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    degrees = float(rng.choice([90.0, rng.uniform(15.0, 60.0)]) * rng.choice([-1.0, 1.0]))
    scan = _scan_otherwise(
        examination, rng, "rotated", lambda plane: _regridded(plane, turn=np.deg2rad(degrees))
    )
    return f"The slice at {_at(scan)} is turned by {degrees:.0f} degrees.", _all_of(scan)


def _other_spacing(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    factor = float(rng.choice([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.3)]))
    scan = _scan_otherwise(
        examination,
        rng,
        "spaced",
        lambda plane: _regridded(plane, pixel_mm=round(plane.pixel_mm * factor, 4)),
    )
    return f"Pixels of the slice at {_at(scan)} are {scan.plane.pixel_mm} mm wide.", _all_of(scan)


def _other_matrix(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    # Even numbers, as scanners store; one way the field of view grows, the other it shrinks.
    by_rows, by_columns = rng.permutation([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.25)])
    scan = _scan_otherwise(
        examination,
        rng,
        "other matrix",
        lambda plane: _regridded(
            plane,
            shape=(
                2 * round(plane.shape[0] * by_rows / 2),
                2 * round(plane.shape[1] * by_columns / 2),
            ),
        ),
    )
    rows, columns = scan.plane.shape
    return f"The slice at {_at(scan)} has {rows} x {columns} pixels.", _all_of(scan)


def _repeated_stack(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    series = None
    touched: Touched = ()
    for scan in reversed(_stack(examination)):
        again = examination.scan(rng, f"{scan.name} again", SHORT_AXIS, scan.plane, series=series)
        series = None if examination.one_series_a_slice else again.series
        touched += _all_of(again)
    return "The whole stack was acquired again.", touched


def _repeated_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _any(_stack(examination), rng)
    times = int(rng.integers(1, 3))
    touched: Touched = ()
    for time in range(times):
        name = f"{scan.name} repeat {time + 1}"
        series = None if examination.one_series_a_slice else scan.series
        touched += _all_of(examination.scan(rng, name, SHORT_AXIS, scan.plane, series=series))
    return f"The slice at {_at(scan)} was acquired {times} more times.", touched


def _missing_phases(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _used(examination, rng)
    n_lost = int(rng.integers(1, max(1, scan.n_phases // 4) + 1))
    lost = sorted(int(t) for t in rng.choice(scan.readable, n_lost, replace=False))
    _swap(examination, scan, replace(scan, lost=scan.lost | set(lost)))
    touched = tuple((scan.name, t) for t in lost)
    return f"Files of {n_lost} phases of the slice at {_at(scan)} are missing.", touched


def _truncated_file(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _used(examination, rng)
    phase, part = int(rng.choice(scan.readable)), float(rng.uniform(0.05, 0.95))
    _swap(examination, scan, replace(scan, cut={**scan.cut, phase: part}))
    what = f"The file of one phase of the slice at {_at(scan)} ends inside its pixels."
    return what, ((scan.name, phase),)


def _foreign_files(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    return "Files that are no images of this examination lie among the others.", ()


FAULTS: dict[str, tuple[str, Planter]] = {
    "missing-slice": ("all files of one slice inside the stack are missing", _missing_slice),
    "interspersed-slice": (
        "one more slice lies between two, off the usual distance",
        _interspersed_slice,
    ),
    "outlying-position": ("one more slice lies far beyond an end", _outlying_position),
    "rotated-slice": ("one slice is turned within its plane", _rotated_slice),
    "other-spacing": ("one slice has other pixels", _other_spacing),
    "other-matrix": ("one slice has another matrix", _other_matrix),
    "repeated-stack": ("the whole stack was acquired twice", _repeated_stack),
    "repeated-slice": ("one slice was acquired two or three times", _repeated_slice),
    "missing-phases": ("files of some phases of one slice are missing", _missing_phases),
    "truncated-file": ("one file ends inside its pixels", _truncated_file),
    "foreign-files": (
        "text, PDF, CT, DICOMDIR, empty and hidden files lie among the images",
        _foreign_files,
    ),
}
"""Names of the faults, with what they are and how they are planted, in the order of planting."""


def _position_mm(scan: Scan) -> float:
    return float(scan.plane.affine[:3, 3] @ scan.plane.affine[:3, 2])


def _at(scan: Scan) -> str:
    return f"{_position_mm(scan):.1f} mm"


def _all_of(scan: Scan) -> Touched:
    return tuple((scan.name, t) for t in range(scan.n_phases))


def _stack(examination: Examination) -> list[Scan]:
    """Return one scan a place, from apex to base, without outliers."""
    return list(right_reading(examination.scans).slices)


def _any(scans: list[Scan], rng: np.random.Generator) -> Scan:
    return scans[rng.integers(len(scans))]


def _used(examination: Examination, rng: np.random.Generator) -> Scan:
    """Draw a scan of the right reading; half of the time a repeated one, if there is any."""
    reading = right_reading(examination.scans)
    twice = {
        _at(other)
        for other, _ in reading.unused
        if other.view == SHORT_AXIS and not other.off_stack
    }
    repeated = [scan for scan in reading.slices if _at(scan) in twice]
    pool = repeated if repeated and rng.random() < 0.5 else list(reading.slices)
    return _any(pool, rng)


def _swap(examination: Examination, old: Scan, new: Scan) -> None:
    examination.scans[examination.scans.index(old)] = new


def _scan_beside(
    examination: Examination, rng: np.random.Generator, scan: Scan, shift_mm: float, how: str
) -> Scan:
    """Scan a parallel plane `shift_mm` towards the base."""
    affine = scan.plane.affine.copy()
    affine[:3, 3] += shift_mm * affine[:3, 2]
    return examination.scan(
        rng,
        f"{scan.name} {how}",
        SHORT_AXIS,
        replace(scan.plane, affine=affine),
        series=None if examination.one_series_a_slice else scan.series,
        off_stack=how == OFF_STACK,
    )


def _scan_otherwise(
    examination: Examination,
    rng: np.random.Generator,
    how: str,
    change: Callable[[Plane], Plane],
) -> Scan:
    """Change the plane of one slice, as if it had been scanned so in the first place."""
    old = _any(_stack(examination), rng)
    name = f"{old.name} {how}"
    new = replace(
        old, name=name, plane=change(old.plane), noise_seed=noise_seed(examination.seed, name)
    )
    _swap(examination, old, new)
    return new


def _regridded(
    plane: Plane,
    *,
    turn: float = 0.0,
    pixel_mm: float | None = None,
    shape: tuple[int, int] | None = None,
) -> Plane:
    """Lay another grid about the image's middle, within the same plane."""
    shape = plane.shape if shape is None else shape
    scale = 1.0 if pixel_mm is None else pixel_mm / plane.pixel_mm
    down, right = plane.affine[:3, 0] * scale, plane.affine[:3, 1] * scale
    rows, columns = plane.shape
    middle = plane.affine[:3] @ (0.5 * (rows - 1), 0.5 * (columns - 1), 0.0, 1.0)
    affine = plane.affine.copy()
    affine[:3, 0] = np.cos(turn) * down - np.sin(turn) * right
    affine[:3, 1] = np.cos(turn) * right + np.sin(turn) * down
    affine[:3, 3] = middle
    affine[:3, 3] -= affine[:3, :2] @ (0.5 * (shape[0] - 1), 0.5 * (shape[1] - 1))
    return replace(plane, affine=affine, shape=shape)
