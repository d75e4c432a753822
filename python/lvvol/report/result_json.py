"""`result.json`, and plain values as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from lvvol.prediction import Prediction

SCHEMA_VERSION = 1
"""Of `result.json`; raised when a key changes its meaning or goes."""


def format_json(prediction: Prediction) -> str:
    """Return the measurement as one JSON object; NaN and infinity become null.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    str
        `schema_version`, and the keys of `Prediction.to_dict`. Phases and slices count from 0.
    """
    return to_json({"schema_version": SCHEMA_VERSION, **prediction.to_dict()})


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
