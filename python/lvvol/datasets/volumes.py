"""Tables of volumes with the columns of the Second Annual Data Science Bowl."""

from __future__ import annotations

import csv
from pathlib import Path

from lvvol.errors import DatasetError


def read_volumes(path: Path) -> dict[int, tuple[float, float]]:
    """Read a table of volumes.

    Parameters
    ----------
    path : Path
        CSV with columns Id, Systole and Diastole; others are ignored.

    Returns
    -------
    dict of int to (float, float)
        (ESV, EDV) in mL of each patient number.

    Raises
    ------
    DatasetError
        If the file is missing, lacks a column, or holds anything but numbers in them.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as table:
            rows = csv.DictReader(table)
            if missing := {"Id", "Systole", "Diastole"} - set(rows.fieldnames or ()):
                raise ValueError(f"no {', '.join(sorted(missing))}")
            return {int(row["Id"]): (float(row["Systole"]), float(row["Diastole"])) for row in rows}
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise DatasetError(
            f"{path}: expected numbers in columns Id, Systole, Diastole, got {error}"
        ) from error
