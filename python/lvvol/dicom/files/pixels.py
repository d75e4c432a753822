"""The stored pixel values of one file, in whatever form they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import as_pixel_options, pixel_array
from pydicom.uid import JPEGLSTransferSyntaxes, RLELossless

from lvvol.dicom.files.codestream import checked_codestream

_GREY = ("MONOCHROME1", "MONOCHROME2")


class Pixels(Protocol):
    """The stored values of a file's frames."""

    def check(self) -> None:
        """Raise ValueError if what there is cannot hold every frame."""
        ...

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column), or raise any error."""
        ...


@dataclass(frozen=True, eq=False)
class NativePixels:
    """Grey values as plain integers, one after the other.

    Parameters
    ----------
    data : bytes-like
        All frames.
    dtype : dtype
        Of one value, byte order included.
    frames, rows, columns : int
        What the header promises.
    unused_bits : int
        How many high bits of each value do not count, and may hold anything.
    """

    data: memoryview | bytes
    dtype: np.dtype[Any]
    frames: int
    rows: int
    columns: int
    unused_bits: int

    def check(self) -> None:
        """Raise ValueError if what there is cannot be every frame, as with a wrong row length."""
        expected = self.frames * self.rows * self.columns * self.dtype.itemsize
        # Zeros behind the last pixel are padding; anything else there belongs to the image.
        if len(self.data) < expected or bytes(self.data[expected:]).strip(b"\0"):
            raise ValueError(f"expected {expected} bytes of pixels, got {len(self.data)}")

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column)."""
        count = self.rows * self.columns
        offset = index * count * self.dtype.itemsize
        values = np.frombuffer(self.data, self.dtype, count, offset).reshape(self.rows, -1)
        return _without_unused(values, self.unused_bits)


def native_pixels(
    texts: Mapping[str, str], data: memoryview | bytes, big_endian: bool
) -> NativePixels | None:
    """Describe uncompressed pixels.

    Parameters
    ----------
    texts : mapping of str to str
        The header's values by keyword.
    data : bytes-like
        Pixel Data.
    big_endian : bool
        Its byte order.

    Returns
    -------
    NativePixels or None
        None where they are kept in a form that pydicom must decode.
    """
    try:
        samples, rows, columns, allocated, stored, signed = (
            int(texts[keyword])
            for keyword in (
                "SamplesPerPixel",
                "Rows",
                "Columns",
                "BitsAllocated",
                "BitsStored",
                "PixelRepresentation",
            )
        )
        frames = int(texts.get("NumberOfFrames") or 1)
    except (KeyError, ValueError):
        return None
    plain = (
        samples == 1
        and texts.get("PhotometricInterpretation") in _GREY
        and allocated in ((16, 32) if big_endian else (8, 16, 32))
        and 1 <= stored <= allocated
        and signed in (0, 1)
        and min(frames, rows, columns) >= 1
    )
    if not plain:
        return None
    dtype = np.dtype(f"{'>' if big_endian else '<'}{'ui'[signed]}{allocated // 8}")
    return NativePixels(data, dtype, frames, rows, columns, allocated - stored)


@dataclass(frozen=True, eq=False)
class EncodedPixels:
    """Values that pydicom decodes.

    Parameters
    ----------
    dataset : Dataset
        The file as parsed, Pixel Data included.
    """

    dataset: Dataset

    def check(self) -> None:
        """Raise nothing: only decoding shows what there is."""

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column), or raise any error."""
        dataset, syntax = self.dataset, self.dataset.file_meta.TransferSyntaxUID
        if not syntax.is_encapsulated:
            return pixel_array(dataset, index=index)
        # Always the same decoders, whatever else is installed: that of pylibjpeg for RLE ends the
        # whole process where a stream is damaged.
        plugin = "pydicom"
        options = as_pixel_options(dataset)
        frame = get_frame(dataset.PixelData, index, number_of_frames=options["number_of_frames"])
        if syntax != RLELossless:
            plugin = "pylibjpeg"
            frame = checked_codestream(frame, dataset.Rows, dataset.Columns)
        options["number_of_frames"] = 1
        values, _ = get_decoder(syntax).as_array(
            encapsulate([frame]), index=0, decoding_plugin=plugin, **options
        )
        if syntax in JPEGLSTransferSyntaxes and dataset.PixelRepresentation:
            # JPEG-LS has no signs, and pydicom restores them by the stream's own precision, which
            # may be all 16 bits.
            values = _without_unused(values, dataset.BitsAllocated - dataset.BitsStored)
        return np.asarray(values)


def _without_unused(values: npt.NDArray[Any], unused_bits: int) -> npt.NDArray[Any]:
    """Drop the high bits that do not count, and spread the sign over them."""
    return (values << unused_bits) >> unused_bits if unused_bits else values
