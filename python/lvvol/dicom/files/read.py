"""Read the header of every DICOM image of a study, and decode the pixels of those that are used."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from pydicom import config
from pydicom.uid import UID

from lvvol.dicom.files.header import MAX_FILE_BYTES, parse
from lvvol.dicom.files.image import MAX_NUMBER, Image, UnusableError, images_of
from lvvol.dicom.files.pixels import Pixels
from lvvol.sources.archive import Source
from lvvol.typing import Float32

# Pixels read with the headers are kept up to this sum, so that a usual study is read once; what
# lies beyond is read again when it is used.
MAX_KEPT_BYTES = 256 << 20

_PIECE_BYTES = 64 << 10


class _Quiet:
    """Keeps pydicom's remarks on broken values from the user while any thread reads.

    Both settings are global to the process: the first thread in changes them, the last one out
    restores them. Threads that restored them on their own would leave each other's changes behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_readers = 0
        self._settings = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_readers:
                self._settings.enter_context(warnings.catch_warnings())
                self._settings.enter_context(config.disable_value_validation())
                warnings.simplefilter("ignore")
            self._n_readers += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._n_readers -= 1
            if not self._n_readers:
                self._settings.close()


_QUIET = _Quiet()


@dataclass
class Reading:
    """What a study's files turned out to be.

    Parameters
    ----------
    images : list of Image
        MR images with a usable geometry.
    set_aside : dict of str to list of str
        For each reason, the files of images that cannot belong to a cine stack.
    not_dicom, without_image, damaged, unreadable : list of str
        Files that are not DICOM; that are, but hold no image; that are broken off or contradict
        themselves; that may not be read.
    other_modalities : dict of str to str
        For each modality but MR, the first file of it.
    """

    images: list[Image] = field(default_factory=list)
    set_aside: dict[str, list[str]] = field(default_factory=dict)
    not_dicom: list[str] = field(default_factory=list)
    without_image: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    other_modalities: dict[str, str] = field(default_factory=dict)
    n_files: int = 0


def read_images(source: Source, progress: Callable[[int, int], None] | None = None) -> Reading:
    """Read every file of a study.

    Parameters
    ----------
    source : Source
        The study's files.
    progress : callable, optional
        Called with files read and files in all.

    Returns
    -------
    Reading
        Every file, sorted by what it is.
    """
    reading = Reading(unreadable=list(source.unreadable), n_files=len(source.names))
    kept = 0
    with _QUIET:
        for done, name in enumerate(source.names, 1):
            try:
                content = _content(source, name)
            except PermissionError:
                reading.unreadable.append(name)
            except UnusableError as error:
                _put_aside(reading, str(error), name)
            except Exception:  # a bad disk, a member whose checksum is wrong, a link to nothing
                reading.damaged.append(name)
            else:
                if content is None:
                    reading.not_dicom.append(name)
                else:
                    kept += _sort_in(reading, name, content, keep=kept < MAX_KEPT_BYTES)
            if progress is not None:
                progress(done, len(source.names))
    return reading


def fetch(images: Iterable[Image], source: Source) -> dict[str, Pixels]:
    """Get the pixels of images' files, each once.

    Parameters
    ----------
    images : iterable of Image
        The images.
    source : Source
        Where those are read again that were not kept.

    Returns
    -------
    dict of str to Pixels
        By file; those that can no longer be read are missing.
    """
    wanted = {image.file: image.pixels for image in images}
    found = {name: pixels for name, pixels in wanted.items() if pixels is not None}
    for name in source.names:  # in the source's order, which a compressed tar needs
        if name in wanted and name not in found:
            with _QUIET, suppress(Exception):  # it was read before: what fails now is the medium
                pixels = parse(_content(source, name) or b"").pixels
                if pixels is not None:
                    found[name] = pixels
    return found


def decode(image: Image, pixels: Pixels | None, out: Float32 | None = None) -> Float32:
    """Decode one image's intensities.

    Parameters
    ----------
    image : Image
        The image.
    pixels : Pixels or None
        Those of its file; None where it could not be read again.
    out : ndarray of float32, shape (row, column), optional
        Where they go; a new array by default.

    Returns
    -------
    ndarray of float32, shape (row, column)
        `out`: intensities after rescale slope and intercept, larger is brighter.

    Raises
    ------
    ValueError
        If the pixels are missing, truncated or cannot be decoded.
    """
    try:
        if pixels is None:
            raise ValueError("the file cannot be read again")
        with _QUIET:
            stored = pixels.frame(image.frame)
    except Exception as error:  # each decoder raises its own kinds
        raise ValueError(f"{image.file}: pixels cannot be decoded ({error})") from error
    if stored.shape != (image.rows, image.columns):
        raise ValueError(
            f"{image.file}: expected {image.rows} x {image.columns} pixels, got {stored.shape}"
        )
    if stored.dtype.kind == "f" and not (np.abs(stored) <= MAX_NUMBER).all():
        raise ValueError(f"{image.file}: expected finite pixels, got some that are none")
    if out is None:
        out = np.empty(stored.shape, dtype=np.float32)
    out[...] = stored
    if image.mirror is not None:
        np.subtract(image.mirror, out, out=out)
    if image.slope != 1.0:
        out *= image.slope
    if image.intercept != 0.0:
        out += image.intercept
    return out


def _content(source: Source, name: str) -> bytes | None:
    """Read one file's bytes, or None where its beginning is not that of a DICOM file.

    Raises UnusableError where it is too large; a file on disk says so before it is read.
    """
    with source.open(name) as file:
        head = file.read(132)
        if head[128:] != b"DICM" and not _looks_bare(head):
            return None
        parts, size = [head], len(head)
        with suppress(OSError, AttributeError):  # members of archives have no size of their own
            size = max(size, os.fstat(file.fileno()).st_size)
        if size <= MAX_FILE_BYTES:
            size = len(head)
            # In small pieces: room for the largest file would cost more than reading a usual one.
            while size <= MAX_FILE_BYTES and (part := file.read(_PIECE_BYTES)):
                parts.append(part)
                size += len(part)
        if size > MAX_FILE_BYTES:
            raise UnusableError(f"larger than {MAX_FILE_BYTES >> 20} MB")
        return b"".join(parts)


def _looks_bare(head: bytes) -> bool:
    """Whether bytes begin like a DICOM dataset without preamble: a low element of group 2 or 8."""
    if len(head) < 132 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or int.from_bytes(head[4:8], "little") <= 64


def _sort_in(reading: Reading, name: str, content: bytes, keep: bool) -> int:
    """Parse one file and put it where it belongs; return how many bytes its images hold on to."""
    try:
        header = parse(content)
        modality = header.texts.get("Modality", "")
        sop_class = _sop_class_name(
            header.texts.get("SOPClassUID") or header.texts.get("MediaStorageSOPClassUID", "")
        )
        is_image = "Image Storage" in sop_class
        if header.pixels is None:
            cut_off = is_image or not (modality or sop_class)
            (reading.damaged if cut_off else reading.without_image).append(name)
            return 0
        if not modality and is_image and "MR Image" in sop_class:
            modality = "MR"
        if modality != "MR":
            reading.other_modalities.setdefault(modality or "unnamed", name)
            _put_aside(reading, f"modality {modality or 'unnamed'}, not MR", name)
            return 0
        images = images_of(header, name, keep)
        header.pixels.check()
    except UnusableError as error:
        _put_aside(reading, str(error), name)
    except Exception:  # a mangled header can fail anywhere in pydicom, and in any way
        reading.damaged.append(name)
    else:
        reading.images.extend(images)
        return header.n_bytes
    return 0


@lru_cache(maxsize=64)
def _sop_class_name(uid: str) -> str:
    """Name a SOP class; its UID where it has no name."""
    return str(UID(uid).name)


def _put_aside(reading: Reading, reason: str, name: str) -> None:
    """Note a file under the reason for which it is not used."""
    reading.set_aside.setdefault(reason, []).append(name)
