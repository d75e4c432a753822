"""Read all headers of a study, and decode the pixels of selected images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from lvvol.dicom.files.attributes import MAX_NUMBER
from lvvol.dicom.files.header import MAX_FILE_BYTES, parse
from lvvol.dicom.files.image import Image, UnusableError, images_of, series_key
from lvvol.dicom.files.pixels import Pixels
from lvvol.sources.archive import Source
from lvvol.typing import Float32

# Pixels read with the headers are kept up to this total, so that a typical study is read once; the
# others are read again when needed.
MAX_KEPT_BYTES = 256 << 20

_PIECE_BYTES = 1 << 20
_HEAD_BYTES = 132
"""Preamble and prefix."""

_MR_IMAGE_STORAGE = ("1.2.840.10008.5.1.4.1.1.4", "MR Image Storage")


@dataclass
class Reading:
    """The files of a study by type.

    Parameters
    ----------
    images : list of Image
        MR images with a usable geometry.
    excluded : dict of str to list of str
        Files whose images cannot be part of a cine stack, by reason.
    series : dict of str to tuple
        Key of the series of these files, as `Image.series`.
    not_dicom, without_image, damaged, unreadable : list of str
        Files that are not DICOM; DICOM files without an image; truncated or inconsistent files;
        files and folders without read permission.
    other_modalities : dict of str to str
        First file of each modality other than MR.
    n_files : int
        Number of files in the study.
    """

    images: list[Image] = field(default_factory=list)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    series: dict[str, tuple[object, ...]] = field(default_factory=dict)
    not_dicom: list[str] = field(default_factory=list)
    without_image: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    other_modalities: dict[str, str] = field(default_factory=dict)
    n_files: int = 0


def read_images(source: Source, progress: Callable[[int, int], None] | None = None) -> Reading:
    """Read all files of a study.

    Parameters
    ----------
    source : Source
        The files of the study.
    progress : callable, optional
        Called with the number of files read and the total.

    Returns
    -------
    Reading
        The files by type.
    """
    reading = Reading(unreadable=list(source.unreadable), n_files=len(source.names))
    kept = 0
    for done, name in enumerate(source.names, 1):
        try:
            content = _content(source, name)
        except PermissionError:
            reading.unreadable.append(name)
        except UnusableError as error:
            _exclude(reading, str(error), name)
        except MemoryError:  # says nothing about the file
            raise
        except Exception:  # a bad disk, a wrong checksum in an archive, a dangling link
            reading.damaged.append(name)
        else:
            if content is None:
                reading.not_dicom.append(name)
            else:
                kept += _classify(reading, name, content, keep=kept < MAX_KEPT_BYTES)
        if progress is not None:
            progress(done, len(source.names))
    return reading


def fetch(images: Iterable[Image], source: Source) -> dict[str, Pixels]:
    """Return the pixels of the files of images, reading again those that were not kept.

    Parameters
    ----------
    images : iterable of Image
        The images.
    source : Source
        The files of the study.

    Returns
    -------
    dict of str to Pixels
        Pixels by file, without files that can no longer be read.
    """
    wanted = {image.file: image.pixels for image in images}
    found = {name: pixels for name, pixels in wanted.items() if pixels is not None}
    for name in source.names:  # in this order, because a compressed tar can only be read forwards
        if name in wanted and name not in found:
            with suppress(Exception):  # it could be read before, so this is an I/O failure
                pixels = parse(_content(source, name) or b"").pixels
                if pixels is not None:
                    found[name] = pixels
    return found


def decode(image: Image, pixels: Pixels | None, out: Float32 | None = None) -> Float32:
    """Decode the intensities of an image.

    Parameters
    ----------
    image : Image
        The image.
    pixels : Pixels or None
        Pixels of its file; None if the file could not be read again.
    out : ndarray of float32, shape (row, column), optional
        Output array; a new one by default.

    Returns
    -------
    ndarray of float32, shape (row, column)
        `out`, filled with intensities after rescale slope and intercept; larger is brighter.

    Raises
    ------
    ValueError
        If the pixels are missing, truncated or cannot be decoded.
    """
    try:
        if pixels is None:
            raise ValueError("the file cannot be read again")
        stored = pixels.frame(image.frame)
    except MemoryError:  # says nothing about the file
        raise
    except Exception as error:  # decoders raise errors of any type
        raise ValueError(f"{image.file}: pixels cannot be decoded ({error})") from error
    if stored.shape != (image.rows, image.columns):
        raise ValueError(
            f"{image.file}: expected {image.rows} x {image.columns} pixels, got {stored.shape}"
        )
    if stored.dtype.kind == "f" and not (np.abs(stored) <= MAX_NUMBER).all():
        raise ValueError(f"{image.file}: expected finite pixels, got NaN, infinity or overflow")
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
    """Return the bytes of a file, or None if it does not begin like a DICOM file.

    Raises UnusableError if the file is too large, for files on disk before reading them.
    """
    with source.open(name) as file:
        known_size = 0
        with suppress(OSError, AttributeError):  # archive members have no file descriptor
            known_size = os.fstat(file.fileno()).st_size
        # A slice of a cine in one piece; of a larger file, which may be anything, first the head.
        head = file.read(known_size if 0 < known_size <= _PIECE_BYTES else _HEAD_BYTES)
        if head[128:_HEAD_BYTES] != b"DICM" and not _is_bare_dataset(head):
            return None
        size = len(head)
        if size == known_size:
            return head
        parts = [head]
        if known_size <= MAX_FILE_BYTES:
            # In pieces: a buffer for the largest file costs more than reading a typical one.
            piece = max(known_size - size, _PIECE_BYTES)
            while size <= MAX_FILE_BYTES and (part := file.read(piece)):
                parts.append(part)
                size += len(part)
                if size == known_size:
                    break
        if max(size, known_size) > MAX_FILE_BYTES:
            raise UnusableError(f"file larger than {MAX_FILE_BYTES >> 20} MB")
        return b"".join(parts)


def _is_bare_dataset(head: bytes) -> bool:
    """Whether bytes look like a dataset without preamble: they begin in group 2 or 8."""
    if len(head) < _HEAD_BYTES or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or int.from_bytes(head[4:8], "little") <= 64


def _classify(reading: Reading, name: str, content: bytes, keep: bool) -> int:
    """Parse a file and add it to `reading`; return the number of bytes kept with its images."""
    try:
        header = parse(content)
        modality = header.texts.get("Modality", "")
        sop_class = _sop_class_name(
            header.texts.get("SOPClassUID") or header.texts.get("MediaStorageSOPClassUID", "")
        )
        is_image = "Image Storage" in sop_class
        if header.pixels is None:
            truncated = is_image or not (modality or sop_class)
            (reading.damaged if truncated else reading.without_image).append(name)
            return 0
        if not modality and is_image and "MR Image" in sop_class:
            modality = "MR"
        if modality != "MR":
            reading.other_modalities.setdefault(modality or "unnamed", name)
            _exclude(reading, f"modality {modality or 'unnamed'}, not MR", name)
            reading.series[name] = series_key(header, name)
            return 0
        images = images_of(header, name, keep)
        header.pixels.check()
    except UnusableError as error:
        _exclude(reading, str(error), name)
        reading.series[name] = series_key(header, name)
    except MemoryError:  # says nothing about the file
        raise
    except Exception:  # a corrupt header can fail anywhere in pydicom, with errors of any type
        reading.damaged.append(name)
    else:
        reading.images.extend(images)
        return header.n_bytes
    return 0


def _sop_class_name(uid: str) -> str:
    """Return the name of a SOP class, or its UID if unknown."""
    if uid == _MR_IMAGE_STORAGE[0]:
        return _MR_IMAGE_STORAGE[1]
    # Importing pydicom takes longer than reading a plain study.
    from lvvol.dicom.files.by_pydicom import sop_class_name

    return sop_class_name(uid)


def _exclude(reading: Reading, reason: str, name: str) -> None:
    """Record a file as excluded for a reason."""
    reading.excluded.setdefault(reason, []).append(name)
