"""Calibrations on disk: JSON, checked in every part."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from lvvol.errors import CalibrationError
from lvvol.output import write_file
from lvvol.typing import StrPath
from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.calibration import Bias, Calibration
from lvvol.uncertainty.joint import Quantity
from lvvol.uncertainty.sigma import TERMS, SigmaModel

FORMAT = "lvvol calibration 1"
"""First key of every file; other formats are refused."""

_LARGEST_FILE = 1_000_000
"""Bytes; calibrations have about 4,000."""

_Made = TypeVar("_Made")


def write_calibration(calibration: Calibration, path: StrPath) -> None:
    """Write a calibration to a file, whole or not at all.

    Parameters
    ----------
    calibration : Calibration
        What to write.
    path : str or path-like
        The file; an older one is replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    values = {
        "format": FORMAT,
        "source": calibration.source,
        "weights_sha256": calibration.weights_sha256,
        "n_patients": calibration.n_patients,
        "bias": {
            name: {"offset_ml": bias.offset_ml, "slope": bias.slope}
            for name, bias in (("edv", calibration.edv_bias), ("esv", calibration.esv_bias))
        },
        "log_sigma": {
            name: dict(model.coefficients)
            for name, model in (("edv", calibration.edv_sigma), ("esv", calibration.esv_sigma))
        },
        "correlation": calibration.correlation,
        "scales": {
            str(level): {str(quantity): factors[quantity] for quantity in Quantity}
            for level, factors in sorted(calibration.scales.items())
        },
        "area_variances": {
            "ed": list(calibration.area_error.ed_variances),
            "es": list(calibration.area_error.es_variances),
        },
    }
    write_file(Path(path), (json.dumps(values, indent=1) + "\n").encode())


def read_calibration(path: StrPath) -> Calibration:
    """Read a calibration and check every part of it.

    Parameters
    ----------
    path : str or path-like
        A file by `write_calibration`.

    Returns
    -------
    Calibration
        With the same values, to the last digit.

    Raises
    ------
    CalibrationError
        If the file cannot be read, is of another format, lacks a key or has an unknown or repeated
        one, or a value has the wrong type or is out of range.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ValueError(f"more than {_LARGEST_FILE} bytes")
        values = json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)
    # ValueError: JSON, UTF-8 or a number of thousands of digits; RecursionError: nesting.
    except (OSError, ValueError, RecursionError) as error:
        raise CalibrationError(f"{path}: expected a calibration in JSON, got {error}") from error
    return _Reader(str(path)).calibration(values)


class _Reader:
    """Values to their types, with the place of each in errors."""

    def __init__(self, path: str) -> None:
        self.path = path

    def calibration(self, values: Any) -> Calibration:
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            got = values.get("format") if isinstance(values, dict) else values
            self.refuse("format", f"{FORMAT!r}", got)
        parts = self.table(
            values,
            "",
            [
                *("format", "source", "weights_sha256", "n_patients", "bias", "log_sigma"),
                *("correlation", "scales", "area_variances"),
            ],
        )
        biases = self.table(parts["bias"], "bias", ["edv", "esv"])
        sigmas = self.table(parts["log_sigma"], "log_sigma", ["edv", "esv"])
        variances = self.table(parts["area_variances"], "area_variances", ["ed", "es"])
        if not isinstance(parts["scales"], dict):
            self.refuse("scales", "a table", parts["scales"])
        scales = {
            self.level(level): {
                Quantity(name): factor
                for name, factor in self.numbers(factors, f"scales: {level}", Quantity).items()
            }
            for level, factors in parts["scales"].items()
        }
        if len(scales) < len(parts["scales"]):
            self.refuse("scales", "each level once", ", ".join(parts["scales"]))
        n_patients = parts["n_patients"]
        if not isinstance(n_patients, int) or isinstance(n_patients, bool):
            self.refuse("n_patients", "a whole number", n_patients)
        ed, es = (self.variances(variances[name], name) for name in ("ed", "es"))
        return self.make(
            "",
            lambda: Calibration(
                source=self.text(parts["source"], "source"),
                weights_sha256=self.text(parts["weights_sha256"], "weights_sha256"),
                n_patients=n_patients,
                edv_bias=self.bias(biases["edv"], "bias: edv"),
                esv_bias=self.bias(biases["esv"], "bias: esv"),
                edv_sigma=SigmaModel(self.numbers(sigmas["edv"], "log_sigma: edv", TERMS)),
                esv_sigma=SigmaModel(self.numbers(sigmas["esv"], "log_sigma: esv", TERMS)),
                correlation=self.number(parts["correlation"], "correlation"),
                scales=scales,
                area_error=self.make("area_variances: ", lambda: AreaError(ed, es)),
            ),
        )

    def table(self, values: Any, where: str, keys: Iterable[str]) -> dict[str, Any]:
        keys = list(keys)
        if not isinstance(values, dict):
            self.refuse(where, "a table", values)
        for key in values:
            if key not in keys:
                self.refuse(where or "keys", f"only {', '.join(keys)}", key)
        for key in keys:
            if key not in values:
                self.refuse(where or "keys", f"{key!r} among them", f"only {', '.join(values)}")
        return values

    def numbers(self, values: Any, where: str, keys: Iterable[str]) -> dict[str, float]:
        keys = list(keys)
        table = self.table(values, where, keys)
        return {key: self.number(table[key], f"{where}: {key}") for key in keys}

    def bias(self, values: Any, where: str) -> Bias:
        numbers = self.numbers(values, where, ["offset_ml", "slope"])
        return self.make(f"{where}: ", lambda: Bias(**numbers))

    def variances(self, values: Any, name: str) -> tuple[float, ...]:
        where = f"area_variances: {name}"
        if not isinstance(values, list):
            self.refuse(where, "a list", values)
        return tuple(self.number(value, where) for value in values)

    def level(self, name: str) -> float:
        try:
            return float(name)
        except ValueError:
            self.refuse("scales", "levels such as 0.9", name)

    def number(self, value: Any, where: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.refuse(where, "a number", value)
        try:
            return float(value)
        except OverflowError:
            self.refuse(where, "a number", "one beyond 1e308")

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            self.refuse(where, "text", value)
        return value

    def make(self, where: str, build: Callable[[], _Made]) -> _Made:
        try:
            return build()
        except ValueError as error:
            raise CalibrationError(f"{self.path}: {where}{error}") from error

    def refuse(self, where: str, expected: str, got: Any) -> NoReturn:
        text = got if isinstance(got, str) else repr(got)
        short = text if len(text) <= 100 else text[:97] + "..."
        raise CalibrationError(f"{self.path}: {where}: expected {expected}, got {short}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a table; a key that comes twice is a mistake, of which JSON would keep the last."""
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} twice")
    return table


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name}, not a number")
