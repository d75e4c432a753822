"""The surroundings of the heart: strips along the image's edges, without the LV."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol import load_study
from lvvol.datasets import surroundings
from lvvol.datasets.phantoms import phantom_labels
from lvvol.datasets.surroundings import HEART_MM, read_surroundings
from lvvol.errors import StudyNotFoundError
from lvvol.motion import moving_centre
from lvvol.phantom import make_phantom, write_study
from lvvol.preprocess import to_working_stack
from lvvol.roi.square import labelled_square, overlap
from tests.support.studies import good_study


def places(strips, image):
    """Find the corner and shape of each strip in its image."""
    found = []
    for strip in strips:
        rows, columns = strip.shape
        fits = [
            (top, left)
            for top in {0, image.shape[0] - rows}
            for left in {0, image.shape[1] - columns}
            if np.array_equal(image[top : top + rows, left : left + columns], strip)
        ]
        assert len(fits) == 1
        found.append((*fits[0], rows, columns))
    return found


def shared_side_mm(corner, side, place):
    """Side lengths, in mm, of a square's intersection with a strip."""
    top, left, rows, columns = place
    ends = np.minimum(corner + side, (top + rows, left + columns))
    return ends - np.maximum(corner, (top, left))


def check(folder):
    """Strips cover all of the image outside the 150 mm square around the moving centre."""
    stack = to_working_stack(load_study(folder))
    strips = read_surroundings(folder)
    assert len(strips) == 4
    centre = np.array(moving_centre(stack.images[stack.n_slices // 2])) + 0.5
    seen = np.zeros(stack.images.shape[2:], int)
    for z in range(stack.n_slices):
        image = stack.images[z, 0]
        of_slice = [strip[z] for strip in strips if strip.size]
        for place in places(of_slice, image):
            assert shared_side_mm(centre - HEART_MM / 2, HEART_MM, place).min() <= 1.0
            top, left, rows, columns = place
            seen[top : top + rows, left : left + columns] += z == 0
    rows, columns = np.nonzero(seen == 0)
    left_out = (rows.max() + 1 - rows.min(), columns.max() + 1 - columns.min())
    within = np.minimum(centre + 75, seen.shape) - np.maximum(centre - 75, 0)
    np.testing.assert_allclose(left_out, within, atol=1.0)
    assert (seen == 0).sum() == np.prod(left_out)
    assert seen.max() == 2  # in the corners
    return strips


@pytest.mark.real_data
@pytest.mark.parametrize("study", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000101"])
def test_strips_of_a_real_study_surround_its_heart(real_data, study):
    strips = check(real_data / study)
    assert sum(strip.size for strip in strips) > 0


@pytest.fixture(scope="module", params=[2, 3])
def phantom(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    study = make_phantom(request.param, n_phases=2, rows=80)
    return write_study(study, folder), phantom_labels(request.param, rows=80)


def test_strips_of_a_phantom_contain_no_lv(phantom):
    folder, labels = phantom
    strips = check(folder)
    for z, mask in enumerate(labels.masks[:, 0]):
        square = labelled_square(mask)
        if square is None:
            continue
        of_slice = [strip[z] for strip in strips if strip.size]
        assert len(of_slice) == 4
        for top, left, rows, columns in places(of_slice, labels.stack.images[z, 0]):
            # No square window of a strip may count as the LV.
            side = min(rows, columns, square[2])
            down = np.clip(square[0], top, top + rows - side)
            across = np.clip(square[1], left, left + columns - side)
            assert overlap(np.array([down, across, side]), square) <= 0.3
            rest = mask[top : top + rows, left : left + columns]
            assert rest.sum() < 0.1 * mask.sum()


def test_strips_are_of_the_first_phase_with_the_working_stacks_contrast(phantom):
    folder, labels = phantom
    above = read_surroundings(folder)[0]
    np.testing.assert_array_equal(above, labels.stack.images[:, 0, : above.shape[1]])
    assert above.dtype == np.float32


def test_an_image_smaller_than_a_heart_has_no_strips(tmp_path):
    good_study(tmp_path / "study")  # 36 x 25 mm
    strips = read_surroundings(tmp_path / "study")
    assert [strip.shape for strip in strips] == [(4, 0, 25), (4, 0, 25), (4, 36, 0), (4, 36, 0)]


def test_strips_exist_only_on_sides_with_room(monkeypatch):
    """A heart in the top left corner of 200 x 190 mm has strips only below and to the right."""
    images = np.zeros((3, 2, 200, 190), np.float32)
    images[:] = np.arange(200, dtype=np.float32)[:, None] / 200
    images[:, 1, 30:41, 50:61] = 1.0  # centred at row 35, column 55
    stack = make_phantom(2, n_slices=3, n_phases=2, rows=64).to_cine_stack()
    stack = replace(stack, images=images, pixel_spacing_mm=(1.0, 1.0))
    monkeypatch.setattr(surroundings, "load_study", lambda study: stack)
    monkeypatch.setattr(surroundings, "to_working_stack", lambda stack: stack)
    above, below, left, right = read_surroundings("study")
    assert above.size == left.size == 0
    # The centre is 35.5 mm from the top edge and 55.5 mm from the left one; strips are 75 mm away.
    assert below.shape == (3, 200 - 110, 190)
    assert right.shape == (3, 200, 190 - 130)
    np.testing.assert_array_equal(below, images[:, 0, 110:])


def test_an_invalid_study_is_refused(tmp_path):
    with pytest.raises(StudyNotFoundError):
        read_surroundings(tmp_path / "none")
