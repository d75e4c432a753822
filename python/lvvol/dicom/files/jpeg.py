"""Decode JPEG and JPEG-LS with imagecodecs (libjpeg-turbo and CharLS), as a plugin of pydicom.

The decoders that pydicom knows for these are licensed under the GPL (pylibjpeg-libjpeg) or abort
the process on damaged streams (python-gdcm).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from pydicom.pixels.decoders.base import Decoder, DecodeRunner
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
)

PLUGIN = "lvvol"
SYNTAXES = (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

# What pydicom asks of a plugin's module, by these names.
DECODER_DEPENDENCIES = dict.fromkeys(SYNTAXES, ("imagecodecs",))


def is_available(uid: str) -> bool:
    """Return whether the plugin decodes a transfer syntax."""
    return uid in SYNTAXES


@cache
def jpeg_decoder(syntax: UID) -> Decoder:
    """Return a decoder with this plugin alone; those that pydicom shares with others stay as is.

    Parameters
    ----------
    syntax : UID
        One of `SYNTAXES`.

    Returns
    -------
    Decoder
        Decodes frames that `lvvol.dicom.files.codestream.validate_codestream` has accepted: others
        may cost minutes and gigabytes.
    """
    decoder = Decoder(syntax)
    decoder.add_plugin(PLUGIN, (__name__, "decode_frame"))
    return decoder


def decode_frame(frame: bytes, runner: DecodeRunner) -> bytes:
    """Return the values of a greyscale frame, of as many bytes each as the header says.

    Parameters
    ----------
    frame : bytes
        A codestream.
    runner : DecodeRunner
        Options from the header.

    Returns
    -------
    bytes
        Unsigned; their sign follows from Bits Stored.

    Raises
    ------
    ValueError
        If the frame has other sizes, or values that Bits Allocated cannot hold.
    """
    import imagecodecs  # takes a tenth of a second, which most studies need not pay

    is_jpeg_ls = runner.transfer_syntax in JPEGLSTransferSyntaxes
    decode = imagecodecs.jpegls_decode if is_jpeg_ls else imagecodecs.jpeg8_decode
    values = decode(frame)
    if values.shape != (runner.rows, runner.columns):
        raise ValueError(f"expected {(runner.rows, runner.columns)} values, got {values.shape}")
    dtype = np.dtype(f"<u{runner.bits_allocated // 8}")
    if values.itemsize > dtype.itemsize and values.max() > np.iinfo(dtype).max:
        raise ValueError(f"expected values of {runner.bits_allocated} bits, got {values.max()}")
    # pydicom would take the sign from the precision of the stream, which may differ.
    runner.set_option("apply_jls_sign_correction", False)
    return np.asarray(values, dtype=dtype).tobytes()
