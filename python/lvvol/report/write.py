"""Write the files of a result, and values as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lvvol.prediction import Prediction
from lvvol.report.manifest import OVERLAY, RESULT, write_with_manifest
from lvvol.typing import StrPath


def write_result(prediction: Prediction, folder: StrPath) -> tuple[Path, Path]:
    """Write `result.json` and `overlay.png` into a folder, which is made if missing.

    A `manifest.json` with their hashes and the study's identity is written last; see
    `lvvol.report.manifest.read_result`.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    folder : str or path-like
        Where to write; an earlier result is replaced, other files are left alone.

    Returns
    -------
    (Path, Path)
        The two files.

    Raises
    ------
    OutputError
        If they cannot be written, or files of these names are not lvvol's.
    """
    folder = Path(folder)
    # These load OpenCV, which the table does not need.
    from lvvol.report.overlay import draw_overlay
    from lvvol.report.picture import encode_png

    result = (format_json(prediction) + "\n").encode()
    contents = {RESULT: result, OVERLAY: encode_png(draw_overlay(prediction))}
    write_with_manifest(folder, prediction.stack, contents)
    return folder / RESULT, folder / OVERLAY


def format_json(prediction: Prediction) -> str:
    """Return the measurement as one JSON object; NaN and infinity become null.

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

    NaN and infinity become null. Characters beyond ASCII are escaped, so that none controls a
    terminal; undecodable bytes of a file name become backslash escapes.
    """
    return json.dumps(_strict(value), indent=2, allow_nan=False)


def _strict(value: Any) -> Any:
    """Replace values that JSON lacks: NaN, infinity, lone surrogates."""
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
