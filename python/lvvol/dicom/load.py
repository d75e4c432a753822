"""`load_study`: from a path to a `CineStack`, and `survey_study`: all that was found on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from lvvol.cine import CineStack, Decision
from lvvol.dicom.files.image import Image
from lvvol.dicom.files.read import Reading, decode, fetch, read_images
from lvvol.dicom.stack.direction import End, find_apex, find_middle_mm
from lvvol.dicom.stack.exam import count_files, find_stack
from lvvol.dicom.stack.grid import Grid, common_grid, put_on_grid
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.dicom.stack.series import list_series
from lvvol.errors import (
    DamagedStudyError,
    EmptyStudyError,
    NotCineError,
    NotDicomError,
    PermissionDeniedError,
    StudyNotFoundError,
    WrongModalityError,
)
from lvvol.sources.archive import Source, open_source
from lvvol.survey import Survey
from lvvol.typing import Float32


def load_study(
    path: str | os.PathLike[str],
    *,
    series: Iterable[str | int] = (),
    progress: Callable[[int, int], None] | None = None,
) -> CineStack:
    """Read a study into one short-axis cine stack.

    Slices, order and distances come from the images' geometry, never from names; every choice made
    on the way is in the stack's `decisions`. ``docs/reading.md`` has the rules.

    Parameters
    ----------
    path : str or path-like
        A folder (searched to the bottom), a zip, a tar (also compressed) or one file.
    series : iterable of str or int
        Series Instance UIDs or series numbers. If they form a stack by themselves, only they are
        used; else they win wherever there is a choice between acquisitions.
    progress : callable, optional
        Called with the number of files read and of files in all.

    Returns
    -------
    CineStack
        Slices in spatial order, phases in temporal order.

    Raises
    ------
    TypeError
        If `path` is no path, or `series` holds anything but str and int.
    StudyNotFoundError, PermissionDeniedError, EmptyStudyError, NotDicomError
        If there is nothing to read.
    ArchiveError
        If an archive is damaged, encrypted, too large, or its names lead outside it.
    WrongModalityError, NotCineError, TooFewSlicesError, AmbiguousStudyError
        If the images are not MR, show one phase, form fewer than three parallel slices, or belong
        to several studies that each would do.
    DamagedStudyError
        If what would be the stack is truncated or cannot be decoded.
    SeriesError
        If a series asked for is not there, or none of them can be part of the stack.
    """
    survey = survey_study(path, series=series, progress=progress)
    if survey.stack is None:
        assert survey.error is not None  # a survey has one or the other
        raise survey.error
    return survey.stack


def survey_study(
    path: str | os.PathLike[str],
    *,
    series: Iterable[str | int] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Read a study and tell all that was found: its series and its stack, or why there is none.

    Parameters
    ----------
    path, series, progress
        As in `load_study`.

    Returns
    -------
    Survey
        With the stack that `load_study` gives, or the error that it raises.

    Raises
    ------
    TypeError
        As `load_study` does.
    LvvolError
        If there is no MR image with a place to tell of: `load_study` names the kinds.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path: expected a str or path, got {type(path).__name__}")
    names = _check_names(series)
    if not os.fspath(path):
        raise StudyNotFoundError("path: expected the path of a study, got an empty one")
    study = Path(path)
    with open_source(study) as source:
        reading = read_images(source, progress)
        _check_files(study, reading, source.n_links)
        remaining, damaged = reading.images, sorted(reading.damaged)
        while True:
            found = find_stack(study, remaining, damaged, names)
            if found.plan is None:
                break
            grid = common_grid(found.plan.slices, found.plan.normal, found.ledger)
            images, bad = _decode_stack(found.plan, grid, source)
            if not bad:
                break
            # Without them another acquisition may be the better choice, so all is planned anew.
            dropped = set(map(id, bad))
            remaining = [image for image in remaining if id(image) not in dropped]
            damaged = sorted({*damaged, *(image.file for image in bad)})
        ledger = found.ledger
        _note_files(reading, source.n_links, damaged, ledger)
        stack = None
        if found.plan is not None:
            middle_mm = find_middle_mm(images, grid)
            apex = find_apex(found.plan, middle_mm, found.acquisitions, source, ledger)
            stack = _assemble(found.plan, grid, images, apex, ledger)
    return Survey(
        series=list_series(reading.images, found.acquisitions, found.plan, ledger),
        stack=stack,
        error=found.error,
        decisions=tuple(ledger.decisions),
        warnings=tuple(ledger.warnings),
    )


def _check_names(series: Iterable[str | int]) -> tuple[str | int, ...]:
    """Refuse what cannot name a series."""
    names = (series,) if isinstance(series, (str, int)) else tuple(series)
    for name in names:
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            raise TypeError(
                f"series: expected UIDs (str) or series numbers (int), got {type(name).__name__}"
            )
    return names


def _check_files(study: Path, reading: Reading, n_links: int) -> None:
    """Raise the error that says why no image is there, if so."""
    if reading.images:
        return
    if not reading.n_files:
        if reading.unreadable:
            raise PermissionDeniedError(
                f"{study}: expected a study that may be read, permission denied"
            )
        links = f", and {n_links} links, which are not followed" if n_links else ""
        raise EmptyStudyError(f"{study}: expected DICOM files, found no file{links}")
    opened = (reading.damaged, reading.set_aside, reading.without_image, reading.not_dicom)
    if not any(opened):
        raise PermissionDeniedError(
            f"{study}: expected files that may be read, "
            f"permission denied for all {len(reading.unreadable)}"
        )
    if reading.other_modalities:
        modality, example = next(iter(reading.other_modalities.items()))
        raise WrongModalityError(f"{study}: expected MR images, found {modality} in {example}")
    if reading.damaged:
        raise DamagedStudyError(
            f"{study}: expected MR images, found {count_files(reading.damaged)} truncated or "
            "damaged and no whole one"
        )
    if reading.set_aside:
        reason, files = next(iter(reading.set_aside.items()))
        raise NotCineError(
            f"{study}: expected cine MR images, found {count_files(files)} with {reason}"
        )
    if reading.without_image:
        raise NotCineError(
            f"{study}: expected cine MR images, found {count_files(reading.without_image)} of "
            "DICOM without an image"
        )
    raise NotDicomError(
        f"{study}: expected DICOM files, found {count_files(reading.not_dicom)} of another kind"
    )


def _decode_stack(plan: Plan, grid: Grid, source: Source) -> tuple[Float32, list[Image]]:
    """Decode the images of a plan onto its grid; return them, and those that cannot be decoded."""
    n_slices, n_phases = plan.phases.shape
    images = np.empty((n_slices, n_phases, *grid.shape), dtype=np.float32)
    used = [[a.images[i] for i in t] for a, t in zip(plan.slices, plan.phases, strict=True)]
    pixels = fetch([image for phases in used for image in phases], source)
    bad: dict[int, Image] = {}
    for phases, placing, out in zip(used, grid.placings, images, strict=True):
        shape = (n_phases, phases[0].rows, phases[0].columns)
        in_place = placing.shift == (0, 0) and out.shape == shape
        decoded = out if in_place else np.empty(shape, dtype=np.float32)
        for phase, image in enumerate(phases):
            try:
                decode(image, pixels.get(image.file), decoded[phase])
            except ValueError:
                bad[id(image)] = image
        if not bad and not in_place:
            put_on_grid(decoded, placing, out)
    return images, list(bad.values())


def _assemble(
    plan: Plan, grid: Grid, images: Float32, apex: End | None, ledger: Ledger
) -> CineStack:
    """Build the stack from its parts."""
    first = plan.slices[0].first
    return CineStack(
        images=images,
        pixel_spacing_mm=grid.pixel_spacing_mm,
        positions_mm=plan.positions_mm,
        times_ms=np.array([a.times_ms[t] for a, t in zip(plan.slices, plan.phases, strict=True)]),
        affines=np.array([placing.affine for placing in grid.placings]),
        study_uid=first.study_uid,
        frame_of_reference_uid=first.frame_of_reference_uid,
        series_uids=tuple(a.first.series_uid for a in plan.slices),
        sop_instance_uids=tuple(
            tuple(a.images[i].sop_instance_uid for i in t)
            for a, t in zip(plan.slices, plan.phases, strict=True)
        ),
        apex=apex,
        series_numbers=tuple(a.first.series_number for a in plan.slices),
        decisions=tuple(ledger.decisions),
        warnings=tuple(ledger.warnings),
    )


def _note_files(reading: Reading, n_links: int, damaged: list[str], ledger: Ledger) -> None:
    """Take down what was done to files that are no part of any stack; it comes first."""
    notes, warnings = [], []
    for names, what, why in (
        (damaged, "Left out {} truncated or damaged", "Headers or pixels cannot be read."),
        (reading.unreadable, "Left out {} that may not be read", "Permission denied."),
    ):
        if names:
            notes.append(Decision(what.format(count_files(names)) + ".", why, tuple(names)))
            warnings.append(what.format(count_files(names)) + ".")
    for names, what, why in (
        (reading.not_dicom, "Skipped {}", "Not DICOM."),
        (reading.without_image, "Skipped {}", "DICOM without an image."),
        *((names, "Set aside {}", f"Reason: {r}.") for r, names in reading.set_aside.items()),
    ):
        if names:
            notes.append(Decision(what.format(count_files(names)) + ".", why, tuple(names)))
    if n_links:
        notes.append(Decision(f"Skipped {n_links} links.", "Archives' links are not followed."))
    ledger.decisions[:0] = notes
    ledger.warnings[:0] = warnings
