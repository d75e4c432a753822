"""Errors that lvvol raises on purpose, each with the exit code of the command line.

Messages are one line: the file or argument, what was expected and what was found. The codes are
part of the interface (``docs/exit-codes.md``); 1 is reserved for bugs and 2 for usage errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class LvvolError(Exception):
    r"""Base class of all lvvol errors.

    Parameters
    ----------
    message : str
        The error message; control characters, such as line breaks in file names, are escaped.

    Examples
    --------
    >>> print(LvvolError("a\nb: expected DICOM"))
    a\nb: expected DICOM
    """

    exit_code = 3

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


class MissingExtraError(LvvolError, ImportError):
    """A library that training or a GPU needs is not installed."""

    exit_code = 4


class StudyNotFoundError(LvvolError):
    """The study path does not exist."""

    exit_code = 10


class PermissionDeniedError(LvvolError):
    """The study, or every file in it, is not readable."""

    exit_code = 11


class EmptyStudyError(LvvolError):
    """The folder or archive contains no files."""

    exit_code = 12


class NotDicomError(LvvolError):
    """None of the files is DICOM."""

    exit_code = 13


class WrongModalityError(LvvolError):
    """None of the DICOM images is MR."""

    exit_code = 14


class TooFewSlicesError(LvvolError):
    """The images do not form a short-axis stack of at least three slices."""

    exit_code = 15


class NotCineError(LvvolError):
    """The images do not cover the heart cycle: fewer than two phases."""

    exit_code = 16


class DamagedStudyError(LvvolError):
    """The files of the stack are truncated or cannot be decoded."""

    exit_code = 17


class ArchiveError(LvvolError):
    """The archive is damaged, encrypted, too large when unpacked, or contains unsafe paths."""

    exit_code = 18


class AmbiguousStudyError(LvvolError):
    """Several patients or studies in the folder each have a short-axis cine stack."""

    exit_code = 19


class SeriesError(LvvolError):
    """A requested study or series does not exist or cannot be part of a short-axis stack."""

    exit_code = 23


class RoiNotFoundError(LvvolError):
    """No window looks like a left ventricle, so nothing is measured."""

    exit_code = 20


class NoMotionError(LvvolError):
    """The images do not change over the heart cycle, so there is no end-systole."""

    exit_code = 26


class ImageSizeError(LvvolError):
    """The images are too small for a heart, or the stack is too large for memory."""

    exit_code = 27


class WeightsError(LvvolError):
    """The weights are missing, damaged, or belong to another network."""

    exit_code = 21


class OutputError(LvvolError):
    """A result cannot be written to the requested path."""

    exit_code = 22


class ResultError(LvvolError):
    """A result is incomplete, changed or mixed with another one."""

    exit_code = 24


class MaskError(LvvolError):
    """An edited mask is missing or damaged, or does not fit the study."""

    exit_code = 25


class SlicesError(LvvolError):
    """Slices to leave out do not exist, or too few would be left."""

    exit_code = 28


class SomeFailedError(LvvolError):
    """Some of several studies cannot be measured; the others are."""

    exit_code = 29


class DatasetError(LvvolError):
    """A training or evaluation dataset is missing, incomplete or inconsistent."""

    exit_code = 30


class RecipeError(LvvolError):
    """A training recipe or checkpoint is malformed."""

    exit_code = 31


class CalibrationError(LvvolError):
    """A calibration is malformed, fitted for other weights, or asked of too few patients."""

    exit_code = 32


class PredictionsError(LvvolError):
    """Predictions to score, their labels or an evaluation to compare are malformed or unmatched."""

    exit_code = 33


class EngineError(LvvolError):
    """A Dask cluster cannot be reached, was lost, or does not share the folder of the results."""

    exit_code = 34


class DicomwebError(LvvolError):
    """A DICOMweb server cannot be reached, refuses access, or does not answer as expected."""

    exit_code = 35


class CohortError(LvvolError):
    """The studies of a cohort cannot be listed: a list, ID, shard or query is malformed."""

    exit_code = 36


class BenchmarkError(LvvolError):
    """A benchmark's phantom cannot be made, or is not measured as it should be."""

    exit_code = 37


class DeviceError(LvvolError):
    """There is no GPU that torch can use, its memory is full, or it fails."""

    exit_code = 38


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Name the extra to install where an import in the block fails for want of a library.

    Parameters
    ----------
    extra : str
        The extra of lvvol, as in ``pip install "lvvol[train]"``, that has the libraries.

    Raises
    ------
    MissingExtraError
        If a library outside lvvol is not installed.

    Examples
    --------
    >>> with needs_extra("train"):
    ...     import torch
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in ("", "lvvol"):
            raise
        raise MissingExtraError(
            f"{library} is not installed, which measuring does without but this needs: "
            f'pip install "lvvol[{extra}]"'
        ) from error
