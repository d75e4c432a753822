"""Access to the stored pixel values of a file, native or compressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

_GREY = ("MONOCHROME1", "MONOCHROME2")


class Pixels(Protocol):
    """The stored values of all frames of a file."""

    def check(self) -> None:
        """Raise ValueError if the data cannot contain all frames."""
        ...

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column); errors are of any type."""
        ...


@dataclass(frozen=True, eq=False)
class NativePixels:
    """Uncompressed greyscale integers.

    Parameters
    ----------
    data : bytes-like
        All frames.
    dtype : dtype
        Type of a value, including byte order.
    frames, rows, columns : int
        Shape according to the header.
    unused_bits : int
        Number of high bits above Bits Stored, whose content is undefined.
    """

    data: memoryview | bytes
    dtype: np.dtype[Any]
    frames: int
    rows: int
    columns: int
    unused_bits: int

    def check(self) -> None:
        """Raise ValueError if the data does not match the shape, for example a wrong row length."""
        expected = self.frames * self.rows * self.columns * self.dtype.itemsize
        # Trailing zeros are padding; any other trailing bytes are pixels.
        if len(self.data) < expected or bytes(self.data[expected:]).strip(b"\0"):
            raise ValueError(f"expected {expected} bytes of pixels, got {len(self.data)}")

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Return the stored values of one frame, shape (row, column)."""
        count = self.rows * self.columns
        offset = index * count * self.dtype.itemsize
        values = np.frombuffer(self.data, self.dtype, count, offset).reshape(self.rows, -1)
        return clear_unused_bits(values, self.unused_bits)


def native_pixels(
    texts: Mapping[str, str], data: memoryview | bytes, big_endian: bool
) -> NativePixels | None:
    """Wrap uncompressed Pixel Data.

    Parameters
    ----------
    texts : mapping of str to str
        Values of the header by keyword.
    data : bytes-like
        Pixel Data.
    big_endian : bool
        Byte order.

    Returns
    -------
    NativePixels or None
        None if the format must be decoded by pydicom.
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


def clear_unused_bits(values: npt.NDArray[Any], unused_bits: int) -> npt.NDArray[Any]:
    """Replace the unused high bits by the sign, or by zeros for unsigned values.

    Parameters
    ----------
    values : ndarray of integers
        Stored values.
    unused_bits : int
        Number of high bits above Bits Stored.

    Returns
    -------
    ndarray
        `values` itself where `unused_bits` is 0, else a new array.
    """
    return (values << unused_bits) >> unused_bits if unused_bits else values
