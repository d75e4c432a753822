"""Images that are there twice, as the same file or as a copy with another UID."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from lvvol import load_study
from lvvol.phantom import make_phantom
from lvvol.phantom.export.files import write_study


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Return a small phantom's folder and the stack read from it."""
    folder = tmp_path_factory.mktemp("phantom") / "study"
    write_study(make_phantom(2, n_slices=5, n_phases=8, rows=64), folder)
    return folder, load_study(folder)


def copy_study(phantom, folder, change):
    """Copy a study; `change` returns further datasets for each short-axis image."""
    short_axis = {uid for uids in phantom[1].sop_instance_uids for uid in uids}
    for path in sorted(phantom[0].glob("*.dcm")) or sorted(phantom[0].iterdir()):
        if path.suffix == ".json":
            continue
        ds = pydicom.dcmread(path)
        ds.save_as(folder / path.name)
        if ds.SOPInstanceUID in short_axis:
            z, t = place_of(phantom[1], ds.SOPInstanceUID)
            if t < 3:
                change(ds, z, t)
                ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                ds.save_as(folder / f"copy{z}-{t}.dcm")


def place_of(stack, uid):
    (z,) = (z for z, uids in enumerate(stack.sop_instance_uids) if uid in uids)
    return z, stack.sop_instance_uids[z].index(uid)


def check_unchanged(got, expected):
    np.testing.assert_array_equal(got.images, expected.images)
    np.testing.assert_allclose(got.positions_mm, expected.positions_mm)
    np.testing.assert_array_equal(got.times_ms, expected.times_ms)
    assert got.warnings == expected.warnings


@pytest.mark.parametrize("instance", ["same", "new"])
def test_copies_under_new_uids_are_read_once(phantom, tmp_path, instance):
    def renumber(ds, z, t):
        if instance == "new":
            ds.InstanceNumber = 1000 + 100 * z + t

    copy_study(phantom, tmp_path, renumber)
    got = load_study(tmp_path)
    check_unchanged(got, phantom[1])
    (decision,) = [d for d in got.decisions if "copied image" in d.what]
    assert decision.what == "Excluded 15 copied images."
    assert len(decision.files) == 15


def test_images_with_other_pixels_are_no_copies(phantom, tmp_path):
    def brighten(ds, z, t):
        ds.PixelData = (ds.pixel_array + 1).astype(np.uint16).tobytes()
        ds.AcquisitionTime = "235900"

    copy_study(phantom, tmp_path, brighten)
    got = load_study(tmp_path)
    assert not any("copied image" in d.what for d in got.decisions)
    check_unchanged(got, phantom[1])
