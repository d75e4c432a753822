"""NIfTI in the layout of ACDC: files by nibabel, their geometry as SimpleITK sees it."""

import numpy as np
import pytest
import SimpleITK

from lvvol.datasets import open_dataset
from lvvol.datasets.nifti_files import read_planes, to_stack
from lvvol.errors import DatasetError

nibabel = pytest.importorskip("nibabel")

SIZE = (40, 36, 5)  # columns, rows, slices


def turned(degrees, axis):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def affine_of(spacing_mm=(1.5, 1.25, 10.0), directions=None, origin=(-30.0, 20.0, 60.0)):
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if directions is None else directions) * spacing_mm
    affine[:3, 3] = origin
    return affine


OBLIQUE = turned(35, 0) @ turned(-20, 2) @ turned(10, 1)
AFFINES = {
    "as in ACDC": affine_of(),
    "oblique": affine_of(directions=OBLIQUE),
    "slices against the normal": affine_of(directions=OBLIQUE @ np.diag([1, 1, -1])),
    "mirrored": affine_of(directions=OBLIQUE @ np.diag([-1, 1, 1])),
}


def save(path, values, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def disc(radius_mm, affine, centre=(20, 18)):
    """A label map: 3 inside, 2 around, in voxels (column, row, slice) of an affine."""
    c, r, z = np.indices(SIZE)
    spacing = np.linalg.norm(affine[:3, :2], axis=0)
    away = np.hypot((c - centre[0]) * spacing[0], (r - centre[1]) * spacing[1])
    return np.where(away < radius_mm - z, 3, np.where(away < radius_mm + 5, 2, 0)).astype(np.uint8)


def write_patient(folder, name="patient001", affine=AFFINES["as in ACDC"], frames=(1, 4), cine=6):
    """Write a patient whose images are 40 in blood, 10 elsewhere; return the folder."""
    place = folder / name
    rng = np.random.default_rng(0)
    radii = {frames[0]: 20, frames[1]: 12}
    whole = rng.uniform(0, 20, (*SIZE, cine or 0))
    for frame, radius in radii.items():
        labels = disc(radius, affine)
        image = rng.uniform(0, 20, SIZE) + 30 * (labels == 3)
        if cine:
            whole[..., frame - 1] = image
        save(place / f"{name}_frame{frame:02d}.nii.gz", image.astype(np.float32), affine)
        save(place / f"{name}_frame{frame:02d}_gt.nii.gz", labels, affine)
    if cine:
        save(place / f"{name}_4d.nii.gz", whole.astype(np.int16), affine)
    info = f"ED: {frames[0]}\nES: {frames[1]}\nGroup: DCM\nHeight: 184.0\n"
    (place / "Info.cfg").write_text(info)
    return folder


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_every_voxel_is_where_simpleitk_has_it(tmp_path, affine):
    values = np.arange(np.prod(SIZE), dtype=np.float32).reshape(SIZE)
    path = tmp_path / "image.nii.gz"
    save(path, values, affine)
    stack = to_stack(read_planes(path))
    image = SimpleITK.ReadImage(str(path))  # in LPS
    assert stack.pixel_spacing_mm == pytest.approx((image.GetSpacing()[1], image.GetSpacing()[0]))
    assert stack.slice_gaps_mm == pytest.approx(image.GetSpacing()[2])
    rng = np.random.default_rng(1)
    for z, row, column in rng.integers(0, np.array(SIZE)[[2, 1, 0]], (20, 3)):
        point = stack.affines[z] @ [row, column, 0, 1]
        voxel = image.TransformPhysicalPointToIndex(point[:3].tolist())
        assert stack.images[z, 0, row, column] == image[voxel]
        # Positions run along the normal, the third axis of every affine.
        assert point[:3] @ stack.affines[z][:3, 2] == pytest.approx(stack.positions_mm[z], abs=1e-3)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("cine", [6, None])
def test_a_patient(tmp_path, affine, cine):
    (labels,) = open_dataset(write_patient(tmp_path, affine=affine, cine=cine))
    assert labels.patient == "nifti/patient001"
    assert labels.stack.images.shape == (5, cine or 2, 45, 60)  # 36 x 40 pixels of 1.25, 1.5 mm
    assert labels.phases == ((0, 3) if cine else (0, 1))
    assert np.flatnonzero(labels.labelled.all(axis=0)).tolist() == list(labels.phases)
    assert labels.labelled.sum() == 10
    assert (labels.edv_ml, labels.esv_ml) == (None, None)
    for t, radius in zip(labels.phases, (20, 12), strict=True):
        areas = labels.masks[:, t].sum(axis=(1, 2))
        expected = np.pi * (radius - np.arange(5)) ** 2
        # Slices that run against the normal are turned round with their masks.
        np.testing.assert_allclose(np.sort(areas), np.sort(expected), rtol=0.08)
        inside = labels.stack.images[:, t][labels.masks[:, t]]
        outside = labels.stack.images[:, t][~labels.masks[:, t]]
        assert inside.mean() > outside.mean() + 0.3


def test_labels_of_another_map(tmp_path):
    write_patient(tmp_path)
    (both,) = open_dataset(tmp_path, cavity=(2, 3))
    areas = both.masks[0, 0].sum()
    assert areas == pytest.approx(np.pi * 25**2, rel=0.05)


def test_patients_may_lie_one_folder_deeper(tmp_path):
    write_patient(tmp_path / "training", "patient002")
    write_patient(tmp_path / "testing", "patient101")
    assert open_dataset(tmp_path).names == ("nifti/patient002", "nifti/patient101")
    assert open_dataset(f"nifti:{tmp_path / 'testing'}").names == ("nifti/patient101",)


def damaged(folder, change):
    write_patient(folder)
    place = folder / "patient001"
    change(place)
    return place


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: (p / "patient001_frame04_gt.nii.gz").unlink(), r"frame04_gt.*got none"),
        (lambda p: (p / "Info.cfg").write_text("ED: 1\n"), r"Info\.cfg: expected lines ED: N"),
        (lambda p: (p / "Info.cfg").write_text("ED: one\nES: 4\n"), r"Info\.cfg: expected lines"),
        (lambda p: (p / "Info.cfg").write_text("ED: 4\nES: 4\n"), "expected two frames"),
        (
            lambda p: (p / "patient001_4d.nii.gz").write_bytes(b"\x1f\x8b no"),
            "4d.*expected a NIfTI",
        ),
        (
            lambda p: (p / "patient001_4d.nii.gz").write_bytes(
                (p / "patient001_4d.nii.gz").read_bytes()[:3000]
            ),
            "4d.*expected a NIfTI file",
        ),
        (
            lambda p: save(
                p / "patient001_frame01_gt.nii.gz",
                disc(20, AFFINES["as in ACDC"]),
                affine_of(origin=(-30, 20, 160)),
            ),
            "frame01_gt.*expected planes where the images are",
        ),
        (
            lambda p: save(
                p / "patient001_frame01_gt.nii.gz",
                disc(20, AFFINES["as in ACDC"]),
                affine_of(directions=turned(30, 0), origin=(-30, 20, 60)),
            ),
            "frame01_gt.*expected planes of the images",
        ),
        (
            lambda p: [
                save(f, np.zeros(SIZE, np.uint8), AFFINES["as in ACDC"])
                for f in p.glob("*_gt.nii.gz")
            ],
            "expected label 3 at ED or ES",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, why):
    damaged(tmp_path, change)
    with pytest.raises(DatasetError, match=why) as caught:
        list(open_dataset(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}: nifti/patient001: ")


def test_a_frame_beyond_the_cine_is_refused(tmp_path):
    write_patient(tmp_path, frames=(1, 7), cine=7)
    shorter = np.zeros((*SIZE, 5), np.int16)
    save(tmp_path / "patient001" / "patient001_4d.nii.gz", shorter, AFFINES["as in ACDC"])
    with pytest.raises(DatasetError, match=r"4d.*expected at least 7 phases .* got 5"):
        list(open_dataset(tmp_path))
