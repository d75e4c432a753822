"""Prepared datasets on disk: read once, memory-mapped ever after.

A cache is a folder with ``lvvol_cache.json`` and a folder for each patient, named by a hash, with
``images.npy`` (uint8), ``masks.npy`` (packed bits of the labelled planes) and ``patient.json``. The
last is written last: a patient without it is absent. No file lists the patients, so none can
disagree with what is there after an interruption.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.cine import CineStack
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.facts import Facts, facts_of
from lvvol.datasets.labelled import LabelledStack, no_masks
from lvvol.errors import DatasetError, OutputError
from lvvol.output import write_file, write_files
from lvvol.typing import Float32, UInt8

INDEX = "lvvol_cache.json"
FORMAT = {"format": 1}

_IMAGES, _MASKS, _PATIENT = "images.npy", "masks.npy", "patient.json"
_LEVELS = np.float32(255)


def write_index(cache: Path) -> None:
    """Make a folder a cache.

    Parameters
    ----------
    cache : Path
        A missing or empty folder, or a cache, which stays as it is.

    Raises
    ------
    DatasetError
        If the folder holds something else, or a cache of another format.
    OutputError
        If it cannot be written.
    """
    if (cache / INDEX).is_file():
        check_index(cache)
        return
    try:
        if cache.is_dir() and any(cache.iterdir()):
            raise DatasetError(f"{cache}: expected a missing or empty folder or a cache")
    except OSError as error:
        raise DatasetError(f"{cache}: expected a folder to read, got {error}") from error
    write_file(cache / INDEX, json.dumps(FORMAT).encode())


def check_index(cache: Path) -> None:
    """Raise `DatasetError` for a folder that is no cache of this format."""
    index = _read_json(cache / INDEX)
    if index != FORMAT:
        raise DatasetError(
            f"{cache / INDEX}: expected {json.dumps(FORMAT)}, got {json.dumps(index)[:80]}; "
            "prepare the data again"
        )


def source_hash(patient: Patient) -> str:
    """Return a hash of the names, sizes and times of a patient's files, and of its settings.

    Parameters
    ----------
    patient : Patient
        Nothing of it is read.

    Returns
    -------
    str
        SHA-256 in hexadecimal. Names are relative to the sources, so a dataset may move.

    Raises
    ------
    OSError
        If a file is missing or cannot be asked.
    """
    digest = hashlib.sha256(f"{patient.name}\n{patient.settings}\n".encode())
    for source in patient.sources:
        for name, path in _files(source):
            status = path.stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    if not source.is_dir():
        yield source.name, source
        return
    for path in sorted(source.rglob("*")):
        if not path.is_dir():
            yield path.relative_to(source).as_posix(), path


def prepared_hash(cache: Path, name: str) -> str | None:
    """Return the `source_hash` that a patient was prepared from; None if it is not prepared."""
    path = _folder(cache, name) / _PATIENT
    return str(_read_json(path)["source"]) if path.is_file() else None


def _folder(cache: Path, name: str) -> Path:
    return cache / hashlib.sha256(name.encode()).hexdigest()[:24]


def write_patient(cache: Path, labels: LabelledStack, source: str) -> None:
    """Write a patient, whole or not at all.

    Parameters
    ----------
    cache : Path
        The cache.
    labels : LabelledStack
        The patient. Images are rounded to 255 levels: off by at most 1/510, and not at all where
        they came from 8 bit without resampling.
    source : str
        `source_hash` of what the patient was read from.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    images = np.rint(np.clip(labels.stack.images, 0, 1) * _LEVELS).astype(np.uint8)
    rounded = dataclasses.replace(
        labels, stack=dataclasses.replace(labels.stack, images=_decoded(images))
    )
    stack = labels.stack
    where = np.nonzero(labels.labelled)
    contents = {
        "source": source,
        "facts": dataclasses.asdict(facts_of(rounded)),
        "patient": labels.patient,
        "systolic_excess": labels.systolic_excess,
        "pixel_spacing_mm": stack.pixel_spacing_mm,
        "positions_mm": stack.positions_mm.tolist(),
        "times_ms": [[None if np.isnan(t) else t for t in row] for row in stack.times_ms.tolist()],
        "affines": stack.affines.tolist(),
        "apex": stack.apex,
        "study_uid": stack.study_uid,
    }
    remove_patient(cache, labels.patient)  # an older file must not speak for new pixels
    folder = _folder(cache, labels.patient)
    masks = np.packbits(labels.masks[where].reshape(len(where[0]), images[0, 0].size), axis=1)
    write_files({folder / _IMAGES: _npy(images), folder / _MASKS: _npy(masks)})
    write_file(folder / _PATIENT, json.dumps(contents).encode())


def remove_patient(cache: Path, name: str) -> None:
    """Remove a patient, if it is there.

    Raises
    ------
    OutputError
        If its file cannot be removed.
    """
    path = _folder(cache, name) / _PATIENT
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed: {error.strerror or error}") from error


def open_cache(cache: Path) -> Dataset:
    """Find the patients of a cache.

    Parameters
    ----------
    cache : Path
        What `lvvol prepare` wrote.

    Returns
    -------
    Dataset
        Patients in the order of their names, with their facts. Reading one maps its file and
        decodes what is asked for: `Dataset.pair` only two phases.

    Raises
    ------
    DatasetError
        If the cache is damaged or of another format.
    """
    check_index(cache)
    patients = []
    for path in sorted(cache.glob(f"*/{_PATIENT}")):
        try:
            contents = _read_json(path)
            facts = contents["facts"]
            labelled = tuple((int(z), int(t)) for z, t in facts["labelled"])
            known = Facts(**{**facts, "shape": tuple(facts["shape"]), "labelled": labelled})
            name = str(contents["patient"])
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{path}: expected a prepared patient, got {error!r}") from error
        patients.append(
            Patient(
                name,
                (path.parent,),
                partial(read_patient, path.parent),
                settings=known.fingerprint,
                read_pair=partial(read_pair, path.parent),
                facts=known,
            )
        )
    return Dataset(str(cache), tuple(sorted(patients, key=lambda patient: patient.name)))


def read_patient(folder: Path, phases: tuple[int, ...] | None = None) -> LabelledStack:
    """Read a patient, or some of its phases in the order given.

    Parameters
    ----------
    folder : Path
        Folder of the patient.
    phases : tuple of int, optional
        Phases to read, the first as ED and the second as ES; by default all of the cine.

    Returns
    -------
    LabelledStack

    Raises
    ------
    DatasetError
        If a file is missing or damaged.
    """
    contents = _read_json(folder / _PATIENT)
    try:
        facts = contents["facts"]
        images, packed = _load(folder / _IMAGES), _load(folder / _MASKS)
        shape = tuple(facts["shape"])
        if images.shape != shape or packed.shape[:1] != (len(facts["labelled"]),):
            raise ValueError(f"images of {images.shape} and {packed.shape[:1]} masks")
        taken = list(range(shape[1]) if phases is None else phases)
        decoded = _decoded(images if phases is None else images[:, taken])
        times_ms = np.array(contents["times_ms"], dtype=np.float64)[:, taken]
        stack = CineStack(
            images=decoded,
            pixel_spacing_mm=(contents["pixel_spacing_mm"][0], contents["pixel_spacing_mm"][1]),
            positions_mm=np.array(contents["positions_mm"], dtype=np.float64),
            times_ms=times_ms,
            affines=np.array(contents["affines"], dtype=np.float64),
            apex=contents["apex"],
            study_uid=contents["study_uid"],
        )
        labelled = np.zeros(decoded.shape[:2], dtype=bool)
        drawn = [
            (n, z, place)
            for n, (z, t) in enumerate(facts["labelled"])
            for place, phase in enumerate(taken)
            if phase == t
        ]
        masks = np.zeros(decoded.shape, dtype=bool) if drawn else no_masks(stack)
        n_pixels = shape[2] * shape[3]
        for n, z, t in drawn:
            bits = np.unpackbits(packed[n], count=n_pixels).view(bool)
            masks[z, t] = bits.reshape(shape[2:])
            labelled[z, t] = True
        ed_phase, es_phase = facts["ed_phase"], facts["es_phase"]
        return LabelledStack(
            patient=contents["patient"],
            stack=stack,
            masks=masks,
            labelled=labelled,
            edv_ml=facts["edv_ml"],
            esv_ml=facts["esv_ml"],
            systolic_excess=contents["systolic_excess"],
            ed_phase=ed_phase if phases is None else 0,
            es_phase=es_phase if phases is None else 1,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"{folder}: expected a prepared patient, got {error}") from error


def read_pair(folder: Path, ed_phase: int, es_phase: int) -> LabelledStack:
    """Read two phases of a patient; see `LabelledStack.at`."""
    return read_patient(folder, (ed_phase, es_phase))


def _decoded(images: UInt8) -> Float32:
    decoded = images.astype(np.float32)
    decoded /= _LEVELS
    return decoded


def _npy(array: UInt8) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _load(path: Path) -> UInt8:
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DatasetError(f"{path}: expected an array, got {error}") from error
    if array.dtype != np.uint8:
        raise DatasetError(f"{path}: expected uint8, got {array.dtype}")
    return np.asarray(array)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: expected JSON, got {error}") from error
