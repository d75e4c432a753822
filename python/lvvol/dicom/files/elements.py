"""Fast header parser for plain DICOM files; the core walks their elements.

A plain file is what nearly every scanner writes: little endian, uncompressed, single frame, with
standard-conforming elements in order. All other files are left to pydicom. Files that both parsers
accept give identical results.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from lvvol._core import ElementReader

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

_SHORT_VRS = {vr.encode() for vr in VR if len(vr) == 2 and vr not in EXPLICIT_VR_LENGTH_32}
# Always plain ASCII; LO and SH use the character set of the file.
_ASCII_VRS = {b"CS", b"DA", b"DS", b"DT", b"IS", b"TM", b"UI"}
_CHARACTER_SET_VRS = {b"LO", b"SH"}

_END_OF_META = 0x0002FFFF
_PIXEL_DATA = 0x7FE00010
# Longer than any value in use.
_MAX_TEXT_BYTES = 1024

_READER = ElementReader(
    [(tag, keyword, vr.decode()) for tag, (keyword, vr) in sorted(USED.items())], _MAX_TEXT_BYTES
)


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
        texts, position = _read(content, start, explicit=explicit, last=_PIXEL_DATA - 1)
    except UnusualError:
        return None
    begin = position + (12 if explicit else 8)
    tag, vr = content[position : position + 4], content[position + 4 : position + 6]
    length = int.from_bytes(content[begin - 4 : begin], "little")
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
    UnusualError
        If it must be parsed by pydicom.
    """
    start = 132 if content[128:132] == b"DICM" else 0
    return _read(content, start, explicit=True, last=_END_OF_META)


class UnusualError(Exception):
    """The file is not plain and must be parsed by pydicom."""


def _read(content: bytes, start: int, *, explicit: bool, last: int) -> tuple[dict[str, str], int]:
    """Read elements up to tag `last`; return their texts and where the next one begins."""
    found = _READER.read(content, start, explicit=explicit, last=last)
    if found is None:
        raise UnusualError
    return found


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
