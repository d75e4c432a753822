import numpy as np
import pytest

from lvvol.report import overlay
from lvvol.report.picture import GUTTER, LINE, MARGIN
from tests.support.discs import CENTRE_MM, ED_RADIUS_MM, ES_RADIUS_MM, disc_prediction


def test_the_view_holds_every_square():
    prediction = disc_prediction()
    prediction.rois.squares_mm[0, :2] -= [30, 5]
    view = overlay.choose_view(prediction, overlay.TILE)
    assert view.top_mm <= prediction.rois.squares_mm[:, 0].min()
    assert view.left_mm <= prediction.rois.squares_mm[:, 1].min()
    assert view.top_mm + view.side_mm >= (prediction.rois.squares_mm[:, 0] + 80).max()
    assert view.left_mm + view.side_mm >= (prediction.rois.squares_mm[:, 1] + 80).max()


def first_tile(picture):
    """The picture of slice 1 at ED, where all slices lie side by side."""
    top = picture.shape[0] - MARGIN - 2 * (overlay.TILE + GUTTER)
    left = MARGIN
    return picture[top : top + overlay.TILE, left : left + overlay.TILE]


def test_contour_and_image_agree_in_the_picture():
    prediction = disc_prediction(n_slices=3, n_phases=5)
    tile = first_tile(overlay.draw_overlay(prediction)).astype(int)
    view = overlay.choose_view(prediction, overlay.TILE)
    scale = overlay.TILE / view.side_mm
    y, x = (CENTRE_MM - [view.top_mm, view.left_mm]) * scale
    distance = np.hypot(*(np.indices(tile.shape[:2]) + 0.5 - np.array([y, x])[:, None, None]))
    red = (tile[..., 2] > 150) & (tile[..., 1] < 120)
    assert red.sum() > ED_RADIUS_MM * scale * 4  # most of a circumference of 2 pi r
    assert np.abs(distance[red] - ED_RADIUS_MM * scale).max() < 2
    # Inside is bright blood, outside dark myocardium: the image lies under its own contour.
    assert tile[distance < ED_RADIUS_MM * scale - 3].min() > 200
    ring = (distance > ED_RADIUS_MM * scale + 3) & (distance < (ED_RADIUS_MM + 6) * scale)
    assert tile[ring].max() < 50


def test_the_roi_is_drawn_at_its_edges():
    prediction = disc_prediction(n_slices=3)
    tile = first_tile(overlay.draw_overlay(prediction))
    view = overlay.choose_view(prediction, overlay.TILE)
    left = (prediction.rois.squares_mm[0, 1] - view.left_mm) * overlay.TILE / view.side_mm
    blue = tile[overlay.TILE // 2, :, 0].astype(int) - tile[overlay.TILE // 2, :, 2]
    assert abs(np.argmax(blue[: overlay.TILE // 3]) + 0.5 - left) <= 1


@pytest.mark.parametrize(("n_slices", "blocks", "columns"), [(3, 1, 3), (6, 1, 6), (11, 2, 6)])
def test_every_slice_has_its_place(n_slices, blocks, columns):
    picture = overlay.draw_overlay(disc_prediction(n_slices=n_slices))
    tile = overlay.TILE
    width = columns * tile + (columns - 1) * GUTTER + 2 * MARGIN
    block = overlay.CAPTION + 2 * (tile + GUTTER)
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (width, 3)
    assert blocks * block < picture.shape[0] < blocks * block + 6 * LINE
    bottom_right_used = picture[-MARGIN - tile :, -MARGIN - tile :].any()
    assert bottom_right_used == (n_slices % columns == 0)


def test_each_warning_adds_lines():
    plain = overlay.draw_overlay(disc_prediction())
    warned = overlay.draw_overlay(disc_prediction(sentences=["gap", "few " * 60]))
    added = (warned.shape[0] - plain.shape[0]) / LINE
    assert added >= 3
    assert added == int(added)


def test_a_view_beyond_the_image_is_black_there():
    prediction = disc_prediction()
    prediction.rois.squares_mm[:, 0] = -60.0
    tile = first_tile(overlay.draw_overlay(prediction))
    assert tile[:20].max() == 0


def test_constant_images_and_nan_results_are_drawn():
    prediction = disc_prediction()
    prediction.stack.images[:] = 7
    prediction.volumes_ml[:] = 0
    assert overlay.draw_overlay(prediction).any()


def test_each_tile_has_the_contour_of_its_own_phase():
    prediction = disc_prediction()
    view = overlay.choose_view(prediction, overlay.TILE)
    pair = overlay._draw_pair(prediction, 1, view)
    first = overlay.CAPTION
    for top, radius_mm in (
        (first, ED_RADIUS_MM),
        (first + overlay.TILE + GUTTER, ES_RADIUS_MM),
    ):
        tile = pair[top : top + overlay.TILE].astype(int)
        red = (tile[..., 2] > 150) & (tile[..., 1] < 100) & (tile[..., 0] < 100)
        rows = np.flatnonzero(red.any(axis=1))
        height_mm = (rows[-1] - rows[0]) * view.side_mm / overlay.TILE
        assert height_mm == pytest.approx(2 * radius_mm, abs=2.0)
