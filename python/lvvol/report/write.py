"""Write files whole or not at all, and values as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lvvol.errors import OutputError
from lvvol.prediction import Prediction


def check_folder(folder: Path) -> None:
    """Fail early where a result could not be written later; creates nothing.

    Parameters
    ----------
    folder : Path
        Where the result is to go; it and its parents need not exist.

    Raises
    ------
    OutputError
        If the folder, or the nearest parent there is, is no folder or may not be written to.
    """
    parent = folder.absolute()
    while not os.path.lexists(parent):
        parent = parent.parent
    if not os.path.isdir(parent):  # noqa: PTH112 - False where Path.is_dir may raise
        raise OutputError(f"{folder}: expected a folder to write to, but {parent} is none")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write in {parent}")


def check_file(path: Path) -> None:
    """Fail early where a file could not be written later; creates nothing.

    Parameters
    ----------
    path : Path
        The file, which need not exist, nor its folder.

    Raises
    ------
    OutputError
        If it is a folder, or its folder is none or may not be written to.
    """
    if os.path.isdir(path):  # noqa: PTH112 - False where Path.is_dir may raise
        raise OutputError(f"{path}: expected a file to write, but it is a folder")
    check_folder(path.parent)


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole or not at all; their folders are made if missing.

    Each is written beside its place and then renamed, so that nobody reads half a file and an older
    one stays until the newer is whole.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file is to hold; files of these names are replaced.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    parts = {path: path.with_name(f"{path.name}.part") for path in contents}
    path = next(iter(contents))
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path].write_bytes(content)
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_result(prediction: Prediction, folder: Path) -> tuple[Path, Path]:
    """Write `result.json` and `overlay.png` into a folder, which is made if missing.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    folder : Path
        Where to write; files of these names are replaced.

    Returns
    -------
    (Path, Path)
        The two files.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    # These load OpenCV, which the table does without.
    from lvvol.report.overlay import draw_overlay
    from lvvol.report.picture import encode_png

    written = folder / "result.json", folder / "overlay.png"
    contents = (format_json(prediction) + "\n").encode(), encode_png(draw_overlay(prediction))
    write_files(dict(zip(written, contents, strict=True)))
    return written


def format_json(prediction: Prediction) -> str:
    """Return the measurement as one JSON object; what is not a number becomes null.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    str
        The keys of `Prediction.to_dict`. Phases and slices count from 0.
    """
    return to_json(prediction.to_dict())


def to_json(value: Mapping[str, Any]) -> str:
    """Return plain values as one indented JSON object.

    NaN and infinity become null. Characters beyond ASCII are escaped, so that no terminal takes
    them for a command; bytes of a file name that no encoding explains are written as backslash
    escapes.
    """
    return json.dumps(_strict(value), indent=2, allow_nan=False)


def _strict(value: Any) -> Any:
    """Replace what JSON cannot say: NaN, infinity, halves of characters."""
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
