"""The files of a result: for each name of ``--write`` what it writes, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from lvvol.errors import needs_extra

if TYPE_CHECKING:  # the command line reads the names before NumPy is needed
    from lvvol.prediction import Prediction
    from lvvol.provenance import Provenance

RESULT, OVERLAY, REPORT = "result.json", "overlay.png", "report.html"
CONTOURS, MOVIE = "contours.json", "beat.gif"
VOLUMES, AREAS, DISTRIBUTION = "volumes.csv", "areas.csv", "distribution.csv"
SEGS = ("seg_cine.dcm", "seg_ed.dcm", "seg_es.dcm")
SR = "sr.dcm"
CINE, LV, LV_JSON = "cine.nii.gz", "lv.nii.gz", "lv.json"

DEFAULT = ("json", "overlay", "report")
"""What ``lvvol predict -o`` writes unless told otherwise."""


@dataclass(frozen=True)
class Writer:
    """What one name of ``--write`` stands for.

    Parameters
    ----------
    make : callable
        Takes a `Prediction` and its `Provenance` and returns the contents of files by name.
    files : tuple of str
        The names of the files that it usually returns.
    what : str
        One phrase for the help.
    libraries : tuple of str
        What it imports beyond a plain installation, of the extra ``export``.
    """

    make: Callable[[Prediction, Provenance], Mapping[str, bytes]]
    files: tuple[str, ...]
    what: str
    libraries: tuple[str, ...] = ()


def _json(prediction: Prediction, _: Provenance) -> Mapping[str, bytes]:
    from lvvol.report.result_json import format_json

    return {RESULT: (format_json(prediction) + "\n").encode()}


def _overlay(prediction: Prediction, _: Provenance) -> Mapping[str, bytes]:
    from lvvol.report.overlay import draw_overlay
    from lvvol.report.picture import encode_png

    return {OVERLAY: encode_png(draw_overlay(prediction))}


def _report(prediction: Prediction, provenance: Provenance) -> Mapping[str, bytes]:
    from lvvol.report.page import make_page

    return {REPORT: make_page(prediction, provenance).encode()}


def _contours(prediction: Prediction, _: Provenance) -> Mapping[str, bytes]:
    from lvvol.export.contours import format_contours

    return {CONTOURS: format_contours(prediction)}


def _csv(prediction: Prediction, _: Provenance) -> Mapping[str, bytes]:
    from lvvol.export.tables import format_areas, format_distribution, format_volumes

    distribution = format_distribution(prediction)
    return {
        VOLUMES: format_volumes(prediction),
        AREAS: format_areas(prediction),
        **({DISTRIBUTION: distribution} if distribution else {}),
    }


def _nifti(prediction: Prediction, provenance: Provenance) -> Mapping[str, bytes]:
    from lvvol.export.nifti import make_nifti

    return make_nifti(prediction, provenance.nifti)


def _seg(prediction: Prediction, provenance: Provenance) -> Mapping[str, bytes]:
    from lvvol.export.seg import make_segs

    return make_segs(prediction, provenance)


def _sr(prediction: Prediction, provenance: Provenance) -> Mapping[str, bytes]:
    from lvvol.export.sr import make_sr

    return {SR: make_sr(prediction, provenance)}


def _movie(prediction: Prediction, _: Provenance) -> Mapping[str, bytes]:
    from lvvol.report.movie import make_movie

    return {MOVIE: make_movie(prediction)}


WRITERS: Mapping[str, Writer] = {
    "json": Writer(_json, (RESULT,), "all numbers"),
    "overlay": Writer(_overlay, (OVERLAY,), "contours at ED and ES as a picture"),
    "report": Writer(_report, (REPORT,), "a page to check the measurement by"),
    "contours": Writer(_contours, (CONTOURS,), "polygons in mm"),
    "csv": Writer(
        _csv, (VOLUMES, AREAS, DISTRIBUTION), "volumes, areas and distributions for spreadsheets"
    ),
    "nifti": Writer(_nifti, (CINE, LV, LV_JSON), "images and cavity", ("nibabel",)),
    "seg": Writer(_seg, SEGS, "the cavity as DICOM SEG"),
    "sr": Writer(_sr, (SR,), "the volumes as DICOM SR", ("highdicom",)),
    "movie": Writer(_movie, (MOVIE,), "the beat as a GIF", ("PIL",)),
}


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of writers, each once, in the order of `WRITERS`.

    Parameters
    ----------
    names : iterable of str
        Names to check.

    Raises
    ------
    ValueError
        If there are none, or one is unknown.
    """
    wanted = set(names)
    if not wanted or (unknown := sorted(wanted - WRITERS.keys())):
        got = repr(unknown[0]) if wanted else "nothing"
        raise ValueError(f"expected some of {', '.join(WRITERS)}, got {got}")
    return tuple(name for name in WRITERS if name in wanted)


def check_libraries(names: Iterable[str]) -> None:
    """Import what writers need beyond a plain installation, before long work starts.

    Parameters
    ----------
    names : iterable of str
        From `check_names`.

    Raises
    ------
    MissingExtraError
        If a library is not installed.
    """
    with needs_extra("export"):
        for name in names:
            for library in WRITERS[name].libraries:
                import_module(library)


def files_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the files that writers may write."""
    return tuple(file for name in names for file in WRITERS[name].files)
