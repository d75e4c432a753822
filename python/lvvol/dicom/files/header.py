"""Parse a DICOM file: its elements as text, per frame, and its pixels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from lvvol.dicom.files.elements import read_meta, read_plain
from lvvol.dicom.files.pixels import Pixels, native_pixels
from lvvol.sources.archive import MAX_RATIO, RATIO_FREE_BYTES

# Larger files are not cine images (a whole enhanced study is below 100 MB).
MAX_FILE_BYTES = 512 << 20

_DEFLATED = "1.2.840.10008.1.2.1.99"
"""Transfer syntax of deflated files."""


@dataclass(frozen=True, eq=False)
class Header:
    """The parsed contents of a file.

    Parameters
    ----------
    texts : dict of str to str
        Values of the elements in use by keyword, stripped and separated by backslashes; malformed
        elements are missing.
    shared : dict of str to str
        Values shared by all frames of an enhanced image.
    per_frame : list of dict of str to str
        Values of each frame of an enhanced image.
    pixels : Pixels or None
        None if the file has no image.
    n_bytes : int
        Memory held by the pixels.
    """

    texts: dict[str, str]
    shared: dict[str, str]
    per_frame: list[dict[str, str]]
    pixels: Pixels | None
    n_bytes: int


def parse(content: bytes) -> Header:
    """Parse a file.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    Header
        Its elements and pixels.

    Raises
    ------
    Exception
        Of any type if the file is damaged: a corrupt header can fail anywhere in pydicom.
    """
    plain = read_plain(content)
    if plain is None and _DEFLATED.encode() in content:
        content = _inflate(content)
        plain = read_plain(content)
    if plain is not None:
        native = native_pixels(plain.texts, plain.pixel_data, big_endian=False)
        if native is not None:
            return Header(plain.texts, {}, [], native, len(content))
    # Importing pydicom takes longer than reading a plain study.
    from lvvol.dicom.files.by_pydicom import parse_unusual

    return parse_unusual(content)


def _inflate(content: bytes) -> bytes:
    """Inflate a deflated file, up to a limit, to its bare elements; return others unchanged."""
    meta, start = read_meta(content)
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return content
    limit = min(MAX_FILE_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * len(content)))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = unpacker.decompress(content[start:], limit)
    if not unpacker.eof:
        raise ValueError(f"expected at most {limit} bytes of inflated elements, got more or no end")
    return inflated
