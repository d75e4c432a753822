"""Image attributes from header values; implausible values are rejected."""

import warnings

import numpy as np
import pytest

from lvvol.dicom.files.header import Header
from lvvol.dicom.files.image import UnusableError, images_of
from lvvol.dicom.files.pixels import native_pixels
from lvvol.dicom.files.read import decode, fetch, read_images
from lvvol.sources.archive import open_source
from tests.support.studies import COLUMNS, ROWS

TEXTS = {
    "ImagePositionPatient": "1\\2\\3",
    "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
    "PixelSpacing": "1.5\\1.25",
    "Rows": "2",
    "Columns": "3",
    "BitsAllocated": "16",
    "BitsStored": "12",
    "PixelRepresentation": "0",
    "SamplesPerPixel": "1",
    "PhotometricInterpretation": "MONOCHROME2",
}


def images(shared=None, per_frame=(), keep=False, **texts):
    texts = {k: v for k, v in (TEXTS | texts).items() if v is not None}
    pixels = native_pixels(texts, bytes(12), big_endian=False)
    return images_of(Header(texts, shared or {}, list(per_frame), pixels, 12), "a.dcm", keep)


def test_attributes():
    (image,) = images(SeriesNumber="7", TriggerTime="40.5", NominalInterval="800", PatientID="P")
    assert image.position_mm == (1, 2, 3)
    assert image.orientation == (1, 0, 0, 0, 1, 0)
    assert image.pixel_spacing_mm == (1.5, 1.25)
    assert (image.rows, image.columns) == (2, 3)
    assert (image.series_number, image.patient_id) == (7, "P")
    assert (image.trigger_ms, image.cycle_ms) == (40.5, 800)
    assert (image.slope, image.intercept, image.mirror) == (1, 0, None)
    assert image.instance_number is None


def test_per_frame_values_override_shared_ones():
    shared = {"PixelSpacing": "2\\2", "RescaleSlope": "3", "SliceThickness": "6"}
    per_frame = [
        {"RescaleSlope": "4", "ImagePositionPatient": "0\\0\\5", "TriggerTime": "10"},
        {"ImagePositionPatient": "0\\0\\9", "RescaleIntercept": "-7"},
    ]
    first, second = images(shared, per_frame, NumberOfFrames="2", RescaleSlope="2")
    assert (first.position_mm, second.position_mm) == ((0, 0, 5), (0, 0, 9))
    assert (first.slope, second.slope) == (4, 3)
    assert (first.intercept, second.intercept) == (0, -7)
    assert first.pixel_spacing_mm == second.pixel_spacing_mm == (2, 2)
    assert (first.trigger_ms, second.trigger_ms) == (10, None)
    assert (first.frame, second.frame) == (0, 1)
    assert (first.instance_number, second.instance_number) == (1, 2)


@pytest.mark.parametrize(
    ("stored", "signed", "mirror"), [("12", "0", 4095), ("16", "0", 65535), ("12", "1", -1)]
)
def test_monochrome1_is_inverted_within_its_range(stored, signed, mirror):
    """12 bits hold 0 to 4095, or -2048 to 2047: inversion swaps both ends."""
    (image,) = images(
        PhotometricInterpretation="MONOCHROME1", BitsStored=stored, PixelRepresentation=signed
    )
    assert image.mirror == mirror


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "-", "1\\x"])
def test_malformed_numbers_count_as_missing(text):
    (image,) = images(SliceThickness=text, RescaleSlope=text, SeriesNumber=text)
    assert (image.slice_thickness_mm, image.slope, image.series_number) == (None, 1, None)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ({"ImagePositionPatient": "1\\2"}, "missing position, orientation or pixel spacing"),
        ({"PixelSpacing": None}, "missing position, orientation or pixel spacing"),
        ({"ImageOrientationPatient": "1\\0\\0\\1\\0\\0"}, "non-perpendicular axes"),
        ({"PixelSpacing": "0\\1"}, "non-positive pixel spacing"),
        ({"Rows": "0"}, "missing rows or columns"),
        ({"Columns": "2049"}, "more than 2048 rows or columns"),
        ({"SamplesPerPixel": "3"}, "colour image"),
        ({"NumberOfFrames": "2"}, "several frames without per-frame positions"),
    ],
)
def test_unusable_images(texts, why):
    with pytest.raises(UnusableError, match=why):
        images(**texts)


@pytest.mark.parametrize("n_frames", ["1", "+1.5", "3", None])
def test_another_number_of_frames_than_positions_is_refused(n_frames):
    """The pixels of such a file cannot be assigned to positions."""
    with pytest.raises(UnusableError, match="positions of 2 frames, but Number of Frames is"):
        images(None, [{}, {}], NumberOfFrames=n_frames)


def test_pixels_are_kept_only_on_request():
    assert images()[0].pixels is None
    assert images(keep=True)[0].pixels is not None


def test_series_key_and_label():
    assert images(SeriesNumber="4")[0].label == "series 4"
    assert images(SeriesNumber="4", SeriesDescription="sax")[0].label == "series 4 (sax)"
    assert images(SeriesInstanceUID="1.2")[0].series == ("1.2", None)
    assert images()[0].label == "series (unnamed)"


def read(study, **tags):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.save(study.dataset(**tags), "a.dcm")
    with open_source(study.folder) as source:
        return read_images(source)


def put(study, good, bad):
    """Replace bytes in the file, to store values that pydicom refuses to write."""
    path = study.folder / "a.dcm"
    content = path.read_bytes()
    assert content.count(good) == 1
    assert len(good) == len(bad)
    path.write_bytes(content.replace(good, bad))
    with open_source(study.folder) as source:
        return read_images(source)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"ImagePositionPatient": [0, 10_001, 0]}, "position beyond 10 m"),
        ({"PixelSpacing": ["1e9", 1]}, "pixel spacing outside 0.01 to 100 mm"),
        ({"PixelSpacing": [1, "1e-5"]}, "pixel spacing outside 0.01 to 100 mm"),
    ],
)
def test_implausible_plane_is_excluded(study, tags, reason):
    assert read(study, **tags).excluded == {reason: ["a.dcm"]}


@pytest.mark.parametrize("bad", [b"1_0.5\\2.5 ", b"1,0.5\\2.5 ", b"1e999\\2.5 "])
def test_malformed_spacing_counts_as_missing(study, bad):
    read(study, PixelSpacing=[12.25, 2.5])
    reading = put(study, b"12.25\\2.5 ", bad)
    assert list(reading.excluded) == ["missing position, orientation or pixel spacing"]


def test_numbers_that_would_overflow_count_as_missing(study):
    (image,) = read(study, RescaleSlope="1e300", TriggerTime="-1e308", InstanceNumber=1).images
    assert (image.slope, image.trigger_ms) == (1.0, None)


@pytest.mark.parametrize("time", ["1200nan", "1200inf", "12001e300", "990000", "-10000"])
def test_invalid_time_counts_as_missing(study, time):
    (image,) = read(study, AcquisitionTime=time, AcquisitionDate="20240229").images
    assert image.acquired is None


def test_invalid_date_leaves_the_time(study):
    (image,) = read(study, AcquisitionTime="000010", AcquisitionDate="²" * 8).images
    assert image.acquired == 10.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e30])
def test_non_finite_pixels_are_damaged(study, bad):
    dataset = study.dataset(BitsAllocated=32, BitsStored=None, PixelRepresentation=None)
    del dataset.PixelData
    pixels = np.full((ROWS, COLUMNS), 2.5, dtype="<f4")
    for name, value in (("good", 1e6), ("bad", bad)):
        pixels[3, 4] = value
        dataset.FloatPixelData = pixels.tobytes()
        study.save(dataset, f"{name}.dcm")
    with open_source(study.folder) as source:
        bad_image, good_image = read_images(source).images
        found = fetch([bad_image, good_image], source)
        assert decode(good_image, found["good.dcm"]).tolist()[3][3:5] == [2.5, 1e6]
        with pytest.raises(ValueError, match=r"bad\.dcm: expected finite pixels"):
            decode(bad_image, found["bad.dcm"])
