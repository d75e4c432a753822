"""`load_study`: from a path to a `CineStack`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lvvol.cine import CineStack, Decision
from lvvol.dicom.acquisition import find_acquisitions
from lvvol.dicom.archive import Source, open_source
from lvvol.dicom.grid import Grid, common_grid, put_on_grid
from lvvol.dicom.image import Image
from lvvol.dicom.read import Reading, decode, fetch, read_images
from lvvol.dicom.stack import Plan, plan_stack
from lvvol.errors import (
    AmbiguousStudyError,
    DamagedStudyError,
    EmptyStudyError,
    NotCineError,
    NotDicomError,
    PermissionDeniedError,
    TooFewSlicesError,
    WrongModalityError,
)


def load_study(
    path: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> CineStack:
    """Read a study into one short-axis cine stack.

    Slices, order and distances come from the images' geometry, never from names; every choice made
    on the way is in the stack's `decisions`. ``docs/reading.md`` has the rules.

    Parameters
    ----------
    path : str or path-like
        A folder (searched to the bottom), a zip, a tar (also compressed) or one file.
    progress : callable, optional
        Called with the number of files read and of files in all.

    Returns
    -------
    CineStack
        Slices in spatial order, phases in temporal order.

    Raises
    ------
    TypeError
        If `path` is no path.
    StudyNotFoundError, PermissionDeniedError, EmptyStudyError, NotDicomError
        If there is nothing to read.
    ArchiveError
        If an archive is damaged, encrypted, too large, or its names lead outside it.
    WrongModalityError, NotCineError, TooFewSlicesError, AmbiguousStudyError
        If the images are not MR, show one phase, form fewer than three parallel slices, or belong
        to several studies that each would do.
    DamagedStudyError
        If what would be the stack is truncated or cannot be decoded.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path: expected a str or path, got {type(path).__name__}")
    study = Path(path)
    with open_source(study) as source:
        reading = read_images(source, progress)
        _check_files(study, reading, source.n_links)
        remaining, damaged = reading.images, sorted(reading.damaged)
        while True:
            plan = _plan(study, remaining, damaged)
            grid = common_grid(plan.slices, plan.normal, plan.decisions)
            images, bad = _decode_stack(plan, grid, source)
            if not bad:
                break
            # Without them another acquisition may be the better choice, so all is planned anew.
            dropped = set(map(id, bad))
            remaining = [image for image in remaining if id(image) not in dropped]
            damaged = sorted({*damaged, *(image.file for image in bad)})
    decisions, warnings = _note_files(reading, source.n_links, damaged)
    plan.warnings[:0] = warnings
    return _assemble(plan, grid, images, decisions)


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
            f"{study}: expected MR images, found {_files(reading.damaged)} truncated or damaged "
            "and no whole one"
        )
    if reading.set_aside:
        reason, files = next(iter(reading.set_aside.items()))
        raise NotCineError(f"{study}: expected cine MR images, found {_files(files)} with {reason}")
    if reading.without_image:
        raise NotCineError(
            f"{study}: expected cine MR images, found {_files(reading.without_image)} of DICOM "
            "without an image"
        )
    raise NotDicomError(
        f"{study}: expected DICOM files, found {_files(reading.not_dicom)} of another kind"
    )


def _files(names: list[str]) -> str:
    """Count files and name the first."""
    if len(names) == 1:
        return f"1 file ({names[0]})"
    return f"{len(names)} files (first: {names[0]})"


def _plan(study: Path, images: list[Image], damaged: list[str]) -> Plan:
    """Plan the stack of the one study among the images that has one."""
    exams: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        exams[image.patient_id, image.study_uid].append(image)
    plans: list[tuple[Plan, tuple[str, str]]] = []
    failures: list[NotCineError | TooFewSlicesError] = []
    for exam in sorted(exams):
        acquisitions, decisions = find_acquisitions(exams[exam])
        try:
            plan = plan_stack(acquisitions, str(study))
        except (NotCineError, TooFewSlicesError) as error:
            failures.append(error)
        else:
            plan.decisions[:0] = decisions
            plans.append((plan, exam))
    if len(plans) > 1:
        examples = " and ".join(exams[exam][0].file for _, exam in plans[:2])
        raise AmbiguousStudyError(
            f"{study}: expected one study, found {len(plans)} of different patients or dates "
            f"(such as {examples}): name the folder of one"
        )
    if not plans:
        if damaged:
            why = str(failures[0]).removeprefix(f"{study}: ") if failures else "nothing is left"
            raise DamagedStudyError(
                f"{study}: {_files(damaged)} truncated or damaged; without them: {why}"
            )
        # The study that came nearest: slices in motion say more than planes that stand still.
        raise next((f for f in failures if isinstance(f, TooFewSlicesError)), failures[0])
    plan, chosen = plans[0]
    for exam in sorted(set(exams) - {chosen}):
        plan.decisions.append(
            Decision(
                f"Set aside {len(exams[exam])} images of another patient or study.",
                "They form no short-axis cine stack.",
                tuple(dict.fromkeys(image.file for image in exams[exam])),
            )
        )
    return plan


def _decode_stack(
    plan: Plan, grid: Grid, source: Source
) -> tuple[npt.NDArray[np.float32], list[Image]]:
    """Decode the images of a plan onto its grid; return them, and those that cannot be decoded."""
    n_slices, n_phases = plan.phases.shape
    images = np.empty((n_slices, n_phases, *grid.shape), dtype=np.float32)
    used = [[a.images[i] for i in t] for a, t in zip(plan.slices, plan.phases, strict=True)]
    datasets = fetch([image for phases in used for image in phases], source)
    bad: dict[int, Image] = {}
    for phases, placing, out in zip(used, grid.placings, images, strict=True):
        first = phases[0]
        decoded = np.zeros((n_phases, first.rows, first.columns), dtype=np.float32)
        for phase, image in enumerate(phases):
            try:
                decoded[phase] = decode(image, datasets.get(image.file))
            except ValueError:
                bad[id(image)] = image
        if not bad:
            put_on_grid(decoded, placing, out)
    return images, list(bad.values())


def _assemble(
    plan: Plan, grid: Grid, images: npt.NDArray[np.float32], decisions: list[Decision]
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
        decisions=(*decisions, *plan.decisions),
        warnings=tuple(plan.warnings),
    )


def _note_files(
    reading: Reading, n_links: int, damaged: list[str]
) -> tuple[list[Decision], list[str]]:
    """Record what was done to files that are no part of any stack, and what a user should know."""
    decisions, warnings = [], []
    for names, what, why in (
        (damaged, "Left out {} truncated or damaged", "Their headers or pixels cannot be read."),
        (reading.unreadable, "Left out {} that may not be read", "Permission denied."),
    ):
        if names:
            decisions.append(Decision(what.format(_files(names)) + ".", why, tuple(names)))
            warnings.append(what.format(_files(names)) + ".")
    for names, what, why in (
        (reading.not_dicom, "Skipped {}", "They are not DICOM."),
        (reading.without_image, "Skipped {}", "They are DICOM without an image."),
        *((names, "Set aside {}", f"Reason: {r}.") for r, names in reading.set_aside.items()),
    ):
        if names:
            decisions.append(Decision(what.format(_files(names)) + ".", why, tuple(names)))
    if n_links:
        decisions.append(Decision(f"Skipped {n_links} links.", "Archives' links are not followed."))
    return decisions, warnings
