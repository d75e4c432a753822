"""The images of a study with their headers, for what a stack leaves out: files and numbers."""

from __future__ import annotations

from pathlib import Path

from lvvol.dicom.files.image import Image
from lvvol.dicom.files.read import read_images
from lvvol.sources.archive import open_source
from lvvol.typing import StrPath


def list_images(path: StrPath) -> list[Image]:
    """Read the headers of all MR images of a study.

    Parameters
    ----------
    path : str or path-like
        As in `lvvol.load_study`.

    Returns
    -------
    list of Image
        In the order of file names; files without a usable image are left out.

    Raises
    ------
    StudyNotFoundError, PermissionDeniedError, ArchiveError
        If there is nothing to read.
    """
    with open_source(Path(path)) as source:
        return read_images(source).images
