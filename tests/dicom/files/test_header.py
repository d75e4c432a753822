"""Header parsing: the same elements from every encoding and parser."""

import tracemalloc
import zlib

import numpy as np
import pydicom
import pytest
from highdicom.legacy import LegacyConvertedEnhancedMRImage
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, generate_uid

from lvvol import load_study
from lvvol.dicom.files import header as header_module
from lvvol.dicom.files.elements import read_meta
from lvvol.dicom.files.header import parse
from lvvol.dicom.files.pixels import NativePixels
from lvvol.dicom.files.read import read_images
from lvvol.errors import NotCineError
from lvvol.sources.archive import open_source
from tests.support.studies import enhanced, macro, pixels_of


def test_every_encoding_gives_the_same_texts(study, new_study):
    ds = study.dataset(pixels_of(0, 1), SliceThickness="8.0", RescaleSlope="2")
    plain = parse(study.save(ds).read_bytes())
    assert plain.texts["SliceThickness"] == "8.0"
    del ds.file_meta
    deflated = parse(study.save(ds, syntax=DeflatedExplicitVRLittleEndian).read_bytes())
    del ds.file_meta
    ds.PixelData = pixels_of(0, 1).astype(">u2").tobytes()
    big = parse(study.save(ds, syntax=ExplicitVRBigEndian).read_bytes())
    of_the_file = ("TransferSyntaxUID", "MediaStorageSOPClassUID")
    for other in (deflated, big):
        texts = other.texts | {keyword: plain.texts[keyword] for keyword in of_the_file}
        assert texts == plain.texts
        assert isinstance(other.pixels, NativePixels)
        np.testing.assert_array_equal(other.pixels.frame(0), pixels_of(0, 1))


def deflated_file(study, n_bytes):
    """Write a deflated file with a private element of `n_bytes`."""
    ds = study.dataset()
    path = study.save(ds, syntax=DeflatedExplicitVRLittleEndian)
    content = path.read_bytes()
    _, start = read_meta(content)
    pack = zlib.compressobj(wbits=-15)
    parts = [pack.compress(b"\x09\x00\x10\x10OB\0\0" + n_bytes.to_bytes(4, "little"))]
    parts += [pack.compress(bytes(1 << 20)) for _ in range(n_bytes >> 20)]
    path.write_bytes(content[:start] + b"".join(parts) + pack.flush())
    return path


def test_deflate_bomb_is_refused_before_it_unpacks(study, monkeypatch):
    """300 KB that inflate to 300 MB; the default limit is 64 MB or 100 times the file size."""
    monkeypatch.setattr(header_module, "RATIO_FREE_BYTES", 4 << 20)
    path = deflated_file(study, 300 << 20)
    size = path.stat().st_size
    assert size < 400_000
    tracemalloc.start()
    with open_source(study.folder) as source:
        assert read_images(source).damaged == ["0001.dcm"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * 100 * size


def test_truncated_deflated_file_is_damaged(study):
    path = study.save(study.dataset(), syntax=DeflatedExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match=r"expected at most \d+ bytes of inflated elements"):
        parse(path.read_bytes())
    with open_source(study.folder) as source:
        assert read_images(source).damaged == ["0001.dcm"]


def test_private_sequences_are_no_functional_groups(study):
    """A vendor's private copy of the classic header has another position, UID and slope."""
    plain = load_study(study.save(enhanced(study), "plain.dcm"))
    ds = enhanced(study)
    uid = ds.SOPInstanceUID
    copy = macro(
        ImagePositionPatient=[0.9, 0.9, 0.9], SOPInstanceUID="1.2.3", RescaleSlope="7",
        NominalCardiacTriggerDelayTime=1.0, PixelSpacing=[9.0, 9.0],
    )  # fmt: skip
    for frame in ds.PerFrameFunctionalGroupsSequence:
        frame.add_new(0x20050014, "LO", "Philips MR Imaging DD 005")
        frame.add_new(0x2005140F, "SQ", copy)
        frame.ReferencedImageSequence = copy
    stack = load_study(study.save(ds, "private.dcm"))
    np.testing.assert_array_equal(stack.affines, plain.affines)
    np.testing.assert_array_equal(stack.images, plain.images)
    np.testing.assert_array_equal(stack.times_ms, plain.times_ms)
    assert {u for uids in stack.sop_instance_uids for u in uids} == {uid}


def test_the_anatomic_region_of_frames_is_their_body_part(study):
    ds = enhanced(study)
    region = macro(CodeMeaning="Brain", CodeValue="T-A0100", CodingSchemeDesignator="SRT")
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = macro(AnatomicRegionSequence=region, FrameLaterality="U")
    with pytest.raises(NotCineError, match="it shows the brain, not the heart"):
        load_study(study.save(ds))


def test_enhanced_series_converted_by_highdicom(study, tmp_path):
    """Classic images and their conversion by an independent library give the same stack."""
    paths = [path for i in range(4) for path in study.slice(i, 5)]
    classic = [pydicom.dcmread(path) for path in paths]
    for ds in classic:
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        for keyword in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"):
            setattr(ds, keyword, "")
        for keyword in ("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
            setattr(ds, keyword, "")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        ds.SliceThickness = "8.0"
    converted = LegacyConvertedEnhancedMRImage(
        classic,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )
    path = tmp_path / "enhanced.dcm"
    converted.save_as(path)
    before, after = load_study(study.folder), load_study(path)
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.affines, before.affines)
    np.testing.assert_array_equal(after.times_ms, before.times_ms)
    assert after.pixel_spacing_mm == before.pixel_spacing_mm
