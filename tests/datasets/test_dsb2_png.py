"""DSB2 image pairs: order, labels, repeated acquisitions and invalid folders."""

import numpy as np
import pytest

from lvvol.datasets.dsb2_png import open_dsb2_png
from lvvol.errors import DatasetError
from tests.support.synthetic_datasets import (
    SHAPE,
    disc,
    write,
    write_dsb2_patient,
    write_dsb2_plane,
    write_volumes,
)


def everyone(patient):
    return True


def read_dsb2_png(folder, wanted):
    return iter(open_dsb2_png(folder).select(wanted))


@pytest.mark.parametrize("ending", ["webp", "png"])
def test_a_patient_by_hand(tmp_path, ending):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, *SHAPE))  # (position, phase)
    masks = 255 * np.array([[disc(20), disc(12)], [disc(16), disc(0)]])
    for z, position in enumerate((-28, 13)):
        for t, phase in enumerate((1, 12)):
            write_dsb2_plane(
                tmp_path, 42, phase, position, 7000 - z, images[z, t], masks[z, t], ending
            )
    write_volumes(tmp_path, {42: (151.5, 60.25)})
    (labels,) = read_dsb2_png(tmp_path, everyone)
    assert labels.patient == "dsb2/0042"
    assert (labels.edv_ml, labels.esv_ml) == (151.5, 60.25)
    assert labels.labelled.all()
    assert labels.stack.images.dtype == np.float32
    np.testing.assert_allclose(labels.stack.images, images / 255, atol=1e-6)
    np.testing.assert_array_equal(labels.masks, masks > 0)
    assert labels.stack.positions_mm.tolist() == [-28.0, 13.0]
    assert labels.stack.pixel_spacing_mm == (1.0, 1.0)


def test_masks_with_soft_edges_are_thresholded_at_127(tmp_path):
    image = np.zeros(SHAPE)
    mask = np.tile(np.arange(SHAPE[1]) + 80, (SHAPE[0], 1))  # 80 to 179
    for position in (0, 10):
        for phase in (1, 12):
            write_dsb2_plane(tmp_path, 5, phase, position, 9, image, mask)
    write_volumes(tmp_path, {5: (100, 50)})
    (labels,) = read_dsb2_png(tmp_path, everyone)
    assert not labels.masks[..., :48].any()  # up to 127
    assert labels.masks[..., 48:].all()  # from 128


def test_grey_rgb_images_are_read_as_grey(tmp_path):
    write_dsb2_patient(tmp_path, 5, [(20, 10), (15, 8)])
    write_volumes(tmp_path, {})
    (before,) = read_dsb2_png(tmp_path, everyone)
    for path in sorted(tmp_path.glob("*.webp")):
        grey = np.rint(before.stack.images[0, 0] * 255)
        write(path, np.repeat(grey[..., None], 3, axis=2))
    (after,) = read_dsb2_png(tmp_path, everyone)
    np.testing.assert_array_equal(after.stack.images[1, 1], before.stack.images[0, 0])


def test_the_last_acquisition_at_a_position_is_used(tmp_path):
    write_dsb2_patient(tmp_path, 5, [(20, 10), (15, 8)])
    # 10000 is after 999 by number, but before it by name. An incomplete acquisition does not count.
    for source, grey in ((10000, 200), (999, 50), (400, 10)):
        for phase in (1, 12):
            image, mask = np.full(SHAPE, grey), 255 * disc(source // 500)
            write_dsb2_plane(tmp_path, 5, phase, 0, source, image, mask)
    write_dsb2_plane(tmp_path, 5, 1, 0, 20000, np.full(SHAPE, 90), 255 * disc(5))
    write_volumes(tmp_path, {})
    (labels,) = read_dsb2_png(tmp_path, everyone)
    assert labels.stack.positions_mm.tolist() == [0.0, 10.0]
    np.testing.assert_allclose(labels.stack.images[0], 200 / 255)
    np.testing.assert_array_equal(labels.masks[0, 0], disc(20))


def test_sources_may_have_an_extra_number(tmp_path):
    write_dsb2_patient(tmp_path, 5, [(20, 10), (15, 8)], source=2250)
    write_volumes(tmp_path, {})
    (before,) = read_dsb2_png(tmp_path, everyone)
    for path in sorted(tmp_path.glob("0005_*")):
        stem, mask = path.stem.removesuffix("_o"), "_o" * path.stem.endswith("_o")
        for instance, content in ((1, b"not read"), (2, path.read_bytes())):
            new = path.with_name(f"{stem}-{instance:04d}{mask}{path.suffix}")
            new.write_bytes(content)
        path.unlink()
    (after,) = read_dsb2_png(tmp_path, everyone)
    np.testing.assert_array_equal(after.stack.images, before.stack.images)
    np.testing.assert_array_equal(after.masks, before.masks)


def test_only_wanted_patients_are_read_in_order(tmp_path):
    for patient in (30, 4, 112):
        write_dsb2_patient(tmp_path, patient, [(20, 10), (15, 8)])
    for phase in (1, 12):  # a patient of one slice
        write_dsb2_plane(tmp_path, 50, phase, 0, 1, np.zeros(SHAPE), np.zeros(SHAPE))
    write_volumes(tmp_path, {4: (100, 40)})
    assert [s.patient for s in read_dsb2_png(tmp_path, everyone)] == [
        "dsb2/0004",
        "dsb2/0030",
        "dsb2/0112",
    ]
    (only,) = read_dsb2_png(tmp_path, lambda patient: patient == "dsb2/0030")
    assert only.patient == "dsb2/0030"
    assert only.edv_ml is None
    assert only.esv_ml is None


@pytest.fixture
def folder(tmp_path):
    write_dsb2_patient(tmp_path, 5, [(20, 10), (15, 8)])
    write_volumes(tmp_path, {5: (100, 40)})
    return tmp_path


def refused(folder, match):
    with pytest.raises(DatasetError, match=match) as caught:
        list(read_dsb2_png(folder, everyone))
    assert str(folder) in str(caught.value)


def test_missing_mask(folder):
    next(folder.glob("*_12_*_o.png")).unlink()
    refused(folder, r"_o\.png: expected an image, got no file")


@pytest.mark.parametrize("pattern", ["*.webp", "*_o.png"])
def test_damaged_image(folder, pattern, capfd):
    next(folder.glob(pattern)).write_bytes(b"RIFF no image")
    refused(folder, "expected a readable image")


def test_images_of_two_sizes(folder):
    write(next(folder.glob("*.webp")), np.zeros((20, 30)))
    refused(folder, r"expected \(\d+, \d+\) rows and columns as in .*, got \(\d+, \d+\)")


def test_masks_of_another_size(folder):
    for path in folder.glob("*_o.png"):
        write(path, np.zeros((20, 30)))
    refused(folder, r"dsb2/0005: expected masks of \(96, 100\) rows and columns, got \(20, 30\)")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Id,Systole\n5,40\n",
        "Id,Systole,Diastole\n5,40\n",
        "Id,Systole,Diastole\nfive,40,100\n",
        "Id,Systole,Diastole\n5,40,much\n",
        "Id,Systole,Diastole\n5,40,\ud800\n",
    ],
)
def test_bad_table(folder, text):
    table = folder / "train_validate.csv"
    table.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(folder, r"train_validate\.csv: expected numbers in columns Id, Systole, Diastole")


def test_missing_table(folder):
    (folder / "train_validate.csv").unlink()
    refused(folder, "train_validate.csv: expected")
