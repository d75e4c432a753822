"""Sunnybrook PNG pairs: choice of ED, missing labels, sizes of masks."""

import numpy as np
import pytest

from lvvol.datasets.sunnybrook_png import PIXEL_SPACING_MM, open_sunnybrook_png
from lvvol.errors import DatasetError
from tests.support.synthetic_datasets import disc, write, write_sunnybrook_plane

SHAPE = (120, 120)
CENTRE = (62, 58)


def cavity(radius):
    return disc(radius, CENTRE, SHAPE)


def instance(z, t):
    """Instance number from 1, at twenty phases per slice."""
    return 20 * z + t + 1


def write_patient(folder, patient, radii):
    """Write slices of radii {(z, t): pixels}; grey values identify slice and phase."""
    for (z, t), radius in radii.items():
        image = 40 + 5 * z + 2 * t + 100 * cavity(radius)
        write_sunnybrook_plane(folder, patient, instance(z, t), image, 255 * cavity(radius))


def everyone(patient):
    return True


def read_sunnybrook_png(folder, wanted):
    return iter(open_sunnybrook_png(folder).select(wanted))


@pytest.mark.parametrize(("ed", "es"), [(0, 8), (19, 7)])
def test_ed_is_the_phase_of_the_larger_cavity(tmp_path, ed, es):
    radii = {(z, t): r - z for z in (3, 4, 6) for t, r in ((ed, 25), (es, 15))}
    write_patient(tmp_path, "SC-HF-NI-03", radii)
    (labels,) = read_sunnybrook_png(tmp_path, everyone)
    assert labels.patient == "sunnybrook/SC-HF-NI-03"
    assert labels.labelled.tolist() == [[True, True]] * 3
    areas = labels.masks.sum(axis=(2, 3))
    assert (areas[:, 0] > areas[:, 1]).all()
    assert (np.diff(areas, axis=0) < 0).all()  # slices in order
    assert (labels.edv_ml, labels.esv_ml) == (None, None)


def test_masks_lose_the_outline_and_are_resampled_to_1_mm(tmp_path):
    write_patient(tmp_path, "SC-N-02", {(z, t): r for z in (0, 1) for t, r in ((0, 22), (9, 12))})
    (labels,) = read_sunnybrook_png(tmp_path, everyone)
    assert labels.stack.images.shape == (2, 2, 156, 156)  # 120 pixels of 1.3 mm
    assert labels.stack.pixel_spacing_mm == (1.0, 1.0)
    for t, radius in ((0, 22), (1, 12)):
        expected_mm2 = np.pi * ((radius - 0.45) * PIXEL_SPACING_MM) ** 2
        assert labels.masks[0, t].sum() == pytest.approx(expected_mm2, rel=0.03)
        rows, columns = np.nonzero(labels.masks[0, t])
        centre_mm = (rows.mean() + 0.5, columns.mean() + 0.5)
        assert centre_mm == pytest.approx(np.array(CENTRE) * PIXEL_SPACING_MM, abs=0.3)


def test_a_slice_contoured_at_one_phase_repeats_its_image_but_not_its_label(tmp_path):
    write_patient(
        tmp_path, "SC-N-02", {(0, 0): 25, (0, 8): 15, (1, 0): 20, (2, 0): 18, (2, 8): 9, (3, 8): 6}
    )
    (labels,) = read_sunnybrook_png(tmp_path, everyone)
    assert labels.labelled.tolist() == [[True, True], [True, False], [True, True], [False, True]]
    for z in (1, 3):
        np.testing.assert_array_equal(labels.stack.images[z, 0], labels.stack.images[z, 1])
    assert not labels.masks[1, 1].any()
    assert not labels.masks[3, 0].any()


def test_only_wanted_patients_are_read_in_order(tmp_path):
    for patient in ("SC-N-05", "SC-HYP-01"):
        write_patient(tmp_path, patient, {(0, 0): 20, (0, 8): 10})
    write(tmp_path / "Images" / "notes.png", np.zeros((3, 3)))  # not of this layout
    patients = [s.patient for s in read_sunnybrook_png(tmp_path, everyone)]
    assert patients == ["sunnybrook/SC-HYP-01", "sunnybrook/SC-N-05"]
    assert len(list(read_sunnybrook_png(tmp_path, lambda patient: "HYP" in patient))) == 1


@pytest.mark.parametrize(
    ("radii", "complaint"),
    [
        ({(0, 0): 20, (1, 0): 20}, r"expected 2 phases, got \[0\]"),
        ({(0, 0): 20, (0, 8): 10, (1, 9): 10}, r"expected 2 phases, got \[0, 8, 9\]"),
        ({(0, 0): 20, (1, 8): 10}, "SC-N-02: expected slices drawn at both phases, got none"),
    ],
)
def test_patients_not_contoured_at_two_phases_are_refused(tmp_path, radii, complaint):
    write_patient(tmp_path, "SC-N-02", radii)
    with pytest.raises(DatasetError, match=complaint):
        list(read_sunnybrook_png(tmp_path, everyone))


@pytest.fixture
def folder(tmp_path):
    write_patient(tmp_path, "SC-N-02", {(0, 0): 20, (0, 8): 10})
    return tmp_path


def test_missing_label(folder):
    next((folder / "Labels").iterdir()).unlink()
    with pytest.raises(DatasetError, match=r"Labels.*\.png: expected an image, got no file"):
        list(read_sunnybrook_png(folder, everyone))


def test_damaged_image(folder, capfd):
    next((folder / "Images").iterdir()).write_bytes(b"no image")
    with pytest.raises(DatasetError, match="expected a readable image"):
        list(read_sunnybrook_png(folder, everyone))


def test_labels_of_another_size(folder):
    for path in (folder / "Labels").iterdir():
        write(path, np.zeros((20, 30)))
    with pytest.raises(DatasetError, match=r"SC-N-02: expected labels of \(120, 120\)"):
        list(read_sunnybrook_png(folder, everyone))
