"""Parse a DICOM file: its elements as text, per frame, and its pixels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lvvol.dicom.files.elements import UNDEFINED_LENGTH, USED, ascii_text, read_meta, read_plain
from lvvol.dicom.files.pixels import EncodedPixels, Pixels, native_pixels
from lvvol.sources.archive import MAX_RATIO, RATIO_FREE_BYTES

# Larger files are not cine images (a whole enhanced study is below 100 MB).
MAX_FILE_BYTES = 512 << 20

_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
# The standard's functional groups that hold elements in use. Later ones override earlier ones, so
# attributes that a converter could not assign to a group count least. Other sequences of a frame,
# such as a vendor's private copy of the header, are not functional groups and are ignored.
_MACROS = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
    "MRTimingAndRelatedParametersSequence",
    "MREchoSequence",
    "MRModifierSequence",
    "MRDiffusionSequence",
    "MRImageFrameTypeSequence",
    "PixelMeasuresSequence",
    "PlaneOrientationSequence",
    "PlanePositionSequence",
    "CardiacSynchronizationSequence",
    "FrameContentSequence",
    "PixelValueTransformationSequence",
)
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# Parsing only these takes two thirds of the time of a whole header.
_TAGS = [
    *map(Tag, USED),
    *map(Tag, (*_GROUPS, *_PIXELS)),
    # Not used by lvvol, but needed by pydicom to decode pixels.
    Tag("PlanarConfiguration"),
]
_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


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
    if plain is None and DeflatedExplicitVRLittleEndian.encode() in content:
        content = _inflate(content)
        plain = read_plain(content)
    if plain is not None:
        native = native_pixels(plain.texts, plain.pixel_data, big_endian=False)
        if native is not None:
            return Header(plain.texts, {}, [], native, len(content))
    dataset = pydicom.dcmread(BytesIO(content), force=True, specific_tags=list(_TAGS))
    texts = _texts_of(dataset.file_meta) | _texts_of(dataset)
    if "TransferSyntaxUID" not in dataset.file_meta:  # use the encoding that pydicom detected
        dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian
        )
    shared, per_frame = (
        [_texts_of_macros(item) for item in dataset.get(keyword) or ()] for keyword in _GROUPS
    )
    return Header(
        texts, shared[0] if shared else {}, per_frame, _pixels_of(dataset, texts), len(content)
    )


def _inflate(content: bytes) -> bytes:
    """Inflate a deflated file, up to a limit, to its bare elements; return others unchanged."""
    meta, start = read_meta(content)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return content
    limit = min(MAX_FILE_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * len(content)))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = unpacker.decompress(content[start:], limit)
    if not unpacker.eof:
        raise ValueError(f"expected at most {limit} bytes of inflated elements, got more or no end")
    return inflated


def _pixels_of(dataset: Dataset, texts: dict[str, str]) -> Pixels | None:
    """Return the pixels of a file that pydicom parsed."""
    keyword = next((keyword for keyword in _PIXELS if keyword in dataset), None)
    if keyword is None:
        return None
    truncated = _is_truncated(dataset.get_item(keyword))
    syntax = dataset.file_meta.TransferSyntaxUID
    if keyword == "PixelData" and syntax in _NATIVE:
        native = native_pixels(texts, dataset.PixelData, syntax == ExplicitVRBigEndian)
        if native is not None:
            return native
    if truncated:
        raise ValueError(f"expected complete pixels, but the file ends inside {keyword}")
    return EncodedPixels(dataset)


def _is_truncated(element: Any) -> bool:
    """Whether the file ends inside the value of an element; pydicom returns it without an error."""
    return (
        isinstance(element, RawDataElement)
        and isinstance(element.value, bytes)
        and element.length != UNDEFINED_LENGTH
        and len(element.value) < element.length
    )


def _texts_of_macros(item: Dataset) -> dict[str, str]:
    """Collect the values of the functional groups of a frame, each a sequence of one item."""
    texts: dict[str, str] = {}
    for anatomy in item.get("FrameAnatomySequence") or ():
        for region in anatomy.get("AnatomicRegionSequence") or ():
            texts["BodyPartExamined"] = str(region.get("CodeMeaning", ""))
    for keyword in _MACROS:
        macro = item.get(keyword)
        if macro:
            texts |= _texts_of(macro[0])
    return texts


def _texts_of(dataset: Dataset) -> dict[str, str]:
    """Return the values of the elements in use as text, without malformed ones."""
    found = {USED[tag][0]: _text(dataset, tag) for tag in dataset.keys() if tag in USED}  # noqa: SIM118
    return {keyword: text for keyword, text in found.items() if text}


def _text(dataset: Dataset, tag: int) -> str:
    """Return the values of an element as text.

    Text is taken verbatim, because pydicom's types reject some values that are still usable.
    """
    try:
        element: Any = dataset.get_item(tag)
        if _is_truncated(element):
            return ""
        if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
            vr = USED[tag][1] if element.VR in (None, "UN") else element.VR.encode()
            text = ascii_text(element.value, vr)
            if text is not None:
                return text
        value = dataset[tag].value
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, NotImplementedError):
        return ""
    if value is None:
        return ""
    values = value if isinstance(value, (list, MultiValue)) else [value]
    return "\\".join(str(v).strip(" \0") for v in values)
