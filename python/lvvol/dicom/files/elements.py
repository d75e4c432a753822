"""Fast header parser for plain DICOM files; the core walks their elements.

A plain file is what nearly every scanner writes: little endian, uncompressed, single frame, with
standard-conforming elements in order. All other files are left to pydicom. Files that both parsers
accept give identical results.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvvol._core import ElementReader

USED = {
    0x00020002: ("MediaStorageSOPClassUID", b"UI"),
    0x00020010: ("TransferSyntaxUID", b"UI"),
    0x00080008: ("ImageType", b"CS"),
    0x00080016: ("SOPClassUID", b"UI"),
    0x00080018: ("SOPInstanceUID", b"UI"),
    0x00080022: ("AcquisitionDate", b"DA"),
    0x0008002A: ("AcquisitionDateTime", b"DT"),
    0x00080032: ("AcquisitionTime", b"TM"),
    0x00080060: ("Modality", b"CS"),
    0x0008103E: ("SeriesDescription", b"LO"),
    0x00089007: ("FrameType", b"CS"),
    0x00089208: ("ComplexImageComponent", b"CS"),
    0x00100020: ("PatientID", b"LO"),
    0x00180010: ("ContrastBolusAgent", b"LO"),
    0x00180015: ("BodyPartExamined", b"CS"),
    0x00180020: ("ScanningSequence", b"CS"),
    0x00180021: ("SequenceVariant", b"CS"),
    0x00180024: ("SequenceName", b"SH"),
    0x00180050: ("SliceThickness", b"DS"),
    0x00180080: ("RepetitionTime", b"DS"),
    0x00180081: ("EchoTime", b"DS"),
    0x00180082: ("InversionTime", b"DS"),
    0x00180088: ("SpacingBetweenSlices", b"DS"),
    0x00181060: ("TriggerTime", b"DS"),
    0x00181062: ("NominalInterval", b"IS"),
    0x00181088: ("HeartRate", b"IS"),
    0x00181100: ("ReconstructionDiameter", b"DS"),
    0x00189005: ("PulseSequenceName", b"SH"),
    0x00189008: ("EchoPulseSequence", b"CS"),
    0x00189017: ("SteadyStatePulseSequence", b"CS"),
    0x00189037: ("CardiacSynchronizationTechnique", b"CS"),
    0x00189074: ("FrameAcquisitionDateTime", b"DT"),
    0x00189079: ("InversionTimes", b"FD"),
    0x00189082: ("EffectiveEchoTime", b"FD"),
    0x00189087: ("DiffusionBValue", b"FD"),
    0x0020000D: ("StudyInstanceUID", b"UI"),
    0x0020000E: ("SeriesInstanceUID", b"UI"),
    0x00200011: ("SeriesNumber", b"IS"),
    0x00200012: ("AcquisitionNumber", b"IS"),
    0x00200013: ("InstanceNumber", b"IS"),
    0x00200032: ("ImagePositionPatient", b"DS"),
    0x00200037: ("ImageOrientationPatient", b"DS"),
    0x00200052: ("FrameOfReferenceUID", b"UI"),
    0x00200100: ("TemporalPositionIdentifier", b"IS"),
    0x00201041: ("SliceLocation", b"DS"),
    0x00209128: ("TemporalPositionIndex", b"UL"),
    0x00209153: ("NominalCardiacTriggerDelayTime", b"FD"),
    0x00209156: ("FrameAcquisitionNumber", b"US"),
    0x00209241: ("NominalPercentageOfCardiacPhase", b"FL"),
    0x00209251: ("RRIntervalTimeNominal", b"FD"),
    0x00280002: ("SamplesPerPixel", b"US"),
    0x00280004: ("PhotometricInterpretation", b"CS"),
    0x00280008: ("NumberOfFrames", b"IS"),
    0x00280010: ("Rows", b"US"),
    0x00280011: ("Columns", b"US"),
    0x00280030: ("PixelSpacing", b"DS"),
    0x00280100: ("BitsAllocated", b"US"),
    0x00280101: ("BitsStored", b"US"),
    0x00280103: ("PixelRepresentation", b"US"),
    0x00281052: ("RescaleIntercept", b"DS"),
    0x00281053: ("RescaleSlope", b"DS"),
}
"""Keyword and VR, by tag, of all elements in use; the others are discarded. Enhanced images use
different elements for some of the same attributes. Written out because plain files need nothing
else of pydicom, whose import takes longer than reading a study."""

UNDEFINED_LENGTH = 0xFFFFFFFF

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
"""Transfer syntaxes of plain files."""

# VRs with a length of two bytes.
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
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
        if syntax not in (None, EXPLICIT_LITTLE_ENDIAN if explicit else IMPLICIT_LITTLE_ENDIAN):
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
