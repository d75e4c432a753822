"""Fast header parser for plain DICOM files, about ten times as fast as pydicom's.

A plain file is what nearly every scanner writes: little endian, uncompressed, single frame, with
standard-conforming elements in order. All other files are left to pydicom. Files that both parsers
accept give identical results.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

# All elements used by lvvol; the others are discarded.
KEYWORDS = (
    "TransferSyntaxUID", "MediaStorageSOPClassUID", "ImageType", "SOPClassUID", "SOPInstanceUID",
    "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "SeriesNumber", "SeriesDescription", "InstanceNumber", "AcquisitionNumber", "AcquisitionDate",
    "AcquisitionTime", "AcquisitionDateTime", "TriggerTime", "TemporalPositionIdentifier",
    "NominalInterval", "HeartRate", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing",
    "ReconstructionDiameter", "SliceLocation", "SliceThickness", "SpacingBetweenSlices",
    "ScanningSequence", "SequenceVariant", "SequenceName", "EchoTime", "InversionTime",
    "RepetitionTime", "BodyPartExamined", "ContrastBolusAgent", "RescaleSlope", "RescaleIntercept",
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "PixelRepresentation",
    # Enhanced images use different elements for some of the same attributes.
    "FrameAcquisitionDateTime", "FrameAcquisitionNumber", "NominalCardiacTriggerDelayTime",
    "TemporalPositionIndex", "RRIntervalTimeNominal", "EchoPulseSequence",
    "SteadyStatePulseSequence", "PulseSequenceName", "ComplexImageComponent", "FrameType",
    "EffectiveEchoTime", "InversionTimes", "DiffusionBValue", "CardiacSynchronizationTechnique",
    "NominalPercentageOfCardiacPhase",
)  # fmt: skip

USED = {int(Tag(keyword)): (keyword, dictionary_VR(keyword).encode()) for keyword in KEYWORDS}

UNDEFINED_LENGTH = 0xFFFFFFFF

_LONG_VRS = {vr.encode() for vr in EXPLICIT_VR_LENGTH_32}
_SHORT_VRS = {vr.encode() for vr in VR if len(vr) == 2} - _LONG_VRS
# Always plain ASCII; LO and SH use the character set of the file.
_ASCII_VRS = {b"CS", b"DA", b"DS", b"DT", b"IS", b"TM", b"UI"}
_CHARACTER_SET_VRS = {b"LO", b"SH"}

_FUNCTIONAL_GROUPS = {0x52009229, 0x52009230}
_END_OF_META = 0x0002FFFF
_PIXEL_DATA = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_EMPTY_ITEM = 8
# Longer than any value in use; bounds the memory of the cache.
_MAX_TEXT_BYTES = 1024

_explicit = struct.Struct("<HH2sH").unpack_from
_implicit = struct.Struct("<HHL").unpack_from
_length = struct.Struct("<L").unpack_from


@dataclass(frozen=True, eq=False)
class PlainFile:
    """Header and pixels of a plain file.

    Parameters
    ----------
    texts : dict of str to str
        Values of the elements in use by keyword, stripped and separated by backslashes.
    pixel_data : memoryview
        The bytes of Pixel Data.
    """

    texts: dict[str, str]
    pixel_data: memoryview


def read_plain(content: bytes) -> PlainFile | None:
    """Parse a plain file.

    Parameters
    ----------
    content : bytes
        The whole file, with or without preamble and file meta information.

    Returns
    -------
    PlainFile or None
        None if the file is not plain and must be parsed by pydicom.
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
    """Parse the file meta information.

    Parameters
    ----------
    content : bytes
        The file, or its beginning.

    Returns
    -------
    texts : dict of str to str
        As in `PlainFile`; empty without file meta information.
    start : int
        Offset of the dataset.

    Raises
    ------
    UnusualError, struct.error
        If it must be parsed by pydicom.
    """
    return _walk(content, 132 if content[128:132] == b"DICM" else 0, True, _END_OF_META)


class UnusualError(Exception):
    """The file is not plain and must be parsed by pydicom."""


def _walk(content: bytes, position: int, explicit: bool, last: int) -> tuple[dict[str, str], int]:
    """Parse elements from `position` up to tag `last`; return them and the next position."""
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
        used = USED.get(tag)
        if position > size:
            if length != UNDEFINED_LENGTH or vr not in (b"SQ", b"") or used:
                raise UnusualError
            position = _end_of_sequence(content, begin, explicit)
        elif used:
            keyword, expected_vr = used
            if vr not in (expected_vr, b"") or length > _MAX_TEXT_BYTES:
                raise UnusualError
            texts[keyword] = _text(content[begin:position], expected_vr)
        if tag in _FUNCTIONAL_GROUPS and position - begin > _EMPTY_ITEM:
            raise UnusualError


def _end_of_sequence(content: bytes, position: int, explicit: bool) -> int:
    """Return the end of a sequence of undefined length."""
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
    """Convert the bytes of an element to text; cached because few values are distinct."""
    text = ascii_text(value, vr)
    if text is not None:
        return text
    if not value:
        return ""
    if vr in (b"US", b"UL") and len(value) == (2 if vr == b"US" else 4):
        return str(int.from_bytes(value, "little"))
    if vr == b"FD" and len(value) == 8:
        return str(*struct.unpack("<d", value))
    if vr == b"FL" and len(value) == 4:
        return str(*struct.unpack("<f", value))
    raise UnusualError


def ascii_text(value: bytes, vr: bytes) -> str | None:
    """Decode a value stored as ASCII text.

    Parameters
    ----------
    value : bytes
        The value of the element.
    vr : bytes
        Its VR.

    Returns
    -------
    str or None
        The values, stripped and separated by backslashes; None if the VR is not a text VR or the
        text uses another character set.
    """
    if vr in _ASCII_VRS or (vr in _CHARACTER_SET_VRS and value.isascii() and b"\x1b" not in value):
        return "\\".join(part.strip(" \0") for part in value.decode("latin-1").split("\\"))
    return None
