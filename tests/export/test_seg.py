"""DICOM SEG, read by pydicom and highdicom and checked by dciodvfy."""

import io
import shutil
import subprocess
from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest

from lvvol import load_study
from lvvol.errors import OutputError
from lvvol.export.masks import masks_of
from lvvol.export.seg import CINE, ED, ES, make_segs
from lvvol.export.sr import make_sr
from lvvol.provenance import Provenance
from tests.support.discs import disc_prediction
from tests.support.measured import measured
from tests.support.studies import RIGHT, enhanced

N_SLICES, N_PHASES = 4, 6
PATIENT = {
    "SpecificCharacterSet": "ISO_IR 100",
    "PatientName": "Müller^Jürgen",
    "PatientBirthDate": "19500102",
    "PatientSex": "M",
    "StudyDate": "20240305",
    "StudyTime": "101500",
    "StudyID": "7",
}


def write(study, **tags):
    for z in range(N_SLICES):
        study.slice(z, N_PHASES, **{**PATIENT, **tags})


def segs_of(path):
    prediction = measured(load_study(path))
    contents = make_segs(prediction, Provenance(study=path))
    return prediction, {name: pydicom.dcmread(io.BytesIO(c)) for name, c in contents.items()}


def source_of(frame):
    return frame.DerivationImageSequence[0].SourceImageSequence[0]


def test_every_frame_is_the_mask_of_the_image_that_it_names(study):
    write(study)
    prediction, segs = segs_of(study.folder)
    masks, uids = masks_of(prediction), prediction.stack.sop_instance_uids
    places = {uid: (z, t) for z, row in enumerate(uids) for t, uid in enumerate(row)}
    for name, phases in ((CINE, range(N_PHASES)), (ED, [0]), (ES, [3])):
        seg = segs[name]
        assert seg.NumberOfFrames == len(phases) * N_SLICES
        seen = set()
        for pixels, frame in zip(
            seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True
        ):
            source = source_of(frame)
            z, t = places[source.ReferencedSOPInstanceUID]
            assert "ReferencedFrameNumber" not in source
            np.testing.assert_array_equal(pixels, masks[z, t])
            position = frame.PlanePositionSequence[0].ImagePositionPatient
            np.testing.assert_allclose(position, prediction.stack.affines[z, :3, 3], atol=1e-6)
            content = frame.FrameContentSequence[0]
            if name == CINE:
                assert content.TemporalPositionIndex == t + 1
                assert list(content.DimensionIndexValues) == [1, t + 1, z + 1]
            else:
                assert list(content.DimensionIndexValues) == [1, z + 1]
            seen.add((z, t))
        assert seen == {(z, t) for z in range(N_SLICES) for t in phases}


def test_the_grid_is_that_of_the_images(study):
    write(study)
    prediction, segs = segs_of(study.folder)
    (shared,) = segs[CINE].SharedFunctionalGroupsSequence
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [1.5, 1.25]
    assert shared.PixelMeasuresSequence[0].SpacingBetweenSlices == 8
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    np.testing.assert_allclose(orientation[:3], RIGHT, atol=1e-9)
    area_mm2 = segs[ED].pixel_array.sum() * 1.5 * 1.25
    assert area_mm2 == pytest.approx(prediction.probability_areas_mm2[:, 0].sum(), rel=0.015)


def test_highdicom_reads_the_same_masks_by_image(study):
    write(study)
    prediction = measured(load_study(study.folder))
    contents = make_segs(prediction, Provenance(study=study.folder))
    masks, uids = masks_of(prediction), prediction.stack.sop_instance_uids
    for name, t in ((ED, 0), (ES, 3)):
        seg = highdicom.seg.segread(io.BytesIO(contents[name]))
        pixels = seg.get_pixels_by_source_instance([uids[z][t] for z in range(N_SLICES)])
        np.testing.assert_array_equal(pixels[..., 0], masks[:, t])
    cine = highdicom.seg.segread(io.BytesIO(contents[CINE]))
    pixels = cine.get_pixels_by_source_instance([uid for row in uids for uid in row])
    np.testing.assert_array_equal(pixels[..., 0], masks.reshape(-1, *masks.shape[2:]))
    assert [*cine.segment_numbers] == [1]


def test_the_patient_is_that_of_the_source(study):
    write(study)
    _, segs = segs_of(study.folder)
    for seg in segs.values():
        assert str(seg.PatientName) == "Müller^Jürgen"
        assert (seg.StudyDate, seg.StudyID) == ("20240305", "7")
        assert seg.StudyInstanceUID == study.uids["StudyInstanceUID"]
        assert seg.FrameOfReferenceUID == study.uids["FrameOfReferenceUID"]
        assert "Research use only" in seg.SegmentSequence[0].SegmentDescription
    assert len({seg.SOPInstanceUID for seg in segs.values()}) == 3
    assert len({seg.SeriesInstanceUID for seg in segs.values()}) == 1


def test_invalid_uids_of_the_source_are_named_without_a_warning(study):
    study.uids["FrameOfReferenceUID"] = "1.2.03"
    write(study)
    for path in study.folder.iterdir():  # as in the Sunnybrook data
        with pydicom.config.disable_value_validation():
            ds = pydicom.dcmread(path)
            ds.SOPInstanceUID = f"1.2.0{ds.InstanceNumber}"
            ds.save_as(path)
    prediction, segs = segs_of(study.folder)
    with pydicom.config.disable_value_validation():
        assert segs[CINE].FrameOfReferenceUID == "1.2.03"
        sources = [source_of(f) for f in segs[CINE].PerFrameFunctionalGroupsSequence]
        named = {source.ReferencedSOPInstanceUID for source in sources}
    assert named == {uid for row in prediction.stack.sop_instance_uids for uid in row}
    assert make_sr(prediction, Provenance(study=study.folder))


def test_dates_of_no_calendar_become_empty(study):
    write(study, StudyDate="20120000", PatientBirthDate="00000000", StudyTime="25", PatientSex="X")
    _, segs = segs_of(study.folder)
    for keyword in ("StudyDate", "PatientBirthDate", "StudyTime", "PatientSex"):
        assert segs[CINE][keyword].value in ("", None)


def test_missing_uids_are_made_and_always_the_same(study):
    study.uids.clear()
    for z in range(N_SLICES):
        study.slice(z, N_PHASES, SeriesNumber=10 + z, SeriesInstanceUID=None)
    (prediction, first), (_, second) = segs_of(study.folder), segs_of(study.folder)
    assert first[CINE].StudyInstanceUID == second[CINE].StudyInstanceUID
    assert first[CINE].FrameOfReferenceUID == second[CINE].FrameOfReferenceUID
    assert first[CINE].SOPInstanceUID != second[CINE].SOPInstanceUID
    series = first[CINE].ReferencedSeriesSequence
    assert len({item.SeriesInstanceUID for item in series}) == N_SLICES
    named = [i.ReferencedSOPInstanceUID for s in series for i in s.ReferencedInstanceSequence]
    assert sorted(named) == sorted(u for row in prediction.stack.sop_instance_uids for u in row)


def test_two_orientations_are_said_frame_by_frame(study):
    write(study)
    prediction = measured(load_study(study.folder))
    affines = prediction.stack.affines.copy()
    affines[2, :3, :2] = affines[2, :3, :2] @ np.diag([1.0, 1.0]) + 1e-4
    prediction = replace(prediction, stack=replace(prediction.stack, affines=affines))
    content = make_segs(prediction, Provenance(study=study.folder))[CINE]
    seg = pydicom.dcmread(io.BytesIO(content))
    assert "PlaneOrientationSequence" not in seg.SharedFunctionalGroupsSequence[0]
    said = [f.PlaneOrientationSequence[0].ImageOrientationPatient for f in
            seg.PerFrameFunctionalGroupsSequence[:N_SLICES]]  # fmt: skip
    assert said[0] == said[1] != said[2]


def test_frames_of_an_enhanced_image_are_named_by_number(study):
    path = study.save(enhanced(study))
    prediction, segs = segs_of(path)
    masks = masks_of(prediction)
    # `enhanced` writes phase by phase, the slices of each from the last to the first.
    for pixels, frame in zip(
        segs[CINE].pixel_array, segs[CINE].PerFrameFunctionalGroupsSequence, strict=True
    ):
        _, phase, place = frame.FrameContentSequence[0].DimensionIndexValues
        assert source_of(frame).ReferencedFrameNumber == 4 * (phase - 1) + (4 - place) + 1
        np.testing.assert_array_equal(pixels, masks[place - 1, phase - 1])
    (series,) = segs[CINE].ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == 1


def test_a_bare_stack_has_no_source_to_name(tmp_path):
    with pytest.raises(OutputError, match="expected a measurement of files"):
        make_segs(disc_prediction(), Provenance(study=tmp_path))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_dciodvfy_finds_no_fault(study, tmp_path, kind):
    path = study.folder
    if kind == "classic":
        write(study)
    else:
        ds = enhanced(study)
        for keyword, value in PATIENT.items():
            setattr(ds, keyword, value)
        path = study.save(ds)
    contents = make_segs(measured(load_study(path)), Provenance(study=path))
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        done = subprocess.run(
            ["dciodvfy", "-new", tmp_path / name], capture_output=True, text=True, check=False
        )
        said = (done.stdout + done.stderr).splitlines()
        assert [line for line in said if line.startswith(("Error", "Warning"))] == []
