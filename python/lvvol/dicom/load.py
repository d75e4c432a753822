"""`load_study` reads a path into a `CineStack`; `survey_study` also lists all series."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from lvvol.cine import CineStack, Decision
from lvvol.dicom.files.image import Image
from lvvol.dicom.files.read import Reading, decode, fetch, read_images
from lvvol.dicom.stack.direction import End, find_apex
from lvvol.dicom.stack.exam import count_files, find_stack, of_study
from lvvol.dicom.stack.field import check_fields, check_memory
from lvvol.dicom.stack.grid import Grid, common_grid, put_on_grid
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.left_out import warn_of_left_out
from lvvol.dicom.stack.order import warn_of_order, warn_of_still_slices
from lvvol.dicom.stack.plan import Plan
from lvvol.dicom.stack.series import list_series
from lvvol.errors import (
    DamagedStudyError,
    EmptyStudyError,
    NoMotionError,
    NotCineError,
    NotDicomError,
    PermissionDeniedError,
    StudyNotFoundError,
    WrongModalityError,
)
from lvvol.sources.archive import Source, open_source
from lvvol.status import Code, Reason
from lvvol.survey import Survey
from lvvol.typing import Float32, StrPath

_ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def load_study(
    path: StrPath | Source,
    *,
    series: Iterable[str | int] = (),
    study_uid: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CineStack:
    """Load the short-axis cine stack of a study.

    Slices, their order and their gaps are found from the geometry of the images, never from names.
    All decisions are recorded in the `decisions` of the stack; ``docs/reading.md`` describes the
    rules.

    Parameters
    ----------
    path : str, path-like or Source
        A folder (searched recursively), a zip, a tar (optionally compressed) or a single file; or
        files from elsewhere, such as a `lvvol.sources.MemorySource`.
    series : iterable of str or int
        Series Instance UIDs or series numbers. If they form a stack by themselves, only they are
        used; otherwise they are preferred wherever there is a choice between acquisitions.
    study_uid : str, optional
        Study Instance UID: images of other studies are ignored.
    progress : callable, optional
        Called with the number of files read and the total.

    Returns
    -------
    CineStack
        Slices in spatial order, phases in temporal order.

    Raises
    ------
    TypeError
        If `path` is not a path, or `series` contains anything but str and int.
    StudyNotFoundError, PermissionDeniedError, EmptyStudyError, NotDicomError
        If there is nothing to read.
    ArchiveError
        If the archive is damaged, encrypted, too large when unpacked, or contains unsafe paths.
    WrongModalityError, NotCineError, TooFewSlicesError, AmbiguousStudyError
        If the images are not MR, have a single phase, form fewer than three parallel slices, or
        form stacks of several patients or studies.
    DamagedStudyError
        If the files of the stack are truncated or cannot be decoded.
    ImageSizeError
        If the stack is too large for memory.
    NoMotionError
        If all phases are alike.
    SeriesError
        If a requested study or series does not exist, or no such series can be part of the stack.
    """
    survey = survey_study(path, series=series, study_uid=study_uid, progress=progress)
    if survey.stack is None:
        assert survey.error is not None  # a survey has one or the other
        raise survey.error
    return survey.stack


def survey_study(
    path: StrPath | Source,
    *,
    series: Iterable[str | int] = (),
    study_uid: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Survey a study: list its series, and load its stack or find out why there is none.

    Parameters
    ----------
    path, series, study_uid, progress
        As in `load_study`.

    Returns
    -------
    Survey
        With the stack that `load_study` returns or the error that it raises.

    Raises
    ------
    TypeError
        As `load_study`.
    LvvolError
        As `load_study`, if the study has no MR image with a usable geometry.
    """
    study = _check_path(path)
    names = _check_names(series)
    with open_source(study) as source:
        place = source.place
        reading = read_images(source, progress)
        _check_reading(place, reading, source.n_links)
        if study_uid is not None:
            reading.images = of_study(place, reading.images, study_uid)
        remaining, damaged = reading.images, sorted(reading.damaged)
        while True:
            found = find_stack(place, remaining, damaged, names)
            if found.plan is None:
                break
            grid = common_grid(found.plan.slices, found.plan.normal, found.ledger)
            check_memory(found.plan, grid, str(place))
            images, bad = _decode_stack(found.plan, grid, source)
            if not bad:
                break
            # Plan again without them: another acquisition may now be the better choice.
            dropped = set(map(id, bad))
            remaining = [image for image in remaining if id(image) not in dropped]
            damaged = sorted({*damaged, *(image.file for image in bad)})
        ledger = found.ledger
        _record_files(reading, source.n_links, damaged, ledger)
        stack = None
        if found.plan is not None:
            warn_of_left_out(
                found.plan, found.acquisitions, reading.excluded, reading.series, ledger
            )
            check_fields(found.plan, grid, ledger)
            still = warn_of_still_slices(images, ledger)
            warn_of_order(found.plan, images, ledger)
            apex = find_apex(found.plan, grid, images, found.acquisitions, source, ledger)
            stack = _build_stack(found.plan, grid, images, apex, ledger)
        error = found.error
        if found.plan is not None and stack is not None and still.all():
            stack = None
            error = NoMotionError(
                f"{place}: expected a cine, found the same image in all "
                f"{found.plan.phases.shape[1]} phases of every slice; export the study again"
            )
    return Survey(
        series=list_series(reading.images, found.acquisitions, found.plan, ledger),
        stack=stack,
        error=error,
        decisions=tuple(ledger.decisions),
        reasons=tuple(ledger.reasons),
    )


def _check_path(path: StrPath | Source) -> Path | Source:
    """Return a path as a Path, and a source as it is."""
    if isinstance(path, (str, os.PathLike)):
        if not os.fspath(path):
            raise StudyNotFoundError("path: expected the path of a study, got an empty string")
        return Path(path)
    if not isinstance(path, Source):
        raise TypeError(f"path: expected a str or path, got {type(path).__name__}")
    return path


def _check_names(series: Iterable[str | int]) -> tuple[str | int, ...]:
    """Return series names as a tuple; raise TypeError for other types than str and int."""
    names = (series,) if isinstance(series, (str, int)) else tuple(series)
    for name in names:
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            raise TypeError(
                f"series: expected UIDs (str) or series numbers (int), got {type(name).__name__}"
            )
    return names


def _check_reading(study: Path, reading: Reading, n_links: int) -> None:
    """Raise the appropriate error if no usable image was read."""
    if reading.images:
        return
    if not reading.n_files:
        if reading.unreadable:
            raise PermissionDeniedError(
                f"{study}: expected a readable folder, got permission denied; "
                "check its access rights"
            )
        links = f"; {n_links} links in the archive are not followed" if n_links else ""
        raise EmptyStudyError(f"{study}: expected DICOM files, found no files{links}")
    opened = (reading.damaged, reading.excluded, reading.without_image, reading.not_dicom)
    if not any(opened):
        raise PermissionDeniedError(
            f"{study}: expected readable files, got permission denied for all "
            f"{len(reading.unreadable)}; check their access rights"
        )
    if reading.other_modalities:
        modality, example = next(iter(reading.other_modalities.items()))
        raise WrongModalityError(
            f"{study}: expected MR images, found modality {modality} (first: {example})"
        )
    if reading.damaged:
        raise DamagedStudyError(
            f"{study}: expected intact MR images, found only "
            f"{count_files(reading.damaged, 'truncated or damaged')}; export the study again"
        )
    if reading.excluded:
        reason, files = next(iter(reading.excluded.items()))
        raise NotCineError(
            f"{study}: expected cine MR images, found {count_files(files, 'unsuitable')}: {reason}"
        )
    if reading.without_image:
        raise NotCineError(
            f"{study}: expected cine MR images, found only "
            f"{count_files(reading.without_image, 'DICOM')} without an image"
        )
    archives = [name for name in reading.not_dicom if name.lower().endswith(_ARCHIVE_ENDINGS)]
    if archives:
        raise NotDicomError(
            f"{study}: expected DICOM files, found {count_files(archives, 'archive')}, which are "
            "not opened inside a folder or archive; give the path of one of them"
        )
    raise NotDicomError(
        f"{study}: expected DICOM files, found only {count_files(reading.not_dicom, 'non-DICOM')}"
    )


def _decode_stack(plan: Plan, grid: Grid, source: Source) -> tuple[Float32, list[Image]]:
    """Decode the images of a plan onto its grid; also return those that cannot be decoded."""
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


def _build_stack(
    plan: Plan, grid: Grid, images: Float32, apex: End | None, ledger: Ledger
) -> CineStack:
    """Build the stack."""
    first = plan.slices[0].first
    used = [[a.images[i] for i in t] for a, t in zip(plan.slices, plan.phases, strict=True)]
    return CineStack(
        images=images,
        pixel_spacing_mm=grid.pixel_spacing_mm,
        positions_mm=plan.positions_mm,
        times_ms=np.array([a.times_ms[t] for a, t in zip(plan.slices, plan.phases, strict=True)]),
        affines=np.array([placing.affine for placing in grid.placings]),
        study_uid=first.study_uid,
        frame_of_reference_uid=first.frame_of_reference_uid,
        series_uids=tuple(a.first.series_uid for a in plan.slices),
        sop_instance_uids=tuple(tuple(image.sop_instance_uid for image in row) for row in used),
        files=tuple(tuple(image.file for image in row) for row in used),
        frames=tuple(tuple(image.frame for image in row) for row in used),
        cycles_ms=tuple(_cycle_ms(row) for row in used),
        apex=apex,
        series_numbers=tuple(a.first.series_number for a in plan.slices),
        decisions=tuple(ledger.decisions),
        reasons=tuple(ledger.reasons),
    )


def _cycle_ms(images: Sequence[Image]) -> float:
    """Return the median length of the heart cycle of a slice's images; NaN if unknown."""
    beats = (60_000 / image.heart_rate for image in images if image.heart_rate)
    cycles_ms = [image.cycle_ms for image in images if image.cycle_ms] or [*beats]
    return float(np.median(cycles_ms)) if cycles_ms else float("nan")


def _record_files(reading: Reading, n_links: int, damaged: list[str], ledger: Ledger) -> None:
    """Insert decisions and reasons about unused files at the beginning of the ledger."""
    decisions, reasons = [], []
    for names, kind, why in (
        (damaged, "truncated or damaged", "Headers or pixels cannot be read."),
        (reading.unreadable, "unreadable", "Permission denied."),
    ):
        if names:
            what = f"Excluded {count_files(names, kind)}."
            decisions.append(Decision(what, why, tuple(names)))
            reasons.append(Reason(Code.FILES_DAMAGED, f"{what} Export or copy the study again."))
    for names, verb, why in (
        (reading.not_dicom, "Skipped", "Not DICOM."),
        (reading.without_image, "Skipped", "DICOM without an image."),
        *((names, "Excluded", f"{r[0].upper()}{r[1:]}.") for r, names in reading.excluded.items()),
    ):
        if names:
            decisions.append(Decision(f"{verb} {count_files(names)}.", why, tuple(names)))
    if n_links:
        decisions.append(
            Decision(f"Skipped {n_links} links.", "Links in archives are not followed.")
        )
    ledger.decisions[:0] = decisions
    ledger.reasons[:0] = reasons
