"""Every error lvvol raises on purpose, and the exit code the command line gives it.

A message is one line: it names the file or argument, what was expected and what came. The codes are
part of the interface (``docs/exit-codes.md``); 1 is left for bugs and 2 for wrong usage.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class LvvolError(Exception):
    r"""Base of all errors lvvol raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong; control characters, such as line breaks in a file's name, are escaped.

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
    """The path given as a study does not exist."""

    exit_code = 10


class PermissionDeniedError(LvvolError):
    """The study, or every file in it, may not be read."""

    exit_code = 11


class EmptyStudyError(LvvolError):
    """The folder or archive holds no file at all."""

    exit_code = 12


class NotDicomError(LvvolError):
    """Files are there, none of them DICOM."""

    exit_code = 13


class WrongModalityError(LvvolError):
    """DICOM images are there, none of them MR."""

    exit_code = 14


class TooFewSlicesError(LvvolError):
    """No short-axis stack of at least three slices can be formed."""

    exit_code = 15


class NotCineError(LvvolError):
    """The images do not show the heart over the cycle: fewer than two phases."""

    exit_code = 16


class DamagedStudyError(LvvolError):
    """What would be the stack is truncated or cannot be decoded."""

    exit_code = 17


class ArchiveError(LvvolError):
    """An archive is damaged, too large when unpacked, or its names lead outside it."""

    exit_code = 18


class AmbiguousStudyError(LvvolError):
    """Several patients or studies lie together, and more than one holds a short-axis cine stack."""

    exit_code = 19


class SeriesError(LvvolError):
    """A series that was asked for is not there, or cannot be part of a short-axis stack."""

    exit_code = 23


class RoiNotFoundError(LvvolError):
    """No window looks like a left ventricle: refusing beats a number that looks right."""

    exit_code = 20


class WeightsError(LvvolError):
    """Weights are missing, damaged, or were made for another network."""

    exit_code = 21


class OutputError(LvvolError):
    """A result cannot be written where it was asked for."""

    exit_code = 22


class DatasetError(LvvolError):
    """A training or evaluation dataset is missing, incomplete or contradicts itself."""

    exit_code = 30


class RecipeError(LvvolError):
    """A training recipe or checkpoint is malformed."""

    exit_code = 31


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Name the extra to install where an import in the block fails for want of a library.

    Parameters
    ----------
    extra : {"train", "gpu"}
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
