"""Phantom studies as DICOM files, with ground truth and labels."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lvvol.errors import OutputError
from lvvol.phantom.export.layouts import LAYOUTS, Layout
from lvvol.phantom.scanner.scan import LOCALISER, Scan
from lvvol.phantom.study import PhantomStudy
from lvvol.typing import StrPath

if TYPE_CHECKING:
    from lvvol.phantom.export.vendors import StudyHeader

STARTED = datetime(2024, 1, 1, 9, 0, 0)
FOREIGN_FILES = "foreign-files"


def study_files(
    study: PhantomStudy, layout: str = "flat", *, alone: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a study, rendering one scan at a time.

    Parameters
    ----------
    study : PhantomStudy
        With or without faults.
    layout : str
        ``"flat"``, ``"dsb2"`` or ``"sunnybrook"``.
    alone : bool
        True if no other study shares the folder; a flat study then needs no subfolder.

    Yields
    ------
    path : str
        Path relative to the output folder, with forward slashes.
    content : bytes
        ``truth.json`` is the first file. `write_study` adds tables of all studies.

    Raises
    ------
    ValueError
        If the layout is unknown, or its studies are of another vendor.
    """
    where = _checked(study, layout)
    folder = where.folder(study, alone=alone)
    names = {
        (scan.name, phase): name
        for scan in study.scans
        for phase in scan.stored
        if (name := where.file(study, scan, phase)) is not None
    }
    header = _header(study, where)
    foreign = []
    if any(fault.name == FOREIGN_FILES for fault in study.faults):
        foreign = list(_foreign_files(study, where, header, next(iter(names.values()))))
    truth = _truth(study, names, [name for name, _ in foreign])
    yield f"{folder}truth.json", (json.dumps(truth, indent=1) + "\n").encode()
    for scan in study.scans:
        for phase in scan.stored:
            if (scan.name, phase) in names:
                yield folder + names[scan.name, phase], _image_file(study, scan, phase, header)
    for name, content in foreign:
        yield folder + name, content
    yield from where.labels(study)


def write_study(study: PhantomStudy, folder: StrPath, layout: str = "flat") -> Path:
    """Write a study as DICOM files with its ground truth.

    Parameters
    ----------
    study : PhantomStudy
        Study to write.
    folder : str or path-like
        A missing or empty folder; missing parents are created. It appears only once complete.
    layout : str
        As in `study_files`.

    Returns
    -------
    Path
        The folder to read as a study, with ``truth.json`` in it.

    Raises
    ------
    OutputError
        If the folder is not empty, or cannot be written.
    ValueError
        As in `study_files`.
    """
    return _write([study], Path(folder), layout, alone=True, on_study=None)[0]


def write_studies(
    studies: Iterable[PhantomStudy],
    folder: StrPath,
    layout: str = "flat",
    on_study: Callable[[Path, PhantomStudy], None] | None = None,
) -> tuple[Path, ...]:
    """Write several studies, each in a subfolder.

    Parameters
    ----------
    studies : iterable of PhantomStudy
        Studies of different seeds; a generator keeps only one at a time in memory.
    folder, layout
        As in `write_study`.
    on_study : callable, optional
        Called after each study with its final folder.

    Returns
    -------
    tuple of Path
        The folder of each study.

    Raises
    ------
    OutputError, ValueError
        As in `write_study`; also if two studies have the same seed.
    """
    return _write(studies, Path(folder), layout, alone=False, on_study=on_study)


def check_empty_folder(folder: Path) -> None:
    """Raise `OutputError` for a folder that is not empty.

    Parameters
    ----------
    folder : Path
        Output folder of a study.

    Raises
    ------
    OutputError
        If it is a file, is not empty, or cannot be read.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise OutputError(f"{folder}: expected a missing or empty folder, got a file")
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder}: expected a missing or empty folder, but it is not empty")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _write(
    studies: Iterable[PhantomStudy],
    out: Path,
    layout: str,
    *,
    alone: bool,
    on_study: Callable[[Path, PhantomStudy], None] | None,
) -> tuple[Path, ...]:
    """Write to a temporary folder beside `out`, then move it there."""
    check_empty_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}-", suffix=".part", dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    try:
        folders: list[str] = []
        rows: list[str] = []
        where = LAYOUTS.get(layout)
        for study in studies:
            where = _checked(study, layout)
            folder = where.folder(study, alone=alone)
            if folder in folders:
                raise ValueError(f"studies: expected different seeds, got {study.seed} twice")
            folders.append(folder)
            rows.append(where.row(study))
            for name, content in study_files(study, layout, alone=alone):
                path = part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if on_study is not None:
                on_study(out / folder, study)
        if where is not None and where.table:
            (part / where.table).write_text("\n".join([where.columns, *rows, ""]), "utf-8")
        part.chmod(0o755)  # mkdtemp folders are private; studies are for sharing
        part.rename(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return tuple(out / folder for folder in folders)


def _checked(study: PhantomStudy, layout: str) -> Layout:
    """Return the layout, if it exists and the study fits it."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}; got {layout}")
    vendor = LAYOUTS[layout].vendor
    if vendor is not None and study.vendor != vendor:
        raise ValueError(
            f"layout: {layout} expects a study of {vendor}, got one of {study.vendor}; "
            f"pass vendor to make_phantom"
        )
    return LAYOUTS[layout]


def _header(study: PhantomStudy, where: Layout) -> StudyHeader:
    # pydicom takes a third of a second to import, and many phantoms are never written.
    from lvvol.phantom.export.vendors import StudyHeader

    patient_id, patient_name = where.patient(study)
    return StudyHeader(
        patient_id=patient_id,
        patient_name=patient_name,
        study_uid=study.uid("study"),
        frame_of_reference_uid=study.uid("frame of reference"),
        manufacturer=study.vendor,
        field_t=study.field_t,
        started=STARTED,
        anonymised=where.anonymised,
    )


def _image_file(study: PhantomStudy, scan: Scan, phase: int, header: StudyHeader) -> bytes:
    """Return the file of one image, truncated if the scan says so."""
    from lvvol.phantom.export.dicom import mr_file
    from lvvol.phantom.export.vendors import CineImage, SeriesHeader

    together = [other for other in study.scans if other.series == scan.series]
    series = SeriesHeader(
        number=scan.series,
        uid=study.uid("series", scan.series),
        description=scan.view,
        started=STARTED + timedelta(seconds=min(other.acquired_s for other in together)),
        n_images=sum(other.n_phases for other in together),
        localiser_uids=tuple(
            study.uid(other.name, 0) for other in study.of_view(LOCALISER) if scan.view != LOCALISER
        ),
    )
    gaps_mm = np.diff(study.reading.positions_mm)
    image = CineImage(
        pixels=scan.images[phase],
        affine=scan.plane.affine,
        thickness_mm=scan.plane.thickness_mm,
        spacing_mm=float(np.median(gaps_mm)),
        acquired=STARTED + timedelta(seconds=scan.acquired_s),
        n_phases=scan.n_phases,
        time_ms=float(scan.times_ms[phase]),
        interval_ms=scan.interval_ms,
        instance=scan.first_instance + phase,
        uid=study.uid(scan.name, phase),
    )
    content = mr_file(image, series, header)
    if phase not in scan.cut:
        return content
    # Pixel data is the last element of the file.
    return content[: len(content) - round(image.pixels.nbytes * (1.0 - scan.cut[phase]))]


def _foreign_files(
    study: PhantomStudy, where: Layout, header: StudyHeader, beside: str
) -> Iterator[tuple[str, bytes]]:
    """Yield files that do not belong to the examination, some of them next to an image."""
    from lvvol.phantom.export.dicom import ct_file, directory_file

    above, inside = where.images, beside.rpartition("/")[0]
    inside += "/" if inside else ""
    yield f"{above}README.txt", b"Exported for second reading.\n"
    yield f"{above}report.pdf", b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
    yield f"{above}DICOMDIR", directory_file(study.uid("directory"))
    yield f"{inside}CT000001", ct_file(header, study.uid("ct"), study.uid("ct", 0))
    yield f"{inside}.DS_Store", b"\0\0\0\1Bud1" + bytes(200)
    # macOS leaves an AppleDouble file, with the prefix "._", beside every file on foreign disks.
    yield (
        f"{inside}._{beside.rpartition('/')[2]}",
        b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(60),
    )
    yield f"{inside}empty", b""


def _truth(
    study: PhantomStudy, names: dict[tuple[str, int], str], foreign: list[str]
) -> dict[str, Any]:
    """Return the contents of ``truth.json``; paths are relative to the study's folder."""
    reading = study.reading

    def files(scan: Scan) -> list[str]:
        return [names[scan.name, t] for t in scan.stored if (scan.name, t) in names]

    unused = [
        {"why": why, "series": scan.series, "files": files(scan)}
        for scan, why in reading.unused
        if files(scan)
    ]
    unused += [
        {"why": "truncated", "series": scan.series, "files": [names[scan.name, t]]}
        for scan in reading.slices
        for t in sorted(scan.cut)
    ]
    if foreign:
        unused.append({"why": "foreign", "series": None, "files": foreign})
    faults = []
    for fault in study.faults:
        touched = [names[image] for image in fault.touched if image in names]
        listed = foreign if fault.name == FOREIGN_FILES else touched
        faults.append({"name": fault.name, "what": fault.what, "files": listed})
    return {
        "seed": study.seed,
        "vendor": study.vendor,
        "heart_to_patient": study.subject.heart_to_patient.tolist(),
        "positions_mm": reading.positions_mm.tolist(),
        "apex": "first",
        **study.truth.to_dict(),
        "reading": {
            "n_slices": len(reading.slices),
            "n_phases": reading.n_phases,
            "rows": reading.shape[0],
            "columns": reading.shape[1],
            "pixel_spacing_mm": list(study.pixel_spacing_mm),
            "slice_gaps_mm": np.diff(reading.positions_mm).tolist(),
            "slices": [
                {
                    "position_mm": float(position),
                    "series": scan.series,
                    "files": [
                        names[scan.name, t] if t in scan.readable else None
                        for t in range(scan.n_phases)
                    ],
                }
                for scan, position in zip(reading.slices, reading.positions_mm, strict=True)
            ],
            "not_used": unused,
        },
        "faults": faults,
    }
