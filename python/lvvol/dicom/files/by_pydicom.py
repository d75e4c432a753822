"""What is left to pydicom: files that are not plain, and compressed pixels.

Plain files need none of it, so that nothing imports this module before it is needed.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.multival import MultiValue
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.utils import as_pixel_options, pixel_array
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from lvvol.dicom.files import jpeg
from lvvol.dicom.files.codestream import validate_codestream
from lvvol.dicom.files.elements import UNDEFINED_LENGTH, USED, ascii_text
from lvvol.dicom.files.header import Header
from lvvol.dicom.files.pixels import Pixels, clear_unused_bits, native_pixels

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


class _Quiet:
    """Silence pydicom's warnings about invalid values while any thread is reading.

    The settings are global to the process, so the first thread to enter changes them and the last
    one to leave restores them. If each thread restored them, one could undo the changes of another.
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


QUIET = _Quiet()
"""Around every use of pydicom that may meet invalid values."""


def parse_unusual(content: bytes) -> Header:
    """Parse a file that is not plain.

    Parameters
    ----------
    content : bytes
        The whole file, not deflated.

    Returns
    -------
    Header
        Its elements and pixels.

    Raises
    ------
    Exception
        Of any type if the file is damaged: a corrupt header can fail anywhere in pydicom.
    """
    with QUIET:
        return _parse(content)


@lru_cache(maxsize=64)
def sop_class_name(uid: str) -> str:
    """Return the name of a SOP class, or its UID if unknown."""
    with QUIET:
        return str(UID(uid).name)


def _parse(content: bytes) -> Header:
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


@dataclass(frozen=True, eq=False)
class EncodedPixels:
    """Pixels decoded by pydicom.

    Parameters
    ----------
    dataset : Dataset
        The parsed file, including Pixel Data.
    """

    dataset: Dataset

    def check(self) -> None:
        """Do nothing: errors only show on decoding."""

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column); errors are of any type."""
        with QUIET:
            return self._frame(index)

    def _frame(self, index: int) -> npt.NDArray[Any]:
        dataset, syntax = self.dataset, self.dataset.file_meta.TransferSyntaxUID
        if not syntax.is_encapsulated:
            return pixel_array(dataset, index=index)
        options = as_pixel_options(dataset)
        frame = get_frame(dataset.PixelData, index, number_of_frames=options["number_of_frames"])
        if syntax != RLELossless:
            frame = validate_codestream(frame, dataset.Rows, dataset.Columns)
        decoder, plugin = _decoder(syntax)
        options["number_of_frames"] = 1
        values, _ = decoder.as_array(
            encapsulate([frame]), index=0, decoding_plugin=plugin, **options
        )
        if syntax in JPEGLSTransferSyntaxes and dataset.PixelRepresentation:
            # JPEG-LS is unsigned: the sign follows from Bits Stored.
            values = clear_unused_bits(values, dataset.BitsAllocated - dataset.BitsStored)
        return np.asarray(values)


def _decoder(syntax: UID) -> tuple[Decoder, str]:
    """Return the decoder of a transfer syntax and the plugin to use, whatever else is installed."""
    if syntax in jpeg.SYNTAXES:
        return jpeg.jpeg_decoder(syntax), jpeg.PLUGIN
    # pylibjpeg's decoder for RLE aborts the process on a damaged stream.
    return get_decoder(syntax), "pydicom" if syntax == RLELossless else "pylibjpeg"
