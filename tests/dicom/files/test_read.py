"""Reading headers and pixels in every format."""

import warnings
from datetime import date
from io import FileIO
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from lvvol import load_study
from lvvol.dicom.files import read
from lvvol.dicom.files.read import decode, fetch, read_images
from lvvol.errors import DamagedStudyError
from lvvol.sources.archive import open_source
from tests.support.studies import COLUMNS, ROWS, enhanced, pixels_of


def read_all(path):
    """Read a study and decode every image."""
    with open_source(path) as source:
        reading = read_images(source)
        datasets = fetch(reading.images, source)
        return reading, [decode(image, datasets[image.file]) for image in reading.images]


def read_one(path):
    _, pixels = read_all(path)
    assert len(pixels) == 1
    assert pixels[0].dtype == np.float32
    return pixels[0]


def test_rescale_slope_and_intercept(study):
    study.save(study.dataset(pixels_of(0, 1), RescaleSlope="0.5", RescaleIntercept="-10"))
    np.testing.assert_array_equal(read_one(study.folder), pixels_of(0, 1) * 0.5 - 10)


def test_signed_pixels(study):
    pixels = pixels_of(0, 0).astype(np.int16) - 60
    study.save(study.dataset(pixels))
    np.testing.assert_array_equal(read_one(study.folder), pixels)


def test_monochrome1_is_inverted(study):
    # 12 stored bits: 0 is brightest and becomes 4095.
    study.save(
        study.dataset(
            pixels_of(0, 2), PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11
        )
    )
    np.testing.assert_array_equal(read_one(study.folder), 4095.0 - pixels_of(0, 2))


def test_signed_monochrome1(study):
    pixels = pixels_of(0, 0).astype(np.int16) - 60
    study.save(study.dataset(pixels, PhotometricInterpretation="MONOCHROME1"))
    # From -32768 to 32767: inversion swaps both ends.
    np.testing.assert_array_equal(read_one(study.folder), -1.0 - pixels)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",  # implicit little endian
        "1.2.840.10008.1.2.1",  # explicit little endian
        "1.2.840.10008.1.2.1.99",  # deflated
    ],
)
def test_native_transfer_syntaxes(study, syntax):
    study.save(study.dataset(pixels_of(0, 3)), syntax=syntax)
    np.testing.assert_array_equal(read_one(study.folder), pixels_of(0, 3))


def test_explicit_big_endian(study):
    ds = study.dataset(pixels_of(0, 3))
    ds.PixelData = pixels_of(0, 3).astype(">u2").tobytes()
    study.save(ds, syntax="1.2.840.10008.1.2.2")
    np.testing.assert_array_equal(read_one(study.folder), pixels_of(0, 3))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_transfer_syntaxes(study, syntax):
    pixels = pixels_of(0, 3, rows=64, columns=48)  # large enough for the levels of JPEG 2000
    ds = study.dataset(pixels)
    study.save(ds, "a.dcm")
    ds.compress(syntax)
    study.save(ds, "a.dcm")
    assert pydicom.dcmread(study.folder / "a.dcm").file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(read_one(study.folder), pixels)


@pytest.mark.parametrize("explicit", [True, False])
def test_file_without_preamble(study, explicit):
    path = study.folder / "bare"
    ds = study.dataset(pixels_of(0, 1))
    with path.open("wb") as file:
        pydicom.dcmwrite(
            file, ds, implicit_vr=not explicit, little_endian=True, enforce_file_format=False
        )
    assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_one(study.folder), pixels_of(0, 1))


def test_invalid_values_cause_neither_errors_nor_warnings(study, capfd):
    ds = study.dataset(
        StudyInstanceUID="1.02.not a uid",
        SeriesInstanceUID="2.16.0124..5",
        FrameOfReferenceUID=None,
        AcquisitionDate="20120000",
        AcquisitionTime="082621",
        SliceThickness="12.34567",
        PatientBirthDate="00000000",
    )
    ds.add_new(0x00080000, "UL", 946)  # a group length
    ds.add_new(0x00180000, "UL", 1)
    ds.add_new(0x52009230, "SQ", Sequence([Dataset()]))  # empty functional groups
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = study.save(ds)
    content = path.read_bytes()
    assert content.count(b"12.34567") == 1
    path.write_bytes(content.replace(b"12.34567", b"so thick"))
    reading, _ = read_all(study.folder)  # warnings are errors here
    (image,) = reading.images
    assert image.slice_thickness_mm is None
    assert image.frame_of_reference_uid == ""
    assert image.study_uid == "1.02.not a uid"
    # 2012-00-00 sorts before 2012-01-01.
    assert image.acquired == date(2012, 1, 1).toordinal() * 86400 + 8 * 3600 + 26 * 60 + 21
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("time", ["", "not a time", "25", None])
def test_invalid_times_do_not_stop_reading(study, time):
    study.save(study.dataset(AcquisitionTime=time, AcquisitionDate="2013-01-08"))
    reading, _ = read_all(study.folder)
    assert len(reading.images) == 1


def test_acquisition_date_time_with_zone(study):
    study.save(study.dataset(AcquisitionDateTime="20240229133000.500000+0100"))
    reading, _ = read_all(study.folder)
    assert (
        reading.images[0].acquired
        == date(2024, 2, 29).toordinal() * 86400 + 13 * 3600 + 30 * 60 + 0.5
    )


def test_files_are_classified(study):
    study.save(study.dataset(), "good.dcm")
    study.save(study.dataset(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), "ct.dcm")
    (study.folder / "note.txt").write_text("hello " * 100)
    (study.folder / "empty").write_bytes(b"")
    (study.folder / "short").write_bytes(b"\x08\x00")
    report = study.dataset(Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    del report.PixelData
    study.save(report, "report.dcm")
    study.save(study.dataset(ImagePositionPatient=None), "nowhere.dcm")
    study.save(study.dataset(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "flat.dcm")
    study.save(study.dataset(PixelSpacing=[0, 1]), "spacing.dcm")
    reading, _ = read_all(study.folder)
    assert [image.file for image in reading.images] == ["good.dcm"]
    assert reading.not_dicom == ["empty", "note.txt", "short"]
    assert reading.without_image == ["report.dcm"]
    assert reading.other_modalities == {"CT": "ct.dcm"}
    assert sorted(chain.from_iterable(reading.excluded.values())) == [
        "ct.dcm", "flat.dcm", "nowhere.dcm", "spacing.dcm",
    ]  # fmt: skip
    assert reading.damaged == []


def test_implausible_matrix_is_excluded(study):
    study.save(study.dataset(Rows=65535, Columns=65535), "huge.dcm")
    reading, _ = read_all(study.folder)
    assert reading.excluded == {"more than 2048 rows or columns": ["huge.dcm"]}


def test_colour_images_are_excluded(study):
    ds = study.dataset(SamplesPerPixel=3, PhotometricInterpretation="RGB")
    study.save(ds, "colour.dcm")
    reading, _ = read_all(study.folder)
    assert reading.excluded == {"colour image": ["colour.dcm"]}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_file_truncated_anywhere_is_damaged(study, syntax):
    ds = study.dataset()
    path = study.save(ds, syntax="" if syntax.is_compressed else syntax)
    if syntax == RLELossless:
        ds.compress(syntax)
        ds.save_as(path)
    content = path.read_bytes()
    begin = content.index(b"\xe0\x7f\x10\x00" if syntax.is_little_endian else b"\x7f\xe0\x00\x10")
    end = len(content) - (8 if syntax.is_compressed else 0)  # end of the pixels
    for keep in (*range(132, begin + 13), end - 1):
        path.write_bytes(content[:keep])
        with open_source(study.folder) as source:
            assert (keep, read_images(source).damaged) == (keep, [path.name])
    with pytest.raises(DamagedStudyError, match=r"1 truncated or damaged file \(0001.dcm\)"):
        load_study(path)


def without_bits_stored(ds):
    del ds.BitsStored


def as_floats(ds):
    ds.FloatPixelData = pixels_of(0, 0).astype(np.float32).tobytes()
    ds.BitsAllocated = 32
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation


@pytest.mark.parametrize("form", [without_bits_stored, as_floats])
def test_truncated_pixels_decoded_by_pydicom_are_damaged(study, form):
    ds = study.dataset()
    form(ds)
    path = study.save(ds)
    content = path.read_bytes()
    for n_missing, damaged in ((0, []), (1, [path.name]), (ROWS * COLUMNS, [path.name])):
        path.write_bytes(content[: len(content) - n_missing])
        with open_source(study.folder) as source:
            assert read_images(source).damaged == damaged
    with pytest.raises(DamagedStudyError, match=r"1 truncated or damaged file \(0001.dcm\)"):
        load_study(path)


def test_pixels_not_kept_are_read_again(study, monkeypatch):
    monkeypatch.setattr(read, "MAX_KEPT_BYTES", 1)
    for i in range(3):
        study.save(study.dataset(pixels_of(i, 0)))
    reading, pixels = read_all(study.folder)
    assert [image.pixels is None for image in reading.images] == [False, True, True]
    for i in range(3):
        np.testing.assert_array_equal(pixels[i], pixels_of(i, 0))


def test_large_non_dicom_file_is_not_read(study):
    """A file of 2 GB, recognised from its first bytes."""
    with (study.folder / "disk.img").open("wb") as file:
        file.truncate(2 << 30)
    sizes = []

    class Counting(FileIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    source = SimpleNamespace(
        names=("disk.img",),
        unreadable=(),
        n_links=0,
        open=lambda name: Counting(study.folder / name),
    )
    assert read_images(source).not_dicom == ["disk.img"]
    assert all(0 < size <= 1000 for size in sizes)


def test_progress_counts_every_file(study):
    study.slice(0, 3)
    (study.folder / "x").write_text("")
    calls = []
    with open_source(study.folder) as source:
        read_images(source, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_protocol_of_a_classic_image(study):
    study.save(
        study.dataset(
            ScanningSequence="gr",
            SequenceVariant=["SP", "SK"],
            SequenceName="*tfi2d1_12",
            ImageType=["ORIGINAL", "PRIMARY", "m", "ND"],
            ContrastBolusAgent="Gadovist",
        )
    )
    study.save(study.dataset(ImageType=["DERIVED", "SECONDARY"], ContrastBolusAgent=" "))
    reading, _ = read_all(study.folder)
    image, bare = reading.images
    assert image.sequence == ("GR", "SK", "SP")
    assert image.sequence_name == "*tfi2d1_12"
    assert image.component == "M"
    assert image.contrast
    assert (bare.sequence, bare.sequence_name, bare.component) == ((), "", "")
    assert not bare.contrast


def test_enhanced_multi_frame(study):
    path = study.save(enhanced(study))
    stack = load_study(path)
    assert stack.images.shape == (4, 5, ROWS, COLUMNS)
    for z in range(4):
        for t in range(5):
            np.testing.assert_array_equal(stack.images[z, t], 2.0 * pixels_of(z, t) + z)
    np.testing.assert_allclose(stack.slice_gaps_mm, 8.0)
    np.testing.assert_array_equal(stack.times_ms[2], [0, 40, 80, 120, 160])


def test_frames_without_positions_are_excluded(study):
    ds = enhanced(study)
    ds.PerFrameFunctionalGroupsSequence = Sequence([])
    study.save(ds, "frames.dcm")
    reading, _ = read_all(study.folder)
    assert reading.excluded == {"several frames without per-frame positions": ["frames.dcm"]}
