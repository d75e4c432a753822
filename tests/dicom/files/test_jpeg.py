"""imagecodecs decodes JPEG and JPEG-LS as pylibjpeg does, which has other libraries inside."""

import random
import subprocess
import sys

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from lvvol.dicom.files import jpeg
from lvvol.dicom.files.by_pydicom import EncodedPixels
from tests.support.studies import Study


def image(bits, rows=61, columns=45):
    """Smooth, as images of a scanner, with some noise and the whole range."""
    r, c = np.mgrid[:rows, :columns]
    noise = np.random.default_rng(bits).normal(0, 0.01, r.shape)
    share = (0.5 + 0.45 * np.sin(r / 9) * np.cos(c / 7) + noise).clip(0, 1)
    share[3:5, 3:9], share[30:33, 20:25] = 0, 1
    return np.rint(share * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def dataset(stream, syntax, bits, signed=0, rows=61, columns=45):
    """A file with one encoded frame."""
    allocated = 8 if bits <= 8 else 16
    pixels = np.zeros((rows, columns), np.uint8 if allocated == 8 else np.uint16)
    ds = Study(None).dataset(pixels, BitsAllocated=allocated, BitsStored=bits, HighBit=bits - 1)
    ds.PixelRepresentation = signed
    ds.PixelData = encapsulate([stream])
    ds["PixelData"].VR = "OB"
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


def witness(ds):
    values, _ = get_decoder(ds.file_meta.TransferSyntaxUID).as_array(
        ds, index=0, decoding_plugin="pylibjpeg"
    )
    return values


def lossy(pixels, bits):
    return imagecodecs.jpeg8_encode(pixels, level=92, bitspersample=bits)


def lossless(predictor):
    return lambda pixels, bits: imagecodecs.jpeg8_encode(
        pixels, lossless=True, predictor=predictor, bitspersample=bits
    )


def jpeg_ls(near):
    return lambda pixels, bits: imagecodecs.jpegls_encode(pixels, level=near)


# Syntax, encoder, bits, largest difference from the witness: lossy decoders round differently.
CASES = {
    "baseline": (uid.JPEGBaseline8Bit, lossy, 8, 1),
    "extended": (uid.JPEGExtended12Bit, lossy, 12, 2),
    **{
        f"lossless, predictor {predictor}, {bits} bits": (
            uid.JPEGLossless,
            lossless(predictor),
            bits,
            0,
        )
        for predictor in range(1, 8)
        for bits in (8, 12, 16)
    },
    "lossless SV1": (uid.JPEGLosslessSV1, lossless(1), 12, 0),
    **{
        f"JPEG-LS, {bits} bits": (uid.JPEGLSLossless, jpeg_ls(0), bits, 0)
        for bits in (8, 10, 12, 14, 16)
    },
    **{
        f"JPEG-LS near {near}": (uid.JPEGLSNearLossless, jpeg_ls(near), 12, 0) for near in (1, 2, 5)
    },
}


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_the_witness(name):
    syntax, encode, bits, off = CASES[name]
    pixels = image(bits)
    ds = dataset(encode(pixels, bits), syntax, bits)
    found = EncodedPixels(ds).frame(0)
    assert found.dtype == pixels.dtype
    assert np.abs(found.astype(int) - witness(ds).astype(int)).max() <= off
    if syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless):
        np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGLSLossless])
@pytest.mark.parametrize("highest", [100, 2047])
def test_the_sign_follows_bits_stored(syntax, highest):
    """A signed image without negative values may be encoded in fewer bits than it has."""
    pixels = (image(12).astype(int) * highest // 4095).astype(np.int16)
    encode = jpeg_ls(0) if syntax == uid.JPEGLSLossless else lossless(1)
    for values in (pixels, pixels - np.int16(highest // 2)):
        stream = encode(values.view(np.uint16) & np.uint16(4095), 12)
        ds = dataset(stream, syntax, 12, signed=1)
        np.testing.assert_array_equal(EncodedPixels(ds).frame(0), values)


def test_values_beyond_bits_allocated_are_refused():
    ds = dataset(jpeg_ls(0)(image(12), 12), uid.JPEGLSLossless, 8)
    with pytest.raises(RuntimeError, match="expected values of 8 bits, got 4095"):
        EncodedPixels(ds).frame(0)


@pytest.mark.parametrize("name", ["baseline", "extended", "lossless SV1", "JPEG-LS, 12 bits"])
def test_damaged_streams_are_errors_or_images(name):
    """A crash would end the tests."""
    syntax, encode, bits, _ = CASES[name]
    stream, chance = encode(image(bits), bits), random.Random(name)
    for _ in range(100):
        damaged = bytearray(stream)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(2, len(damaged))] = chance.randrange(256)
        try:
            values = EncodedPixels(dataset(bytes(damaged), syntax, bits)).frame(0)
        except (ValueError, RuntimeError):
            continue
        assert values.shape == (61, 45)


def test_decoders_that_pydicom_shares_stay_as_they_are():
    for syntax in jpeg.SYNTAXES:
        jpeg.jpeg_decoder(syntax)
        assert jpeg.PLUGIN not in get_decoder(syntax).available_plugins


def test_imagecodecs_is_imported_only_to_decode():
    code = "import sys, lvvol.dicom.load; sys.exit('imagecodecs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
