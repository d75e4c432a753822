"""Tables of studies: paths, volumes, masks, and what is said of wrong ones."""

import numpy as np
import pytest

from lvvol import load_study
from lvvol.datasets import open_dataset
from lvvol.errors import DatasetError
from lvvol.phantom import make_phantom, write_study


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """One study with contours, in a folder of its own."""
    out = tmp_path_factory.mktemp("hospital")
    study = make_phantom(5, n_slices=4, n_phases=3, rows=64, vendor="GE MEDICAL SYSTEMS")
    write_study(study, out / "scd", "sunnybrook")
    (out / "scd" / "SCD_IMAGES_01" / "SCD0000501").rename(out / "a")
    next((out / "scd" / "SCD_ManualContours").iterdir()).rename(out / "drawn")
    return out


def table(folder, text, name="cohort.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_of_studies(hospital):
    path = table(hospital, "id,path,edv_ml,esv_ml,masks,age\n7,a,150.5,60,,41\n,a,,,drawn,\n")
    dataset = open_dataset(path)
    assert dataset.names == ("cohort/7", "cohort/a")
    first, second = dataset
    assert (first.edv_ml, first.esv_ml) == (150.5, 60.0)
    assert first.phases is None
    assert not first.labelled.any()
    truth = make_phantom(5, n_slices=4, n_phases=3, rows=64, vendor="GE MEDICAL SYSTEMS").truth
    assert (second.edv_ml, second.esv_ml) == (None, None)
    assert second.phases == (truth.ed_phase, truth.es_phase)
    areas = second.masks.sum(axis=(2, 3))[second.labelled]
    np.testing.assert_allclose(areas, truth.areas_mm2[second.labelled], rtol=0.03)


def test_masks_may_be_a_nifti_label_map(hospital):
    """A map on the study's own voxels, in RAS, with slices in the other order."""
    nibabel = pytest.importorskip("nibabel")
    stack = load_study(hospital / "a")
    z, t, rows, columns = stack.images.shape
    r, c = np.indices((rows, columns))
    maps = np.zeros((columns, rows, z, t), np.uint8)
    for phase, radius in ((0, 9), (1, 5)):
        maps[..., phase] = (np.hypot(r - 20, c - 30) < radius).T[..., None]
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = stack.affines[-1][:3, 1], stack.affines[-1][:3, 0]
    affine[:3, 2] = stack.affines[-2][:3, 3] - stack.affines[-1][:3, 3]
    affine[:3, 3] = stack.affines[-1][:3, 3]
    ras = np.diag([-1, -1, 1, 1]) @ affine
    nibabel.save(nibabel.Nifti1Image(maps, ras), hospital / "map.nii.gz")
    path = table(hospital, "path,edv_ml,esv_ml,masks\na,100,40,map.nii.gz\n", "maps.csv")
    (labels,) = open_dataset(path)
    assert labels.phases == (0, 1)
    assert labels.labelled.tolist() == [[True, True, False]] * 4
    pixel_mm = stack.pixel_spacing_mm[0]
    for phase, radius in ((0, 9), (1, 5)):
        found = np.argwhere(labels.masks[1, phase]) + 0.5
        area_mm2 = (np.hypot(r - 20, c - 30) < radius).sum() * pixel_mm**2
        assert len(found) == pytest.approx(area_mm2, rel=0.03)
        centre_mm = np.array([20.5, 30.5]) * pixel_mm
        np.testing.assert_allclose(found.mean(axis=0), centre_mm, atol=0.3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected columns path, edv_ml, esv_ml .* got no edv_ml, esv_ml, path"),
        ("path,edv_ml\na,100\n", "got no esv_ml"),
        ("path,edv_ml,esv_ml\n", "expected a row for each study, got none"),
        ("path,edv_ml,esv_ml\na,100,40\n,100,40\n", "line 3: expected the path of a study"),
        (
            "path,edv_ml,esv_ml\na,100,forty\n",
            "line 2: expected edv_ml and esv_ml in mL, got .*forty",
        ),
        ("path,edv_ml,esv_ml\na,100,\n", "line 2: expected edv_ml and esv_ml in mL"),
        ("path,edv_ml,esv_ml\na,40,100\n", "line 2: expected 0 <= esv_ml <= edv_ml, got 100"),
        ("path,edv_ml,esv_ml\na,nan,nan\n", "line 2: expected 0 <= esv_ml"),
        ("path,edv_ml,esv_ml\na,1,1\na,2,2\n", "expected each patient once, got cohort/a twice"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, why):
    path = table(tmp_path, text)
    with pytest.raises(DatasetError, match=why) as caught:
        open_dataset(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("none,100,40,", r"cohort\.csv: cohort/none: .*none: "),
        ("a,100,40,none", r"cohort/a: .*none: expected files \*-icontour"),
        ("a,100,40,a", r"cohort/a: .*a: expected files \*-icontour"),
    ],
)
def test_a_row_that_cannot_be_read_costs_only_itself(hospital, row, why):
    path = table(hospital, f"path,edv_ml,esv_ml,masks\n{row}\n", "cohort.csv")
    dataset = open_dataset(path)
    with pytest.raises(DatasetError, match=why):
        dataset[0]
