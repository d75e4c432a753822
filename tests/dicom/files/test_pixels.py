"""Stored values in every encoding, compared with the pixels that were encoded."""

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame

from lvvol.dicom.files.header import parse
from lvvol.dicom.files.pixels import native_pixels
from lvvol.dicom.files.read import decode, fetch, read_images
from lvvol.sources.archive import open_source

ROWS, COLUMNS = 60, 44


def read_pixels(folder):
    """Decode every image in a folder."""
    with open_source(folder) as source:
        reading = read_images(source)
        assert not reading.damaged
        found = fetch(reading.images, source)
        return [decode(image, found[image.file]) for image in reading.images]


def ellipse(bits: int, signed: bool) -> np.ndarray:
    """Return an image over the full range of `bits` bits, with ramps and edges."""
    r, c = np.mgrid[:ROWS, :COLUMNS]
    low = -(2 ** (bits - 1)) if signed else 0
    ramp = np.rint(low + (2**bits - 1) * (np.hypot(r - 30, c - 20) / 45).clip(0, 1))
    ramp[5:9, 5:30] = low
    ramp[20:23] = low + 2**bits - 1
    kind = np.int16 if signed else np.uint16
    return ramp.astype(np.int8 if signed else np.uint8) if bits == 8 else ramp.astype(kind)


def bit_patterns(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Convert values to unsigned integers as in JPEG and JPEG-LS; negative ones wrap."""
    unsigned = pixels.view(f"u{pixels.itemsize}")
    return np.ascontiguousarray(unsigned & np.array(2**bits - 1, dtype=unsigned.dtype))


def jpeg_lossless(predictor: int) -> Callable[[np.ndarray, int], bytes]:
    """Encode with libjpeg-turbo."""

    def encode(pixels: np.ndarray, bits: int) -> bytes:
        return imagecodecs.jpeg8_encode(
            bit_patterns(pixels, bits), lossless=True, predictor=predictor, bitspersample=bits
        )

    return encode


def jpeg_ls(near: int) -> Callable[[np.ndarray, int], bytes]:
    """Encode with CharLS, which derives the precision from the largest value."""

    def encode(pixels: np.ndarray, bits: int) -> bytes:
        return imagecodecs.jpegls_encode(bit_patterns(pixels, bits), level=near)

    return encode


def jpeg_2000(pixels: np.ndarray, bits: int) -> bytes:
    """Encode with OpenJPEG, which supports signed values."""
    return imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", bitspersample=bits)


@dataclass(frozen=True)
class Case:
    """A transfer syntax, its encoder and the tolerance of decoded values."""

    syntax: uid.UID
    encode: Callable[[np.ndarray, int], bytes]
    off: int = 0


CASES = {
    "lossless, any predictor": Case(uid.JPEGLossless, jpeg_lossless(5)),
    "lossless, first predictor": Case(uid.JPEGLosslessSV1, jpeg_lossless(1)),
    "JPEG-LS": Case(uid.JPEGLSLossless, jpeg_ls(0)),
    "JPEG-LS near": Case(uid.JPEGLSNearLossless, jpeg_ls(2), off=2),
    "JPEG 2000 lossless": Case(uid.JPEG2000Lossless, jpeg_2000),
    "JPEG 2000": Case(uid.JPEG2000, jpeg_2000),
}


def compressed(ds: pydicom.Dataset, case: Case, bits: int, frames: list[np.ndarray]):
    """Replace the pixels of a dataset by encoded frames."""
    ds.PixelData = encapsulate([case.encode(frame, bits) for frame in frames])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = case.syntax
    return ds


def tags_of(pixels: np.ndarray, bits: int) -> dict[str, int]:
    allocated = 8 * pixels.itemsize
    return {"BitsAllocated": allocated, "BitsStored": bits, "HighBit": bits - 1}


@pytest.mark.parametrize(("bits", "signed"), [(16, False), (12, False), (8, False)])
@pytest.mark.parametrize("name", CASES)
def test_unsigned_pixels_in_every_compression(study, name, bits, signed):
    case, pixels = CASES[name], ellipse(bits, signed)
    study.save(compressed(study.dataset(pixels, **tags_of(pixels, bits)), case, bits, [pixels]))
    (found,) = read_pixels(study.folder)
    assert np.abs(found - pixels).max() <= case.off
    assert np.ptp(found) >= 2**bits - 1 - 2 * case.off


@pytest.mark.parametrize("bits", [16, 12])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.off])
def test_signed_pixels_in_every_compression(study, name, bits):
    case, pixels = CASES[name], ellipse(bits, signed=True)
    study.save(compressed(study.dataset(pixels, **tags_of(pixels, bits)), case, bits, [pixels]))
    (found,) = read_pixels(study.folder)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("bits", "signed"), [(16, False), (12, True), (8, False)])
def test_run_length_encoding(study, bits, signed):
    pixels = ellipse(bits, signed)
    ds = study.dataset(pixels, **tags_of(pixels, bits))
    study.save(ds, "a.dcm")
    ds.compress(uid.RLELossless, encoding_plugin="pydicom")
    study.save(ds, "a.dcm")
    (found,) = read_pixels(study.folder)
    np.testing.assert_array_equal(found, pixels)


def test_jpeg_2000_wrapped_in_jp2(study):
    pixels = ellipse(16, signed=False)
    case = Case(uid.JPEG2000Lossless, lambda p, _: imagecodecs.jpeg2k_encode(p, codecformat="jp2"))
    study.save(compressed(study.dataset(pixels), case, 16, [pixels]))
    (found,) = read_pixels(study.folder)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("name", ["JPEG-LS", "JPEG 2000 lossless"])
def test_frames_of_a_compressed_file(study, name):
    frames = [ellipse(12, signed=False) // (i + 1) for i in range(3)]
    ds = study.dataset(frames[0], **tags_of(frames[0], 12), NumberOfFrames=3)
    compressed(ds, CASES[name], 12, frames).save_as(study.folder / "a.dcm")
    pixels = parse((study.folder / "a.dcm").read_bytes()).pixels
    for i in (2, 0, 1):
        np.testing.assert_array_equal(pixels.frame(i), frames[i])


@pytest.mark.real_data
@pytest.mark.parametrize("name", CASES)
def test_real_image_in_every_compression(real_data, study, name):
    case = CASES[name]
    path = sorted((real_data / "dsb2_dicom" / "501").rglob("*.dcm"))[100]
    ds = pydicom.dcmread(path)
    pixels = ds.pixel_array
    assert pixels.shape == (256, 192)
    compressed(ds, case, ds.BitsStored, [pixels]).save_as(study.folder / "a.dcm")
    (found,) = read_pixels(study.folder)
    assert np.abs(found - pixels).max() <= case.off


def refuse(study, ds, because):
    """Check that decoding the only image raises ValueError with a reason."""
    study.save(ds)
    with open_source(study.folder) as source:
        (image,) = read_images(source).images
        with pytest.raises(ValueError, match=because):
            decode(image, image.pixels)


@pytest.mark.parametrize("name", CASES)
def test_frame_with_a_false_size_is_not_decoded(study, name):
    """Decoding it would take minutes and gigabytes."""
    case, pixels = CASES[name], ellipse(16, signed=False)
    stream = bytearray(case.encode(pixels, 16))
    if stream.startswith(b"\xff\xd8"):
        place = next(stream.find(m) for m in (b"\xff\xc3", b"\xff\xf7") if m in stream)
        stream[place + 5 : place + 9] = b"\xea\x60\xea\x60"
    else:
        stream[8:16] = b"\0\0\xea\x60\0\0\xea\x60"
    lying = Case(case.syntax, lambda *_: bytes(stream))
    refuse(
        study,
        compressed(study.dataset(pixels), lying, 16, [pixels]),
        r"expected a compressed frame of 60 x 44 x 1, got 60000 x 60000 x 1",
    )


@pytest.mark.parametrize("name", CASES)
def test_truncated_stream_is_not_padded(study, name):
    case, pixels = CASES[name], ellipse(16, signed=False)
    stream = case.encode(pixels, 16)
    cut = Case(case.syntax, lambda *_: stream[: len(stream) // 2])
    refuse(study, compressed(study.dataset(pixels), cut, 16, [pixels]), "pixels cannot be decoded")


def test_damaged_run_length_stream_is_an_error(study):
    pixels = ellipse(16, signed=False)
    ds = study.dataset(pixels)
    study.save(ds, "a.dcm")
    ds.compress(uid.RLELossless, encoding_plugin="pydicom")
    frame = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    frame[64:66] = b"\x7f\x00"  # a literal run of 128 bytes
    ds.PixelData = encapsulate([bytes(frame[:200])])
    (study.folder / "a.dcm").unlink()
    refuse(study, ds, "pixels cannot be decoded")


TEXTS = {
    "SamplesPerPixel": "1",
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": "1",
    "Columns": "4",
    "BitsAllocated": "16",
    "BitsStored": "12",
    "PixelRepresentation": "1",
}


def test_unused_bits_are_ignored():
    """12 of 16 bits, by hand: the sign is bit 11, and the bits above are undefined."""
    data = np.array([0x0801, 0xF7FF, 0x5FFF, 0xA000], dtype="<u2").tobytes()
    signed = native_pixels(TEXTS, data, big_endian=False).frame(0)
    np.testing.assert_array_equal(signed, [[-2047, 2047, -1, 0]])
    unsigned = native_pixels(TEXTS | {"PixelRepresentation": "0"}, data, big_endian=False).frame(0)
    np.testing.assert_array_equal(unsigned, [[2049, 2047, 4095, 0]])


def test_byte_orders_and_depths():
    texts = TEXTS | {"BitsStored": "16"}
    data = bytes([0x01, 0x00, 0x00, 0x80, 0xFF, 0xFF, 0x02, 0x01])
    little = native_pixels(texts, data, big_endian=False).frame(0)
    np.testing.assert_array_equal(little, [[1, -32768, -1, 258]])
    big = native_pixels(texts, data, big_endian=True).frame(0)
    np.testing.assert_array_equal(big, [[256, 128, -1, 513]])
    wide = native_pixels(
        texts | {"BitsAllocated": "32", "BitsStored": "32", "Columns": "2"}, data, big_endian=False
    )
    np.testing.assert_array_equal(wide.frame(0), [[-2147483647, 16973823]])
    byte = native_pixels(
        texts | {"BitsAllocated": "8", "BitsStored": "8", "PixelRepresentation": "0"},
        data,
        big_endian=False,
    )
    np.testing.assert_array_equal(byte.frame(0), [[1, 0, 0, 128]])


def test_missing_bytes_are_detected():
    native_pixels(TEXTS, bytes(8), big_endian=False).check()
    with pytest.raises(ValueError, match="expected 8 bytes of pixels, got 7"):
        native_pixels(TEXTS, bytes(7), big_endian=False).check()
    with pytest.raises(ValueError, match="expected 16 bytes of pixels, got 8"):
        native_pixels(TEXTS | {"NumberOfFrames": "2"}, bytes(8), big_endian=False).check()


@pytest.mark.parametrize(
    "odd",
    [
        {"SamplesPerPixel": "3"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"BitsAllocated": "1", "BitsStored": "1"},
        {"BitsStored": "17"},
        {"PixelRepresentation": "2"},
        {"Rows": "0"},
        {"Rows": ""},
    ],
)
def test_other_formats_are_left_to_pydicom(odd):
    assert native_pixels(TEXTS | odd, bytes(8), big_endian=False) is None


def test_big_endian_bytes_in_words_are_left_to_pydicom(study):
    pixels = ellipse(8, signed=False)
    ds = study.dataset(pixels, **tags_of(pixels, 8))
    ds.PixelData = pixels.reshape(-1, 2)[:, ::-1].tobytes()  # each word's second byte first
    study.save(ds, syntax=uid.ExplicitVRBigEndian)
    (found,) = read_pixels(study.folder)
    np.testing.assert_array_equal(found, pixels)
