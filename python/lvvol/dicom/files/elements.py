"""Walk through the header of a plain file: pydicom's whole parser takes ten times as long.

Plain is what nearly every scanner writes: little endian, not compressed, one frame, elements in
order, each as the standard has it. Whatever is not so is left to pydicom, which knows every form
that a file may have; what both read, they read alike.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

# The elements that are used; no other is kept.
KEYWORDS = (
    "TransferSyntaxUID", "MediaStorageSOPClassUID", "ImageType", "SOPClassUID", "SOPInstanceUID",
    "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "SeriesNumber", "SeriesDescription", "InstanceNumber", "AcquisitionNumber", "AcquisitionDate",
    "AcquisitionTime", "AcquisitionDateTime", "TriggerTime", "TemporalPositionIdentifier",
    "NominalInterval", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SliceLocation", "SliceThickness", "SpacingBetweenSlices", "ScanningSequence",
    "SequenceVariant", "SequenceName", "ContrastBolusAgent", "RescaleSlope", "RescaleIntercept",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "PixelRepresentation",
    # Enhanced images name some of the same facts differently.
    "FrameAcquisitionDateTime", "FrameAcquisitionNumber", "NominalCardiacTriggerDelayTime",
    "TemporalPositionIndex", "RRIntervalTimeNominal", "EchoPulseSequence",
    "SteadyStatePulseSequence", "PulseSequenceName", "ComplexImageComponent",
)  # fmt: skip

USED = {int(Tag(keyword)): (keyword, dictionary_VR(keyword).encode()) for keyword in KEYWORDS}

UNDEFINED_LENGTH = 0xFFFFFFFF

_LONG_VRS = {vr.encode() for vr in EXPLICIT_VR_LENGTH_32}
_SHORT_VRS = {vr.encode() for vr in VR if len(vr) == 2} - _LONG_VRS
# Stored in plain ASCII; LO and SH in the file's character set.
_ASCII_VRS = {b"CS", b"DA", b"DS", b"DT", b"IS", b"TM", b"UI"}
_CHARACTER_SET_VRS = {b"LO", b"SH"}

_FUNCTIONAL_GROUPS = {0x52009229, 0x52009230}
_END_OF_META = 0x0002FFFF
_PIXEL_DATA = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_EMPTY_ITEM = 8
# No value in use is as long, and remembered values must not fill memory.
_MAX_TEXT_BYTES = 1024

_explicit = struct.Struct("<HH2sH").unpack_from
_implicit = struct.Struct("<HHL").unpack_from
_length = struct.Struct("<L").unpack_from


@dataclass(frozen=True, eq=False)
class PlainFile:
    """A plain file's header and pixels.

    Parameters
    ----------
    texts : dict of str to str
        By keyword the values of each element in use, without blanks at their ends and with a
        backslash between two.
    pixel_data : memoryview
        The bytes of Pixel Data.
    """

    texts: dict[str, str]
    pixel_data: memoryview


def read_plain(content: bytes) -> PlainFile | None:
    """Read a plain file.

    Parameters
    ----------
    content : bytes
        The whole file, with or without preamble and file header.

    Returns
    -------
    PlainFile or None
        None where anything is unusual: pydicom must read it.
    """
    try:
        meta, start = read_meta(content)
        syntax = meta.get("TransferSyntaxUID")
        explicit = content[start + 4 : start + 6] in _SHORT_VRS
        if syntax not in (None, ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian):
            return None
        texts, position = _walk(content, start, explicit, _PIXEL_DATA - 1)
        begin = position + (12 if explicit else 8)
        tag, vr = content[position : position + 4], content[position + 4 : position + 6]
        (length,) = _length(content, begin - 4)
    except (UnusualError, struct.error, RecursionError):
        return None
    if tag != b"\xe0\x7f\x10\0" or begin + length != len(content):
        return None
    if explicit and vr not in (b"OW", b"OB"):
        return None
    return PlainFile(meta | texts, memoryview(content)[begin:])


def read_meta(content: bytes) -> tuple[dict[str, str], int]:
    """Read the file header.

    Parameters
    ----------
    content : bytes
        The file, or its beginning.

    Returns
    -------
    texts : dict of str to str
        As in `PlainFile`; empty where there is no file header.
    start : int
        Where the dataset begins.

    Raises
    ------
    UnusualError, struct.error
        If pydicom must read it.
    """
    return _walk(content, 132 if content[128:132] == b"DICM" else 0, True, _END_OF_META)


class UnusualError(Exception):
    """Something that pydicom must look at."""


def _walk(content: bytes, position: int, explicit: bool, last: int) -> tuple[dict[str, str], int]:
    """Read elements from a position on, up to tag `last`; return them and where the next begins."""
    texts: dict[str, str] = {}
    before, size = -1, len(content)
    vr = b""
    while True:
        if explicit:
            group, number, vr, length = _explicit(content, position)
            begin = position + 8
        else:
            group, number, length = _implicit(content, position)
            begin = position + 8
        tag = group << 16 | number
        if tag > last:
            return texts, position
        if tag <= before:
            raise UnusualError
        if explicit and vr not in _SHORT_VRS:
            if vr not in _LONG_VRS:
                raise UnusualError
            (length,) = _length(content, begin)
            begin += 4
        before, position = tag, begin + length
        if position > size:
            if length != UNDEFINED_LENGTH or vr not in (b"SQ", b"") or tag in USED:
                raise UnusualError
            position = _end_of_sequence(content, begin, explicit)
        elif tag in USED:
            keyword, expected_vr = USED[tag]
            if vr not in (expected_vr, b"") or length > _MAX_TEXT_BYTES:
                raise UnusualError
            texts[keyword] = _text(content[begin:position], expected_vr)
        if tag in _FUNCTIONAL_GROUPS and position - begin > _EMPTY_ITEM:
            raise UnusualError


def _end_of_sequence(content: bytes, position: int, explicit: bool) -> int:
    """Find where a sequence of undefined length ends."""
    while True:
        group, number, length = _implicit(content, position)
        tag, position = group << 16 | number, position + 8
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise UnusualError
        if length == UNDEFINED_LENGTH:
            _, end = _walk(content, position, explicit, _ITEM_END - 1)
            group, number, _ = _implicit(content, end)
            if group << 16 | number != _ITEM_END:
                raise UnusualError
            position = end + 8
        else:
            position += length


@lru_cache(maxsize=4096)
def _text(value: bytes, vr: bytes) -> str:
    """Turn an element's bytes into text; the same few values come again and again."""
    text = ascii_text(value, vr)
    if text is not None:
        return text
    if not value:
        return ""
    if vr in (b"US", b"UL") and len(value) == (2 if vr == b"US" else 4):
        return str(int.from_bytes(value, "little"))
    if vr == b"FD" and len(value) == 8:
        return str(*struct.unpack("<d", value))
    raise UnusualError


def ascii_text(value: bytes, vr: bytes) -> str | None:
    """Read values that are stored as plain characters.

    Parameters
    ----------
    value : bytes
        The element's value.
    vr : bytes
        Its VR.

    Returns
    -------
    str or None
        The values without blanks at their ends, a backslash between two; None where they are not
        characters, or such of another character set.
    """
    if vr in _ASCII_VRS or (vr in _CHARACTER_SET_VRS and value.isascii() and b"\x1b" not in value):
        return "\\".join(part.strip(" \0") for part in value.decode("latin-1").split("\\"))
    return None
