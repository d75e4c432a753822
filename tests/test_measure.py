"""Edited masks: what was written is measured again, and changes count."""

import json

import numpy as np
import pydicom
import pytest

from lvvol import load_study
from lvvol.cli import main
from lvvol.errors import MaskError, ResultError
from lvvol.measure import measure_mask
from lvvol.provenance import Provenance
from lvvol.report.edited import describe_edit
from lvvol.report.write import write_result
from lvvol.volume import cone_volume_ml
from tests.support.measured import measured

NAMES = ("json", "contours", "nifti", "seg")
FILES = {"contours.json": 1e-3, "lv.nii.gz": 0.015, "seg_cine.dcm": 0.015}


@pytest.fixture
def written(study, tmp_path):
    """A study of fine pixels, as on a scanner, and its result."""
    for z in range(4):
        study.slice(z, rows=96, columns=96, PixelSpacing=[1.0, 1.0])
    prediction = measured(load_study(study.folder), side_mm=60.0, scale=3.0)
    write_result(prediction, tmp_path / "out", NAMES, Provenance(study=study.folder))
    return prediction, tmp_path / "out"


@pytest.mark.parametrize(("name", "tolerance"), FILES.items())
def test_what_was_written_is_measured_again(written, name, tolerance):
    prediction, folder = written
    again = measure_mask(folder / name, prediction.stack)
    areas_mm2 = prediction.probability_areas_mm2
    np.testing.assert_allclose(again.areas_mm2.sum(axis=0), areas_mm2.sum(axis=0), rtol=tolerance)
    volumes_ml = cone_volume_ml(areas_mm2.T, prediction.stack.positions_mm)
    np.testing.assert_allclose(again.volumes_ml, volumes_ml, rtol=tolerance)
    assert (again.ed_phase, again.es_phase) == (0, 3)


def edit_contours(folder, change):
    document = json.loads((folder / "contours.json").read_bytes())
    change(document)
    (folder / "edited.json").write_text(json.dumps(document))
    return folder / "edited.json"


def test_a_polygon_that_was_removed_is_missing_in_its_slice_alone(written):
    prediction, folder = written

    def change(document):
        document["slices"][3]["phases"][0]["polygons"] = []

    before = measure_mask(folder / "contours.json", prediction.stack)
    after = measure_mask(edit_contours(folder, change), prediction.stack)
    assert after.areas_mm2[3, 0] == 0
    changed = after.areas_mm2 != before.areas_mm2
    assert [*zip(*np.nonzero(changed), strict=True)] == [(3, 0)]


def test_a_hole_is_subtracted(written):
    prediction, folder = written

    def change(document):
        (polygon,) = document["slices"][2]["phases"][0]["polygons"]
        around = np.mean(polygon["points_mm"], axis=0)
        smaller = around + 0.5 * (np.array(polygon["points_mm"]) - around)
        document["slices"][2]["phases"][0]["polygons"].append(
            {"hole": True, "points_mm": smaller.tolist()}
        )

    whole = measure_mask(folder / "contours.json", prediction.stack).areas_mm2[2, 0]
    holed = measure_mask(edit_contours(folder, change), prediction.stack).areas_mm2[2, 0]
    assert holed == pytest.approx(0.75 * whole, rel=1e-6)  # half as wide, a quarter as large


def test_a_mask_of_ed_and_es_is_enough(written):
    prediction, folder = written

    def change(document):
        for of_slice in document["slices"]:
            for t in (1, 2, 4, 5):
                of_slice["phases"][t]["polygons"] = []

    whole = measure_mask(folder / "contours.json", prediction.stack)
    pair = measure_mask(edit_contours(folder, change), prediction.stack)
    assert pair.drawn == [0, 3]
    assert np.isnan(pair.volumes_ml[1])
    assert pair.to_dict()["edv_ml"] == whole.to_dict()["edv_ml"]
    assert pair.to_dict()["ef_percent"] == whole.to_dict()["ef_percent"]


def test_slices_left_out_join_their_neighbours(written):
    prediction, folder = written
    stack = prediction.stack
    found = measure_mask(folder / "contours.json", stack, [1])
    kept = [0, 2, 3]
    areas_mm2 = prediction.probability_areas_mm2[kept, 0]
    expected = cone_volume_ml(areas_mm2, stack.positions_mm[kept])
    assert found.volumes_ml[0] == pytest.approx(float(expected), rel=1e-3)
    assert found.to_dict()["excluded_slices"] == [1]
    for wrong in ([4], [-1], [0, 1, 2]):
        with pytest.raises(MaskError, match="excluded slices"):
            measure_mask(folder / "contours.json", stack, wrong)


def test_another_study_is_refused(written):
    prediction, folder = written

    def change(document):
        document["study_uid"] = "1.2.3"

    with pytest.raises(MaskError, match=r"expected contours of study .*, got 1\.2\.3"):
        measure_mask(edit_contours(folder, change), prediction.stack)
    seg = pydicom.dcmread(folder / "seg_cine.dcm")
    frame = seg.PerFrameFunctionalGroupsSequence[2]
    frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.9"
    seg.save_as(folder / "other.dcm")
    with pytest.raises(MaskError, match=r"frames of the study's stack, got one of 1\.2\.9"):
        measure_mask(folder / "other.dcm", prediction.stack)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"hello"),
        ("a.json", b"{}"),
        ("a.json", b'{"study_uid": 1'),
        ("a.nii.gz", b"no"),
        ("a.dcm", b"\0" * 128 + b"DICM" + b"x" * 50),
    ],
)
def test_other_files_are_refused(written, tmp_path, name, content):
    prediction, _ = written
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MaskError, match=name):
        measure_mask(tmp_path / name, prediction.stack)
    with pytest.raises(MaskError, match="cannot be read: No such file"):
        measure_mask(tmp_path / "none", prediction.stack)


def test_one_phase_is_too_few(written):
    prediction, folder = written
    with pytest.raises(MaskError, match="two phases or more, got 1"):
        measure_mask(folder / "seg_ed.dcm", prediction.stack)


def test_the_command_says_and_writes_what_changed(written, study, tmp_path, capfd):
    _, folder = written
    mask, out = folder / "lv.nii.gz", tmp_path / "edited"
    code = main(
        ["measure", str(study.folder), "--mask", str(mask), "-o", str(out),
         "--compare", str(folder / "result.json"), "--exclude-slices", "2"]
    )  # fmt: skip
    printed = capfd.readouterr().out
    assert code == 0
    assert "From lv.nii.gz, 6 phases drawn" in printed
    assert "Left out: slice 2" in printed
    assert "Edited minus automatic, mm2" in printed
    document = json.loads((out / "measured.json").read_bytes())
    assert document["source"] == "edited"
    assert len(document["mask"]["sha256"]) == 64
    assert document["excluded_slices"] == [1]
    assert np.shape(document["difference_mm2"]) == (4, 6)


@pytest.mark.parametrize("content", ["no", "{}", '{"areas_mm2": [[1, 2]]}'])
def test_a_comparison_needs_a_result_of_the_same_stack(written, tmp_path, content):
    prediction, folder = written
    found = measure_mask(folder / "contours.json", prediction.stack)
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(ResultError, match=r"r\.json: expected"):
        describe_edit(found, folder / "contours.json", prediction.stack, tmp_path / "r.json")
