"""Write `result.json` and `overlay.png`, whole or not at all."""

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


def write_result(prediction: Prediction, folder: Path) -> tuple[Path, Path]:
    """Write `result.json` and `overlay.png` into a folder, which is made if missing.

    Each file is written beside its place and then renamed, so that nobody reads half a result and
    an older one stays until the newer is whole.

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
    from lvvol.report.overlay import encode_png  # loads OpenCV, which the table does without

    contents = {
        "result.json": (format_json(prediction) + "\n").encode(),
        "overlay.png": encode_png(prediction),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / f"{name}.part").write_bytes(content)
        for name in contents:
            (folder / f"{name}.part").replace(folder / name)
    except OSError as error:
        for name in contents:
            with suppress(OSError):
                (folder / f"{name}.part").unlink()
        raise OutputError(f"{folder}: cannot write the result: {error}") from error
    return folder / "result.json", folder / "overlay.png"


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
    """Return plain values as one indented JSON object; NaN and infinity become null."""
    return json.dumps(_nan_to_none(value), indent=2, allow_nan=False)


def _nan_to_none(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {key: _nan_to_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nan_to_none(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
