"""Validate compressed frames before decoding.

A frame of a few hundred bytes may declare 60,000 x 60,000 pixels, which costs a decoder minutes and
gigabytes. Decoders for JPEG and JPEG-LS also pad truncated streams silently.
"""

from __future__ import annotations

import struct

_J2K_START = b"\xff\x4f\xff\x51"  # SOC and SIZ markers
_JP2_START = b"\x00\x00\x00\x0cjP"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# Start of frame: Huffman-coded (baseline, extended, lossless) and JPEG-LS.
_FRAME_MARKERS = {0xC0, 0xC1, 0xC3, 0xF7}
# Segments allowed before it: tables, restart interval, JPEG-LS parameters, application, comment.
_TABLE_MARKERS = {0xC4, 0xDB, 0xDD, 0xF8, *range(0xE0, 0xF0), 0xFE}


def validate_codestream(frame: bytes, rows: int, columns: int) -> bytes:
    """Check that a compressed greyscale frame is complete and has the size given in the header.

    Parameters
    ----------
    frame : bytes
        One JPEG, JPEG-LS or JPEG 2000 frame. JP2 file wrapping is accepted: DICOM forbids it, but
        some writers keep it.
    rows, columns : int
        Matrix size according to the header.

    Returns
    -------
    bytes
        The bare codestream.

    Raises
    ------
    ValueError
        If the frame is truncated, of another format or of another size.
    """
    if frame.startswith(_JP2_START):
        frame = frame[max(0, frame.find(_J2K_START)) :]
    try:
        if frame.startswith(_JPEG_START):
            found = _jpeg_size(frame)
        elif frame.startswith(_J2K_START):
            found = _j2k_size(frame)
        else:
            raise ValueError("expected a JPEG or JPEG 2000 frame, got other bytes")
    except struct.error as error:
        raise ValueError("expected a complete compressed frame, got a truncated one") from error
    if found != (rows, columns, 1):
        raise ValueError(
            f"expected a compressed frame of {rows} x {columns} x 1, got "
            + " x ".join(map(str, found))
        )
    return frame


def _jpeg_size(frame: bytes) -> tuple[int, int, int]:
    """Read rows, columns and components of a JPEG or JPEG-LS stream."""
    position = len(_JPEG_START)
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", frame, position)
        if prefix != 0xFF or marker not in _FRAME_MARKERS | _TABLE_MARKERS:
            raise ValueError(f"expected a JPEG frame, got marker {prefix:02x}{marker:02x}")
        if marker in _FRAME_MARKERS:
            break
        position += 2 + length
    rows, columns, components = struct.unpack_from(">HHB", frame, position + 5)
    # Entropy-coded data cannot contain this marker: 0xff is always followed by less than 0x90.
    if frame.find(_JPEG_END, position) < 0:
        raise ValueError("expected a JPEG stream with an end marker, got a truncated one")
    return rows, columns, components


def _j2k_size(frame: bytes) -> tuple[int, int, int]:
    """Read rows, columns and components of a JPEG 2000 stream."""
    right, bottom, left, top = struct.unpack_from(">4L", frame, 8)
    (components,) = struct.unpack_from(">H", frame, 40)
    return bottom - top, right - left, components
