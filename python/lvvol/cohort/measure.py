"""One study of a cohort: read, measured, written, and recorded whatever happens."""

from __future__ import annotations

import datetime
import errno
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lvvol.cohort.find import parts_of
from lvvol.cohort.item import Item
from lvvol.cohort.record import (
    FAILED,
    SPLIT,
    Record,
    is_finished,
    numbers_of,
    read_record,
    write_record,
)
from lvvol.dicom import load_study
from lvvol.dicom.headers import read_patient
from lvvol.errors import AmbiguousStudyError, LvvolError, OutputError
from lvvol.model import DEFAULT_LEVEL, NO_CORRECTION, Model
from lvvol.prediction import Prediction
from lvvol.provenance import Provenance
from lvvol.report.files import DEFAULT
from lvvol.report.manifest import MANIFEST, remove_result
from lvvol.report.write import write_result

# The next study would meet the same: a full disk, a quota, a disk that fails or was unmounted.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


@dataclass(frozen=True)
class Settings:
    """How every study of a cohort is measured and written.

    Parameters
    ----------
    names : tuple of str
        What to write, by the names of `lvvol.report.files.WRITERS`.
    series : tuple of str or int
        Series to prefer, as in `lvvol.load_study`.
    calibration : str
        As in `lvvol.load_model`.
    level : float
        How often intervals hold the true value.
    identify : bool
        Whether reports name the patient.
    """

    names: tuple[str, ...] = DEFAULT
    series: tuple[str | int, ...] = ()
    calibration: str = NO_CORRECTION
    level: float = DEFAULT_LEVEL
    identify: bool = False

    def key(self, model: Model) -> dict[str, Any]:
        """Return what results depend on beside the files of the study."""
        return {
            "weights_sha256": model.weights_sha256,
            "lvvol": version("lvvol"),
            "engine": model.engine,
            "calibration": self.calibration,
            "level": self.level,
            "series": list(self.series),
            "identify": self.identify,
            "names": list(self.names),
        }


@dataclass(frozen=True)
class Done:
    """A study that needs no more work.

    Parameters
    ----------
    record : Record
        What is kept of it.
    earlier : bool
        Whether an earlier run had finished it.
    """

    record: Record
    earlier: bool = False


def measure_item(
    item: Item, out: Path, settings: Settings, model: Model, *, redo: bool = False, threads: int = 1
) -> list[Done]:
    """Measure a study, or the studies in its place, unless it is finished.

    Parameters
    ----------
    item : Item
        With its ID.
    out : Path
        Folder of the cohort; results go to a folder of the ID in it, the record last.
    settings : Settings
        How.
    model : Model
        The model.
    redo : bool
        Measure it even if it is finished.
    threads : int
        Largest number of threads.

    Returns
    -------
    list of Done
        One study, or those that the place turned out to hold. Errors of a study make a failed
        record, whatever their kind.

    Raises
    ------
    OutputError
        If the disk is full or fails, or the record cannot be written.
    """
    key = {"input": item.fingerprint(), **settings.key(model), **item.options}
    if not redo:
        record = is_finished(out, item.id, key)
        if record is not None:
            if record.status != SPLIT:
                return [Done(record, earlier=True)]
            return _measure_parts(item, key, out, settings, model, redo=redo, threads=threads)
    try:
        record = _measure(item, key, out, settings, model, threads)
    except AmbiguousStudyError as error:
        if item.part or item.study_uid or not item.path.is_dir():
            record = failed(item, key, error)
        else:
            return _measure_parts(item, key, out, settings, model, redo=redo, threads=threads)
    except OutputError as error:
        if getattr(error.__cause__, "errno", None) in _OF_THE_DISK:
            raise
        record = failed(item, key, error)
    except Exception as error:
        record = failed(item, key, error)
    if record.status == FAILED:
        remove_result(out / item.id)
    write_record(out, record)
    return [Done(record)]


def _measure(
    item: Item, key: Mapping[str, Any], out: Path, settings: Settings, model: Model, threads: int
) -> Record:
    """Read, measure and write a study."""
    began = time.perf_counter()
    source = item.source
    stack = load_study(source, series=settings.series, study_uid=item.study_uid)
    read = time.perf_counter()
    prediction = model.predict(stack, threads=threads, level=settings.level)
    measured = time.perf_counter()
    provenance = Provenance(
        study=source,
        weights_sha256=model.weights_sha256,
        patient=read_patient(source, stack, identify=settings.identify),
    )
    timed = replace(prediction, timings_s={"read": read - began, **prediction.timings_s})
    paths = write_result(timed, out / item.id, settings.names, provenance)
    item.deliver(paths)
    timings_s = {
        "read": read - began,
        "measure": measured - read,
        "write": time.perf_counter() - measured,
    }
    files = (*paths, out / item.id / MANIFEST)
    sizes = {path.name: path.stat().st_size for path in files}
    return _measured(item, key, prediction, timings_s, sizes)


def _measured(
    item: Item,
    key: Mapping[str, Any],
    prediction: Prediction,
    timings_s: Mapping[str, float],
    files: Mapping[str, int],
) -> Record:
    stack = prediction.stack
    numbers = numbers_of(prediction)
    finite = {k: v if v is not None and math.isfinite(v) else None for k, v in numbers.items()}
    return Record(
        id=item.id,
        study=item.place[0],
        part=item.place[1],
        key=key,
        status=str(prediction.status),
        study_uid=stack.study_uid,
        n_slices=stack.n_slices,
        n_phases=stack.n_phases,
        numbers=finite,
        level=prediction.intervals.level if prediction.intervals else None,
        reasons=tuple(dict.fromkeys(str(reason.code) for reason in prediction.reasons)),
        timings_s=timings_s,
        files=files,
        finished=_now(),
    )


def failed(item: Item, key: Mapping[str, Any], error: Exception) -> Record:
    """Return the record of a study that cannot be measured.

    Parameters
    ----------
    item : Item
        The study.
    key : mapping
        What its result would depend on.
    error : Exception
        Why.
    """
    if isinstance(error, LvvolError):
        exit_code, message = error.exit_code, str(error)
    else:
        exit_code = 5 if isinstance(error, MemoryError) else 1
        message = str(LvvolError(f"{item.path}: unexpected {type(error).__name__}: {error}"))
    return Record(
        id=item.id,
        study=item.place[0],
        part=item.place[1],
        key=key,
        status=FAILED,
        error=type(error).__name__,
        exit_code=exit_code,
        message=message,
        finished=_now(),
    )


def _measure_parts(
    item: Item,
    key: Mapping[str, Any],
    out: Path,
    settings: Settings,
    model: Model,
    *,
    redo: bool,
    threads: int,
) -> list[Done]:
    """Measure each of the studies in one place; its own record names them."""
    parts = [replace(part, id=f"{item.id}-{part.part}") for part in parts_of(item)]
    done = [
        one
        for part in parts
        for one in measure_item(part, out, settings, model, redo=redo, threads=threads)
    ]
    record = Record(
        id=item.id,
        study=item.place[0],
        part="",
        key=key,
        status=SPLIT,
        parts=tuple(part.id for part in parts),
        finished=_now(),
    )
    before = read_record(out / item.id)
    if before is None or replace(before, finished=record.finished) != record:
        write_record(out, record)
    return done


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
