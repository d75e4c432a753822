"""Write the files of a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lvvol.prediction import Prediction
from lvvol.provenance import Provenance
from lvvol.report import files
from lvvol.report.files import DEFAULT, check_libraries, check_names
from lvvol.report.manifest import write_with_manifest
from lvvol.typing import StrPath


def write_result(
    prediction: Prediction,
    folder: StrPath,
    names: Iterable[str] = DEFAULT,
    provenance: Provenance | None = None,
) -> tuple[Path, ...]:
    """Write the files of a result into a folder, which is made if missing.

    A `manifest.json` with their hashes and the study's identity is written last; see
    `lvvol.report.manifest.read_result`.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    folder : str or path-like
        Where to write. An earlier result is replaced: files that it wrote and this one does not are
        removed unless they were changed since. Other files are left alone.
    names : iterable of str
        Which files, by the names of `lvvol.report.files.WRITERS`.
    provenance : Provenance, optional
        Where the measurement comes from, for the files that say so.

    Returns
    -------
    tuple of Path
        The files, without the manifest.

    Raises
    ------
    ValueError
        If a name is unknown.
    OutputError
        If they cannot be written, or files of these names are not lvvol's.
    MissingExtraError
        If a library of the extra ``export`` is needed and missing.
    """
    folder, chosen = Path(folder), check_names(names)
    provenance = replace(provenance or Provenance(), names=chosen)
    check_libraries(chosen)
    contents: dict[str, bytes] = {}
    for name in chosen:
        contents.update(files.WRITERS[name].make(prediction, provenance))
    write_with_manifest(folder, prediction.stack, contents, provenance.weights_sha256)
    return tuple(folder / name for name in contents)
