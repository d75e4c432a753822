"""Faults of real studies, planted into a phantom before it is rendered.

Images that a fault adds or changes are scanned anew from the same heart: a repeated slice has new
noise, a slightly different heart rate and a later time; a rotated slice is rendered on the rotated
plane.
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
"""Smaller stacks might have too few images left after several faults."""

BETWEEN, OFF_STACK = "between", "off the stack"

Touched = tuple[tuple[str, int], ...]
Planter = Callable[[Examination, np.random.Generator], tuple[str, Touched]]


def plant(study: PhantomStudy, faults: Collection[str], seed: int | None = None) -> PhantomStudy:
    """Return a study with faults and the expected result of reading it.

    Parameters
    ----------
    study : PhantomStudy
        A study without faults, with at least 5 slices and 4 phases. The result shares the scans
        that no fault changes, so they are rendered once.
    faults : collection of str
        Names from `FAULTS`, in any order.
    seed : int, optional
        Seed for the choice of slices and phases; by default the study's. Each fault has its own
        random stream, so adding one does not change the others.

    Returns
    -------
    PhantomStudy
        Its `faults` describe the changes; its `reading` lists the scans to use.

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
    # Not where a slice is missing, whose place the new slice would take.
    after = int(rng.choice(np.flatnonzero(gaps < 1.5 * np.median(gaps))))
    part = float(rng.uniform(0.25, 0.45))
    part = 1.0 - part if rng.random() < 0.5 else part
    scan = _scan_beside(examination, rng, stack[after], part * float(gaps[after]), BETWEEN)
    return f"An extra slice was scanned at {_at(scan)}, off the regular spacing.", _all_of(scan)


def _outlying_position(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    stack = _stack(examination)
    gap_mm = float(np.median(np.diff([_position_mm(scan) for scan in stack])))
    distance_mm = gap_mm * float(rng.uniform(3.5, 6.0))
    end, shift_mm = (stack[0], -distance_mm) if rng.random() < 0.5 else (stack[-1], distance_mm)
    scan = _scan_beside(examination, rng, end, shift_mm, OFF_STACK)
    return (
        f"An extra slice was scanned at {_at(scan)}, {distance_mm:.1f} mm beyond one end.",
        _all_of(scan),
    )


def _rotated_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    degrees = float(rng.choice([90.0, rng.uniform(15.0, 60.0)]) * rng.choice([-1.0, 1.0]))
    scan = _change_plane(
        examination, rng, "rotated", lambda plane: _regridded(plane, turn=np.deg2rad(degrees))
    )
    return f"The slice at {_at(scan)} is rotated by {degrees:.0f} degrees.", _all_of(scan)


def _other_spacing(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    factor = float(rng.choice([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.3)]))
    scan = _change_plane(
        examination,
        rng,
        "spaced",
        lambda plane: _regridded(plane, pixel_mm=round(plane.pixel_mm * factor, 4)),
    )
    return f"Pixels of the slice at {_at(scan)} are {scan.plane.pixel_mm} mm wide.", _all_of(scan)


def _other_matrix(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    # Even numbers, as on scanners; the field of view grows along one axis, shrinks along the other.
    by_rows, by_columns = rng.permutation([rng.uniform(0.75, 0.9), rng.uniform(1.1, 1.25)])
    scan = _change_plane(
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
        series = None if examination.one_series_per_slice else again.series
        touched += _all_of(again)
    return "The whole stack was acquired again.", touched


def _repeated_slice(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _draw(_stack(examination), rng)
    times = int(rng.integers(1, 3))
    touched: Touched = ()
    for time in range(times):
        name = f"{scan.name} repeat {time + 1}"
        series = None if examination.one_series_per_slice else scan.series
        touched += _all_of(examination.scan(rng, name, SHORT_AXIS, scan.plane, series=series))
    return f"The slice at {_at(scan)} was acquired {times} more times.", touched


def _missing_phases(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _draw_used(examination, rng)
    n_lost = int(rng.integers(1, max(1, scan.n_phases // 4) + 1))
    lost = sorted(int(t) for t in rng.choice(scan.readable, n_lost, replace=False))
    _swap(examination, scan, replace(scan, lost=scan.lost | set(lost)))
    touched = tuple((scan.name, t) for t in lost)
    return f"Files of {n_lost} phases of the slice at {_at(scan)} are missing.", touched


def _truncated_file(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    scan = _draw_used(examination, rng)
    phase, part = int(rng.choice(scan.readable)), float(rng.uniform(0.05, 0.95))
    _swap(examination, scan, replace(scan, cut={**scan.cut, phase: part}))
    what = f"The file of one phase of the slice at {_at(scan)} ends within its pixel data."
    return what, ((scan.name, phase),)


def _foreign_files(examination: Examination, rng: np.random.Generator) -> tuple[str, Touched]:
    return "Files that do not belong to this examination lie among its images.", ()


FAULTS: dict[str, tuple[str, Planter]] = {
    "missing-slice": ("all files of one slice inside the stack are missing", _missing_slice),
    "interspersed-slice": (
        "an extra slice lies between two others, off the regular spacing",
        _interspersed_slice,
    ),
    "outlying-position": (
        "an extra slice lies far beyond one end of the stack",
        _outlying_position,
    ),
    "rotated-slice": ("one slice is rotated within its plane", _rotated_slice),
    "other-spacing": ("one slice has a different pixel spacing", _other_spacing),
    "other-matrix": ("one slice has a different matrix", _other_matrix),
    "repeated-stack": ("the whole stack was acquired twice", _repeated_stack),
    "repeated-slice": ("one slice was acquired two or three times", _repeated_slice),
    "missing-phases": ("files of some phases of one slice are missing", _missing_phases),
    "truncated-file": ("one file ends within its pixel data", _truncated_file),
    "foreign-files": (
        "text, PDF, CT, DICOMDIR, empty and hidden files lie among the images",
        _foreign_files,
    ),
}
"""Description and planter of each fault by name, in the order of planting."""


def _position_mm(scan: Scan) -> float:
    return float(scan.plane.affine[:3, 3] @ scan.plane.affine[:3, 2])


def _at(scan: Scan) -> str:
    return f"{_position_mm(scan):.1f} mm"


def _all_of(scan: Scan) -> Touched:
    return tuple((scan.name, t) for t in range(scan.n_phases))


def _stack(examination: Examination) -> list[Scan]:
    """Return one scan per position, from apex to base, without outliers."""
    return list(right_reading(examination.scans).slices)


def _draw(scans: list[Scan], rng: np.random.Generator) -> Scan:
    return scans[rng.integers(len(scans))]


def _draw_used(examination: Examination, rng: np.random.Generator) -> Scan:
    """Draw a scan that the reader uses; half of the time a repeated one, if there is one."""
    reading = right_reading(examination.scans)
    repeated_at = {
        _at(other)
        for other, _ in reading.unused
        if other.view == SHORT_AXIS and not other.off_stack
    }
    repeated = [scan for scan in reading.slices if _at(scan) in repeated_at]
    pool = repeated if repeated and rng.random() < 0.5 else list(reading.slices)
    return _draw(pool, rng)


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
        series=None if examination.one_series_per_slice else scan.series,
        off_stack=how == OFF_STACK,
    )


def _change_plane(
    examination: Examination,
    rng: np.random.Generator,
    how: str,
    change: Callable[[Plane], Plane],
) -> Scan:
    """Change the plane of one slice, as if it had been scanned that way originally."""
    old = _draw(_stack(examination), rng)
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
    """Put another grid around the image's centre, within the same plane."""
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
