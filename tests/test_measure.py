"""Edited masks: what was written is measured again, and changes count."""

import json

import numpy as np
import pydicom
import pytest

from lvvol import load_study
from lvvol.cli import main
from lvvol.datasets.contours import draw_contours, find_contours
from lvvol.errors import MaskError, ResultError, SlicesError
from lvvol.measure import measure_mask
from lvvol.phantom import make_phantom, write_study
from lvvol.preprocess import to_working_stack
from lvvol.provenance import Provenance
from lvvol.report.edited import describe_edit
from lvvol.report.write import write_result
from lvvol.volume import cone_volume_ml
from tests.support.measured import measured
from tests.support.real_studies import SUNNYBROOK, read_contours

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
        with pytest.raises(SlicesError, match="excluded slices"):
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


@pytest.fixture
def drawn(tmp_path):
    """A phantom in the layout of the Cardiac Atlas: what it shows, its study, its contours."""
    out = tmp_path / "phantom"
    phantom = make_phantom(5, n_slices=5, n_phases=3, rows=96, edv_ml=160, ef_percent=55,
                           vendor="GE MEDICAL SYSTEMS")  # fmt: skip
    study = write_study(phantom, out, "sunnybrook")
    (folder,) = out.glob("SCD_ManualContours/*/contours-manual/IRCCI-expert")
    return phantom.truth, study, folder


def test_a_folder_of_contours_gives_the_areas_that_were_drawn(drawn):
    truth, study, folder = drawn
    stack = load_study(study)
    found = measure_mask(folder, stack, study=study)
    phases = sorted([truth.ed_phase, truth.es_phase])
    assert found.drawn == phases
    assert (found.ed_phase, found.es_phase) == (truth.ed_phase, truth.es_phase)
    # The contours are polygons around partial pixels of 3.5 mm.
    np.testing.assert_allclose(found.areas_mm2[:, phases], truth.areas_mm2[:, phases], rtol=0.02)
    files = find_contours(folder)
    masks, _ = draw_contours(files, study, to_working_stack(stack))  # as training has them
    np.testing.assert_allclose(found.areas_mm2[:, phases], masks.sum(axis=(2, 3))[:, phases],
                               rtol=0.02)  # fmt: skip
    # A folder above leads to the same, and a slice without a contour has no cavity.
    above = measure_mask(folder.parents[2], stack, study=study)
    np.testing.assert_array_equal(above.areas_mm2, found.areas_mm2)


def test_a_contour_that_is_removed_or_changed_counts_and_is_hashed(drawn, tmp_path, capfd):
    _, study, folder = drawn
    stack = load_study(study)
    before = measure_mask(folder, stack, study=study)
    code = main(["measure", str(study), "--mask", str(folder), "--json"])
    first = json.loads(capfd.readouterr().out)
    assert code == 0
    assert first["mask"]["file"] == "IRCCI-expert"
    assert first["edv_ml"] == before.to_dict()["edv_ml"]
    next(iter(sorted(folder.glob("*icontour*")))).unlink()
    after = measure_mask(folder, stack, study=study)
    changed = after.areas_mm2 != before.areas_mm2
    changed &= np.isfinite(before.areas_mm2)
    assert changed.sum() == 1
    assert after.areas_mm2[changed] == 0
    main(["measure", str(study), "--mask", str(folder), "--json"])
    assert json.loads(capfd.readouterr().out)["mask"]["sha256"] != first["mask"]["sha256"]


def test_folders_of_contours_that_do_not_fit_are_refused(drawn, tmp_path):
    _, study, folder = drawn
    stack = load_study(study)
    with pytest.raises(MaskError, match="expected the study too"):
        measure_mask(folder, stack)
    with pytest.raises(MaskError, match=r"expected one folder of contours, .* got none"):
        measure_mask(tmp_path / "phantom" / "SCD_IMAGES_01", stack, study=study)
    (folder / "IM-0001-9999-icontour-manual.txt").write_text("1 2\n3 4\n5 9\n")
    with pytest.raises(MaskError, match=r"9999.*expected one image of Instance Number 9999"):
        measure_mask(folder, stack, study=study)
    other = folder.parent / "another"
    other.mkdir()
    (other / "IM-0001-0001-icontour-manual.txt").write_text("1 2\n3 4\n5 9\n")
    with pytest.raises(MaskError, match=r"got \S*IRCCI-expert and \S*another"):
        measure_mask(folder.parent, stack, study=study)


@pytest.mark.real_data
def test_real_contours_are_measured_as_they_are_drawn(real_data):
    """Areas are those of the polygons in the files, at two phases."""
    for number, name in SUNNYBROOK.items():
        study = real_data / "sunnybrook" / "SCD_IMAGES_01" / number
        folder = real_data / "sunnybrook" / "SCD_ManualContours" / name
        stack = load_study(study)
        found = measure_mask(folder, stack, study=study)
        drawn = read_contours(real_data / "sunnybrook", number)
        places = {u: (z, t) for z, row in enumerate(stack.sop_instance_uids)
                  for t, u in enumerate(row)}  # fmt: skip
        assert len(found.drawn) == 2
        for uid, points_mm in drawn.items():
            y, x = points_mm.T  # the shoelace, in the image's own mm
            area_mm2 = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
            if uid in places:
                assert found.areas_mm2[places[uid]] == pytest.approx(area_mm2, rel=1e-3)
        assert np.count_nonzero(np.nan_to_num(found.areas_mm2)) == len(drawn)
