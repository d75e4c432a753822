"""NIfTI files, opened by nibabel and SimpleITK, against the places of the stack."""

import gzip
import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import SimpleITK

from lvvol.errors import OutputError
from lvvol.export.masks import masks_of
from lvvol.export.nifti import fits_one_affine, make_nifti
from lvvol.export.regular_grid import regular_grid
from lvvol.provenance import NiftiForm
from tests.support.discs import disc_prediction


def placed(affines_of):
    """A prediction whose slices lie where a function of (turn, position) puts them."""
    prediction = disc_prediction(n_slices=4, n_phases=4)
    turn = np.linalg.qr(np.array([[0.8, -0.5, 0.33], [0.5, 0.86, 0.07], [-0.3, 0.1, 0.94]]))[0]
    turn *= np.sign(np.linalg.det(turn))
    affines = np.tile(np.eye(4), (4, 1, 1))
    for z in range(4):
        affines[z, :3, :3] = turn @ np.diag([1.5, 1.25, 1.0])
        affines[z, :3, 3] = turn @ np.array([-80.0, -95.0, affines_of(z)]) + [10, 20, 30]
    # Images differ everywhere, so that a turned or mirrored array is noticed.
    images = np.random.default_rng(2).integers(0, 900, prediction.stack.images.shape)
    stack = replace(prediction.stack, affines=affines, images=images.astype(np.float32))
    return replace(prediction, stack=stack)


def even(z):
    return -15.0 + 10.0 * z


def written(prediction, folder):
    contents = make_nifti(prediction)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents


def lps(stack, z, r, c):
    return (stack.affines[z] @ [r, c, 0, 1])[:3]


VOXELS = [
    (0, 0, 0, 0),
    (3, 1, 159, 151),
    (2, 3, 40, 7),
    (1, 2, 0, 151),
]  # slice, phase, row, column


def test_nibabel_finds_every_voxel_where_the_stack_has_it(tmp_path):
    prediction = placed(even)
    written(prediction, tmp_path)
    cine = nibabel.load(tmp_path / "cine.nii.gz")
    lv = nibabel.load(tmp_path / "lv.nii.gz")
    assert cine.shape == lv.shape == (152, 160, 4, 4)
    values, labels, masks = cine.get_fdata(), lv.get_fdata(), masks_of(prediction)
    for z, t, r, c in VOXELS:
        x, y, up = (cine.affine @ [c, r, z, 1])[:3]
        np.testing.assert_allclose([-x, -y, up], lps(prediction.stack, z, r, c), atol=0.01)
        assert values[c, r, z, t] == prediction.stack.images[z, t, r, c]
        assert labels[c, r, z, t] == masks[z, t, r, c]
    assert labels.sum() == masks.sum() > 0
    np.testing.assert_allclose(cine.get_qform(), cine.get_sform(), atol=1e-3)
    assert cine.header.get_xyzt_units() == ("mm", "msec")
    assert cine.header.get_zooms() == pytest.approx((1.25, 1.5, 10.0, 30.0), abs=1e-4)


def test_simpleitk_finds_the_same(tmp_path):
    prediction = placed(even)
    written(prediction, tmp_path)
    image = SimpleITK.ReadImage(str(tmp_path / "cine.nii.gz"))
    for z, t, r, c in VOXELS:
        volume = SimpleITK.Extract(image, (*image.GetSize()[:3], 0), (0, 0, 0, t))
        point = volume.TransformIndexToPhysicalPoint((c, r, z))  # LPS, as ITK has it
        np.testing.assert_allclose(point, lps(prediction.stack, z, r, c), atol=0.01)
        assert volume[c, r, z] == prediction.stack.images[z, t, r, c]


def test_slices_against_the_normal_are_placed_too(tmp_path):
    prediction = placed(lambda z: -even(z))
    written(prediction, tmp_path)
    cine = nibabel.load(tmp_path / "cine.nii.gz")
    x, y, up = (cine.affine @ [7, 40, 2, 1])[:3]
    np.testing.assert_allclose([-x, -y, up], lps(prediction.stack, 2, 40, 7), atol=0.01)


@pytest.mark.parametrize("place", [lambda z: -15 + 10 * z + 0.1 * (z == 2), lambda z: 4.0 * z * z])
def test_uneven_gaps_become_one_file_a_slice(tmp_path, place):
    prediction = placed(place)
    assert not fits_one_affine(prediction.stack)
    contents = written(prediction, tmp_path)
    assert sorted(contents) == sorted(
        ["lv.json", *(f"{n}_slice0{z}.nii.gz" for n in ("cine", "lv") for z in (1, 2, 3, 4))]
    )
    for z in range(4):
        cine = nibabel.load(tmp_path / f"cine_slice0{z + 1}.nii.gz")
        assert cine.shape == (152, 160, 1, 4)
        x, y, up = (cine.affine @ [7, 40, 0, 1])[:3]
        np.testing.assert_allclose([-x, -y, up], lps(prediction.stack, z, 40, 7), atol=0.01)
        assert cine.get_fdata()[7, 40, 0, 1] == prediction.stack.images[z, 1, 40, 7]
    assert json.loads(contents["lv.json"])["one_file"] is False


def test_a_tilted_or_shifted_slice_does_not_fit():
    stack = placed(even).stack
    assert fits_one_affine(stack)
    for change in ([0.1, 0, 0], [0, 0, 0.02]):
        affines = stack.affines.copy()
        affines[2, :3, 3] += change
        assert not fits_one_affine(replace(stack, affines=affines))
    tilted = stack.affines.copy()
    angle = np.radians(0.1)  # 0.2 mm at the edge of the image
    tilted[2, :3, 0] = np.cos(angle) * tilted[2, :3, 0] + 1.5 * np.sin(angle) * tilted[2, :3, 2]
    assert not fits_one_affine(replace(stack, affines=tilted))


def test_fractions_are_kept(tmp_path):
    prediction = placed(even)
    prediction.stack.images[0, 0, 0, 0] = 0.25
    written(prediction, tmp_path)
    assert nibabel.load(tmp_path / "cine.nii.gz").get_fdata()[0, 0, 0, 0] == 0.25


def test_files_are_the_same_every_time():
    assert make_nifti(placed(even)) == make_nifti(placed(even))


def test_the_sidecar_names_labels_times_and_phases():
    contents = make_nifti(placed(even))
    sidecar = json.loads(contents["lv.json"])
    assert sidecar["labels"].keys() == {"1"}
    assert sidecar["times_ms"] == [0.0, 30.0, 60.0, 90.0]
    assert (sidecar["ed_phase"], sidecar["es_phase"]) == (0, 3)
    assert b"1 = LV cavity" in gzip.decompress(contents["lv.nii.gz"])[:348]


RESAMPLED = NiftiForm(layout="resampled")


def linear(point_mm):
    """A grey value that grows linearly through the patient, which interpolation keeps exactly."""
    return 500 + point_mm @ np.array([1.5, -0.75, 2.0])


def with_linear_images(prediction, tilt_degrees=(0, 0, 0, 0), shift_mm=0.0):
    """Tilt slices about their centres, shift the second, and show `linear` in all of them."""
    stack = prediction.stack
    affines = stack.affines.copy()
    r, c = np.indices(stack.images.shape[2:])
    for z, degrees in enumerate(tilt_degrees):
        angle = np.radians(degrees)
        down, _, normal, origin = stack.affines[z, :3].T
        centre = origin + stack.affines[z, :3, :2] @ [80, 76]
        turned = np.cos(angle) * down + np.sin(angle) * np.linalg.norm(down) * normal
        affines[z, :3, 0] = turned
        affines[z, :3, 2] = np.cross(affines[z, :3, 1], turned)
        affines[z, :3, 2] /= np.linalg.norm(affines[z, :3, 2])
        affines[z, :3, 3] = centre - affines[z, :3, :2] @ [80, 76]
    affines[:, :3, 2] *= np.sign((affines[:, :3, 2] * stack.affines[:, :3, 2]).sum(axis=1))[:, None]
    affines[1, :3, 3] += shift_mm * affines[1, :3, 1] / 1.25
    points = np.einsum("zij,jrc->zrci", affines[:, :3], np.stack([r, c, 0 * r, 1 + 0 * r]))
    images = np.repeat(linear(points)[:, None], 4, axis=1).astype(np.float32)
    return replace(prediction, stack=replace(stack, affines=affines, images=images))


@pytest.mark.parametrize(
    ("place", "tilt_degrees", "shift_mm", "n_planes"),
    [
        (lambda z: [-15.0, -5, 15, 25][z], (0, 0, 0, 0), 0, 5),  # a slice is missing
        (lambda z: [-15.0, -5, 15, 25][z], (0, 0, 0, 0), 7.3, 5),  # another is shifted
        (even, (0, 1.5, 0, -1), 0, 4),
        (lambda z: [15.0, 5, -16, -25][z], (1, 0, 0, 0), 2.0, 5),  # against the normal
    ],
)
def test_resampled_slices_lie_where_simpleitk_says(
    tmp_path, place, tilt_degrees, shift_mm, n_planes
):
    plain = placed(place)
    plain = replace(plain, stack=replace(plain.stack, positions_mm=np.sort(
        np.abs([place(z) - place(0) for z in range(4)]))))  # fmt: skip
    prediction = with_linear_images(plain, tilt_degrees, shift_mm)
    assert not fits_one_affine(prediction.stack)
    contents = make_nifti(prediction, RESAMPLED)
    assert sorted(contents) == ["cine.nii.gz", "lv.json", "lv.nii.gz"]
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    image = SimpleITK.ReadImage(str(tmp_path / "cine.nii.gz"))
    assert image.GetSize() == (152, 160, n_planes, 4)
    volume = SimpleITK.Extract(image, (*image.GetSize()[:3], 0), (0, 0, 0, 2))
    for c, r, k in [(20, 30, 0), (60, 10, 1), (90, 150, 1), (130, 20, 2), (40, 140, n_planes - 1)]:
        point = np.array(volume.TransformIndexToPhysicalPoint((c, r, k)))
        tolerance = 0.02
        if k in (0, n_planes - 1):  # tilted slices end before the planes do, by the tilt
            tolerance += 2 * 90 * np.sin(np.radians(max(map(abs, tilt_degrees))))
        assert volume[c, r, k] == pytest.approx(linear(point), abs=tolerance)
    sidecar = json.loads(contents["lv.json"])
    assert (sidecar["one_file"], sidecar["resampled"]) == (True, True)
    assert sidecar["files"][0]["slices"] is None


def test_the_resampled_cavity_keeps_its_volume():
    prediction = placed(lambda z: [-15.0, -5, 15, 25][z])
    positions_mm = np.array([0.0, 10, 30, 40])
    prediction = replace(prediction, stack=replace(prediction.stack, positions_mm=positions_mm))
    lv = nibabel.Nifti1Image.from_bytes(
        gzip.decompress(make_nifti(prediction, RESAMPLED)["lv.nii.gz"])
    )
    voxel_mm3 = abs(np.linalg.det(lv.affine[:3, :3]))
    labels = np.asarray(lv.dataobj)
    assert set(np.unique(labels)) == {0, 1}
    assert voxel_mm3 == pytest.approx(1.5 * 1.25 * 10)
    # Discs of 24 mm in four slices: five planes of them, and the edge to half a pixel.
    assert labels[..., 0].sum() * voxel_mm3 == pytest.approx(np.pi * 24**2 * 50, rel=0.02)
    assert labels[..., 3].sum() * voxel_mm3 == pytest.approx(np.pi * 12**2 * 50, rel=0.04)


def test_even_stacks_are_never_resampled():
    prediction = placed(even)
    assert make_nifti(prediction, RESAMPLED) == make_nifti(prediction)


def test_slices_that_cross_are_not_resampled():
    prediction = with_linear_images(placed(even), (0, 12, 0, 0))
    with pytest.raises(OutputError, match=r"slices that do not cross.*--nifti-layout slices"):
        regular_grid(prediction.stack)


def test_names_as_in_bids():
    form = NiftiForm(bids_subject="007")
    sub = "sub-007_acq-shortaxis"
    assert sorted(make_nifti(placed(even), form)) == [
        f"{sub}_cine.nii.gz", f"{sub}_desc-lv_mask.json", f"{sub}_desc-lv_mask.nii.gz",
    ]  # fmt: skip
    uneven = make_nifti(placed(lambda z: 4.0 * z * z), form)
    assert f"{sub}_chunk-03_cine.nii.gz" in uneven
    assert f"{sub}_chunk-03_desc-lv_mask.nii.gz" in uneven
    listed = json.loads(uneven[f"{sub}_desc-lv_mask.json"])["files"]
    assert {file[what] for file in listed for what in ("cine", "lv")} < uneven.keys()
    for form in ({"bids_subject": "a-b"}, {"layout": "cubes"}):
        with pytest.raises(ValueError, match=r"expected .*, got '"):
            NiftiForm(**form)
