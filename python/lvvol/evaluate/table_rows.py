"""Rows of a CSV file, and everything that is wrong with them in one error."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from lvvol.errors import PredictionsError

N_NAMED = 10
"""Problems that an error names; it counts the others."""


class Problems:
    """What is wrong with a file, line by line.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: list[str] = []

    def add(self, problem: str, line: int | None = None) -> None:
        """Note a problem, of a line where it has one."""
        self._found.append(problem if line is None else f"line {line}: {problem}")

    def number(self, text: str, name: str, line: int) -> float:
        """Return a finite number; for anything else note a problem and return NaN."""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.add(f"{name}: expected a number, got {text!r}", line)
            return math.nan
        return number

    def refuse(self) -> None:
        """Raise an error that names the first problems, if there are any.

        Raises
        ------
        PredictionsError
            If there are problems.
        """
        if not self._found:
            return
        named = "; ".join(self._found[:N_NAMED])
        more = len(self._found) - N_NAMED
        raise PredictionsError(f"{self.path}: {named}{f'; and {more} more' if more > 0 else ''}")


def read_rows(path: Path, problems: Problems) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a CSV file with a header.

    Parameters
    ----------
    path : Path
        The file, in UTF-8.
    problems : Problems
        Where rows of another length are noted; they are left out.

    Returns
    -------
    header : list of str
        Names of the columns.
    rows : list of (int, list of str)
        Line and values of each row that is not blank.

    Raises
    ------
    PredictionsError
        If the file cannot be read, is no CSV, or is empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            found = [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
    except OSError as error:
        raise PredictionsError(
            f"{path}: expected a CSV file, got {error.strerror or error}"
        ) from error
    except (ValueError, csv.Error) as error:
        raise PredictionsError(f"{path}: expected a CSV file, got {error}") from error
    if not found:
        raise PredictionsError(f"{path}: expected a CSV file with a header, got nothing")
    (_, header), *rows = found
    whole = []
    for line, row in rows:
        if len(row) == len(header):
            whole.append((line, row))
        else:
            problems.add(f"expected {len(header)} values, got {len(row)}", line)
    return header, whole
