"""Every file of a result, of stacks of many forms, opened by programs other than lvvol."""

import csv
import json
import shutil
import subprocess

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image

from lvvol import load_study
from lvvol.export.masks import masks_of
from lvvol.phantom import make_phantom, write_study
from lvvol.provenance import NiftiForm, Provenance
from lvvol.report.files import WRITERS
from lvvol.report.write import write_result
from tests.support.measured import measured
from tests.support.real_studies import STUDIES
from tests.support.studies import DOWN, NORMAL, RIGHT, enhanced

TILT = np.radians(1.0)


def even(study):
    for z in range(4):
        study.slice(z)
    return study.folder


def uneven(study):
    for z in (0, 1, 3, 4):
        study.slice(z)
    return study.folder


def tilted(study):
    for z in range(4):
        turned = np.cos(TILT) * DOWN + np.sin(TILT) * NORMAL if z == 3 else DOWN
        study.slice(z, ImageOrientationPatient=[*RIGHT, *turned])
    return study.folder


def monochrome1(study):
    for z in range(4):
        study.slice(z, PhotometricInterpretation="MONOCHROME1")
    return study.folder


def multi_frame(study):
    return study.save(enhanced(study))


def phantom(study):
    return write_study(make_phantom(3, n_slices=5, n_phases=4, rows=96), study.folder / "phantom")


def errors_of(path):
    """Return what dciodvfy finds wrong with a file."""
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if line.startswith("Error")]


def open_all(path, folder, form):
    """Write every file of a study and open each; return what the stack and the masks say."""
    prediction = measured(load_study(path))
    provenance = Provenance(study=path, nifti=form)
    written = write_result(prediction, folder, WRITERS, provenance)
    stack, masks = prediction.stack, masks_of(prediction)
    rows, columns = stack.images.shape[2:]
    opened = set()
    for file in written:
        if file.suffix == ".json":
            assert json.loads(file.read_bytes())["schema_version"] == 1
        elif file.suffix == ".csv":
            with file.open(newline="") as lines:
                assert len({len(row) for row in csv.reader(lines)}) == 1
        elif file.suffix in (".png", ".gif"):
            with Image.open(file) as picture:
                assert getattr(picture, "n_frames", 1) in (1, stack.n_phases)
                picture.load()
        elif file.suffix == ".html":
            assert file.read_text(encoding="utf-8").rstrip().endswith("</html>")
        elif file.name.endswith(".nii.gz"):
            by_itk = SimpleITK.ReadImage(str(file))
            by_nibabel = nibabel.load(file)
            assert by_itk.GetSize() == by_nibabel.shape
            assert by_nibabel.shape[:2] == (columns, rows)
            assert by_nibabel.shape[3] == stack.n_phases
            np.testing.assert_array_equal(
                SimpleITK.GetArrayViewFromImage(by_itk).T, np.asarray(by_nibabel.dataobj)
            )
        elif file.name.startswith("seg"):
            seg = highdicom.seg.segread(file)
            uids = {uid for row in stack.sop_instance_uids for uid in row}
            named = {uid for _, _, uid in seg.get_source_image_uids()}
            assert named <= uids
            if file.name == "seg_cine.dcm":
                assert seg.pixel_array.sum() == masks.sum() > 0
        elif file.name == "sr.dcm":
            report = highdicom.sr.srread(file)
            assert report.content.get_image_measurement_groups()
        else:
            pytest.fail(f"no program opens {file.name}")
        opened.add(file.name)
    assert opened == {file.name for file in written}
    return stack, opened


LAYOUTS = [even, uneven, tilted, monochrome1, multi_frame, phantom]


@pytest.mark.parametrize("layout", ["slices", "resampled"])
@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_every_file_opens(study, tmp_path, make, layout):
    path = make(study)
    stack, opened = open_all(path, tmp_path / "result", NiftiForm(layout))
    one_a_slice = make in (uneven, tilted) and layout == "slices"
    assert ("lv.nii.gz" in opened) != one_a_slice
    assert ("lv_slice04.nii.gz" in opened) == one_a_slice
    if make in (uneven, tilted):
        assert stack.n_slices == 4
    if shutil.which("dciodvfy"):
        for name in ("seg_cine.dcm", "seg_ed.dcm", "seg_es.dcm", "sr.dcm"):
            assert errors_of(tmp_path / "result" / name) == []


@pytest.mark.real_data
@pytest.mark.parametrize("name", STUDIES)
def test_every_file_of_a_real_study_opens(real_data, tmp_path, name):
    """Seconds each: 200 to 360 images of 256 rows, in all forms."""
    with pydicom.config.disable_value_validation():  # UIDs of theirs have leading zeros
        open_all(real_data / name, tmp_path / "result", NiftiForm())
