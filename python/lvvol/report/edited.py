"""What is said of an edited mask: its volumes, where they come from, and what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import MaskError, ResultError
from lvvol.measure import Measured
from lvvol.report.text import format_number
from lvvol.slice_choice import name_slices

SCHEMA_VERSION = 1


def describe_edit(
    measured: Measured, mask: Path, stack: CineStack, compare: Path | None = None
) -> dict[str, Any]:
    """Return `measured.json`; docs/outputs.md describes its keys.

    Parameters
    ----------
    measured : Measured
        The volumes.
    mask : Path
        The file or folder that they come from.
    stack : CineStack
        The study.
    compare : Path, optional
        A `result.json` of the same study.

    Raises
    ------
    MaskError
        If the mask cannot be read again.
    ResultError
        If `compare` is no result, or of another stack.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "lvvol": version("lvvol"),
        "source": "edited",
        "mask": {"file": mask.resolve().name, "sha256": hash_mask(mask)},
        "study_uid": stack.study_uid,
        **measured.to_dict(),
    }
    if compare is not None:
        document["difference_mm2"] = _difference(measured, compare)
    return document


def hash_mask(mask: Path) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files in a folder.

    Raises
    ------
    MaskError
        If one cannot be read.
    """
    try:
        if not mask.is_dir():
            return hashlib.sha256(mask.read_bytes()).hexdigest()
        names = sorted(
            (path.relative_to(mask).as_posix(), path) for path in mask.rglob("*") if path.is_file()
        )
        # As `find . -type f -exec sha256sum {} +`, sorted by name, would list them.
        lines = [f"{hash_mask(path)}  ./{name}\n" for name, path in names]
    except OSError as error:
        raise MaskError(f"{mask}: cannot be read: {error.strerror or error}") from error
    return hashlib.sha256("".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def format_edit(measured: Measured, document: Mapping[str, Any]) -> str:
    """Return the volumes, and the difference of every slice, as lines for a person to read."""
    rows = [
        ("EDV", document["edv_ml"], "mL", f"phase {measured.ed_phase + 1}"),
        ("ESV", document["esv_ml"], "mL", f"phase {measured.es_phase + 1}"),
        ("SV", document["sv_ml"], "mL", ""),
        ("EF", document["ef_percent"], "%", ""),
    ]
    lines = [f"From {document['mask']['file']}, {len(measured.drawn)} phases drawn", ""]
    lines += [
        f"  {name:<4}{format_number(value):>8} {unit:<5}{note}".rstrip()
        for name, value, unit, note in rows
    ]
    if measured.excluded:
        lines += ["", f"Left out: {name_slices(measured.excluded)}"]
    if "difference_mm2" in document:
        lines += ["", "Edited minus automatic, mm2", "  slice        ED        ES"]
        for z, row in enumerate(document["difference_mm2"]):
            ed, es = row[measured.ed_phase], row[measured.es_phase]
            lines.append(f"  {z + 1:>5}{ed:>10.0f}{es:>10.0f}")
    return "\n".join(lines)


def _difference(measured: Measured, path: Path) -> list[list[float]]:
    """Return how much larger each area is than in an automatic result."""
    try:
        automatic = np.array(json.loads(path.read_bytes())["areas_mm2"], dtype=np.float64)
    except OSError as error:
        raise ResultError(f"{path}: expected a result.json, got {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ResultError(f"{path}: expected a result.json, got {error!r}") from error
    if automatic.shape != measured.areas_mm2.shape:
        raise ResultError(
            f"{path}: expected areas of {measured.areas_mm2.shape} slices and phases, "
            f"got {automatic.shape}"
        )
    difference: list[list[float]] = (measured.areas_mm2 - automatic).tolist()
    return difference
