import numpy as np
import pytest
import SimpleITK

from lvvol.report import picture


def test_a_png_decodes_to_the_picture(tmp_path):
    drawn = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    (tmp_path / "drawn.png").write_bytes(picture.encode_png(drawn))
    decoded = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(tmp_path / "drawn.png"))
    assert np.array_equal(decoded, drawn[..., ::-1])  # red, green, blue


def test_a_window_leaves_out_extremes_and_nan():
    # Percentiles 1 and 99.5 of 0, 1, ..., 1000 are 10 and 995.
    values = np.append(np.arange(1001, dtype=np.float32), np.float32(np.nan))
    assert picture.grey_window(values) == (10.0, 995.0)
    image = np.array([[0, 10, 502.5, 995, 1000, np.nan]], np.float32)
    grey = picture.to_grey(image, (10.0, 995.0))
    assert grey.shape == (1, 6, 3)
    assert grey[0, :, 0].astype(int) == pytest.approx([0, 0, 127.5, 255, 255, 0], abs=1)
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_nothing_seen_and_nothing_but_one_value_are_shown_black():
    unseen = np.full((2, 2), np.nan, np.float32)
    assert not picture.to_grey(unseen, picture.grey_window(unseen)).any()
    constant = np.full((2, 2), 7, np.float32)
    assert not picture.to_grey(constant, picture.grey_window(constant)).any()


def test_a_head_grows_with_its_warnings():
    plain = picture.draw_head("title", [], "legend", 400)
    warned = picture.draw_head("title", ["gap", "few " * 60], "legend", 400)
    assert plain.shape == (2 * picture.LINE + picture.GUTTER, 400, 3)
    assert (warned.shape[0] - plain.shape[0]) % picture.LINE == 0
    assert warned.shape[0] >= plain.shape[0] + 3 * picture.LINE


def test_a_long_title_is_shrunk_to_fit():
    # Nothing is cut off: the last columns stay dark, since the letters end before them.
    head = picture.draw_head("wide title " * 6, [], "legend", 700)
    assert head[: picture.LINE].any()
    assert not head[: picture.LINE, -2:].any()


def test_parts_are_stacked_within_a_margin():
    parts = [np.full((2, 5, 3), 9, np.uint8), np.full((3, 5, 3), 7, np.uint8)]
    whole = picture.finish(parts)
    edge = picture.MARGIN
    assert whole.shape == (5 + 2 * edge, 5 + 2 * edge, 3)
    assert np.array_equal(whole[edge:-edge, edge:-edge], np.vstack(parts))
    assert not whole[:edge].any()
