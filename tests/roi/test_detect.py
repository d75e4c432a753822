"""The detector: its input images, its proposals and its files."""

import numpy as np
import pytest
import torch

from lvvol import _core
from lvvol.cascade import cascade_to_xml, read_cascade
from lvvol.errors import WeightsError
from lvvol.roi import CascadeProposer, read_detector
from lvvol.roi.detect import detection_images
from lvvol.roi.square import overlap
from tests.support.cascade_files import cascade_xml
from tests.support.plain_cascade import SIDE, clutter, discs

PIXEL_MM = 1.6
MM = np.float64(PIXEL_MM)


# Input images


def test_pixels_share_the_top_left_edge():
    """A linear ramp keeps its values, so they show the position of each pixel."""
    row_mm, column_mm = np.mgrid[:81, :96] + 0.5
    seen = detection_images(((row_mm + 0.5 * column_mm) / 160).astype(np.float32)[None])
    assert (seen.shape, seen.dtype) == ((1, 51, 60), np.uint8)  # 81 / 1.6 = 50.6
    row_mm, column_mm = (np.mgrid[:51, :60] + 0.5) * PIXEL_MM
    expected = (row_mm + 0.5 * column_mm) / 160 * 255
    # Rounded to integers; the ramp is flat at the edges, which are repeated.
    inside = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(seen[0][inside], expected[inside], atol=0.51)


def test_large_structures_keep_their_area_average():
    """Blobs of 20 mm: 8 x 8 of the fine pixels fill 5 x 5 of the coarse ones."""
    noise = torch.from_numpy(np.random.default_rng(0).random((1, 2, 10, 8), dtype=np.float32))
    planes = torch.nn.functional.interpolate(noise, (160, 128), mode="bicubic")[0].clip(0, 1)
    seen = detection_images(planes.numpy())
    assert seen.shape == (2, 100, 80)
    blocks = planes.numpy().reshape(2, 20, 8, 16, 8).mean(axis=(2, 4)) * 255
    np.testing.assert_allclose(seen.reshape(2, 20, 5, 16, 5).mean(axis=(2, 4)), blocks, atol=1.5)
    assert seen.mean() == pytest.approx(255 * planes.mean().item(), abs=0.1)


def test_fine_structures_are_averaged_not_sampled():
    planes = np.random.default_rng(0).random((1, 320, 320), dtype=np.float32)
    seen = detection_images(planes) / 255
    # Sampling would keep the standard deviation; means of 1.6 x 1.6 pixels divide it by 1.6.
    assert seen.std() < planes.std() / 1.6
    assert seen.mean() == pytest.approx(planes.mean(), abs=0.002)


@pytest.mark.parametrize(
    ("value", "byte"),
    [(0, 0), (1, 255), (0.4 / 255, 0), (0.6 / 255, 1), (127.4 / 255, 127), (127.6 / 255, 128),
     (254.6 / 255, 255), (1.5, 255), (-0.5, 0)],
)  # fmt: skip
def test_values_are_rounded_and_clipped_to_bytes(value, byte):
    assert (detection_images(np.full((1, 9, 7), value, np.float32)) == byte).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 1), (1, 1)), ((1, 300), (1, 188)), ((3, 2), (2, 1)), ((240, 320), (150, 200))],
)
def test_size_is_rounded_and_at_least_1(shape, expected):
    seen = detection_images(np.full((3, *shape), 0.2, np.float32))
    assert seen.shape == (3, *expected)
    assert (seen == 51).all()


def test_views_of_a_larger_image_give_the_same_result_as_copies():
    image = np.random.default_rng(1).random((2, 60, 70), dtype=np.float32)
    part = image[:, 7:, 9:51]
    np.testing.assert_array_equal(detection_images(part), detection_images(part.copy()))


# Proposals


@pytest.fixture(scope="module")
def cascade():
    """A cascade that separates discs in dark rings from clutter and noise."""
    noise = np.random.default_rng(2).normal(90, 10, (30, 60, 60)).astype(np.uint8)
    return _core.train_cascade(
        discs(400, noise=10), [*clutter(14, (60, 60), noise=10), *noise], stages=6,
        max_false_alarm_rate=0.1, negatives=4000, fewest_negatives=20, threads=1,
    )  # fmt: skip


def disc_images(square, shape=(200, 216), phases=3, seed=0):
    """A slice with a disc in a dark ring that fills the square like the training discs.

    It is only in the first phase.
    """
    rng = np.random.default_rng(seed)
    top, left, side = square
    row_mm, column_mm = np.mgrid[: shape[0], : shape[1]] + 0.5
    d = np.hypot(row_mm - top - side / 2, column_mm - left - side / 2) / (side * 0.25)
    images = np.full((phases, *shape), 90.0)
    images[0] += 70 * (d < 1) - 60 * ((d >= 1) & (d < 1.5))
    images += rng.normal(0, 10, images.shape)
    return (images / 255).astype(np.float32)


@pytest.mark.parametrize(
    "square", [(40.0, 90.0, 60.0), (120.0, 20.0, 45.0), (30.0, 50.0, 120.0), (5.0, 170.0, 40.0)]
)
def test_the_best_proposal_is_where_the_disc_is_in_mm(cascade, square):
    proposals = CascadeProposer(cascade, threads=1)(disc_images(square))
    assert proposals.dtype == np.float64
    assert overlap(proposals[0], np.array(square)) > 0.7


def scored_windows(cascade, images):
    """All windows that pass a stage: squares in mm, stages, scores."""
    windows, _, stages, scores = _core.detect(
        detection_images(images[:1])[0], cascade, scale_factor=1.1, min_neighbors=0,
        max_size=(94, 94), step=1, min_stages=1, threads=1,
    )  # fmt: skip
    return windows[:, :3] * MM, stages, scores


def test_proposals_are_sorted_and_do_not_overlap_too_much(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    proposals = CascadeProposer(cascade, threads=1)(images)
    squares, stages, scores = scored_windows(cascade, images)
    merits = {tuple(s): merit for s, *merit in zip(squares, stages, scores, strict=True)}
    merit = [merits[tuple(p)] for p in proposals]
    assert len(proposals) == 30
    many = [merits[tuple(p)] for p in CascadeProposer(cascade, 1000, threads=1)(images)]
    assert many == sorted(many, reverse=True)
    # The stage counts before the score.
    assert many != sorted(many, key=lambda of: of[1], reverse=True)
    assert many[:30] == merit
    assert merit[0] == max(merits.values())
    for i, proposal in enumerate(proposals):
        assert (overlap(proposals[i + 1 :], proposal) <= 0.45).all()
    # Any window better than the last proposal overlaps a better proposal.
    better = [np.array(s) for s, m in merits.items() if m > merit[-1]]
    assert len(better) > 30
    assert all(overlap(proposals, square).max() > 0.45 for square in better)


def test_no_window_is_wider_than_a_heart(cascade):
    images = disc_images((20.0, 20.0, 170.0))
    proposals = CascadeProposer(cascade, count=1000, threads=1)(images)
    assert proposals[:, 2].max() <= 150.5  # in whole pixels of 1.6 mm
    assert proposals[:, 2].min() >= SIDE * PIXEL_MM
    assert (proposals[:, :2] >= 0).all()
    # An image reduced to whole pixels may extend beyond the edge by less than a pixel.
    beyond = proposals[:, :2] + proposals[:, 2:] - np.array([200, 216])
    assert (beyond < proposals[:, 2:] / SIDE).all()


def test_fewer_proposals_are_the_first_of_more_with_any_number_of_threads(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    all_of_them = CascadeProposer(cascade, threads=1)(images)
    for count, threads in ((1, 2), (7, 3), (30, 2)):
        fewer = CascadeProposer(cascade, count, threads)(images)
        np.testing.assert_array_equal(fewer, all_of_them[:count])


def test_only_the_first_phase_is_used(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    expected = CascadeProposer(cascade, threads=1)(images)
    images[1:] = np.random.default_rng(5).random(images[1:].shape, dtype=np.float32)
    np.testing.assert_array_equal(CascadeProposer(cascade, threads=1)(images), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (18, 200), (200, 18)])
def test_an_image_smaller_than_a_window_gives_no_proposals(cascade, shape):
    proposals = CascadeProposer(cascade, threads=1)(np.zeros((2, *shape), np.float32))
    assert proposals.shape == (0, 3)


def test_no_window_without_structure_passes_all_stages(cascade):
    flat = np.full((2, 100, 110), 0.5, np.float32)
    _, stages, _ = scored_windows(cascade, flat)
    assert not (stages == len(cascade.stage_sizes)).any()
    proposals = CascadeProposer(cascade, threads=1)(flat)
    assert proposals.shape[1:] == (3,)
    assert len(proposals) <= 30


def test_a_cascade_that_passes_everything_gives_few_proposals():
    everything = read_cascade(cascade_xml(height=24, width=24))
    proposals = CascadeProposer(everything, threads=1)(np.zeros((1, 150, 150), np.float32))
    assert 1 <= len(proposals) <= 30


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_1_is_refused(cascade, count):
    with pytest.raises(ValueError, match=f"count: expected at least 1, got {count}"):
        CascadeProposer(cascade, count)


# Files


def test_files_of_the_core_are_read(cascade, tmp_path):
    path = tmp_path / "detector.xml"
    path.write_bytes(cascade_to_xml(cascade))
    assert read_detector(path) == cascade


def refused(path):
    with pytest.raises(WeightsError) as caught:
        read_detector(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected ")
    assert message.isprintable()
    return message


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "got no file" in refused(tmp_path / "none.xml")
    assert "directory" in refused(tmp_path)
    refused(tmp_path / ("n" * 300))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "line 1"),
        (b"<opencv_storage>", "line 1"),
        (b"\x00" * 1000, "line 1"),
        (cascade_xml()[:-40], "line 10: expected '>', got '<'"),
        (cascade_xml(feature_type="HAAR"), "HAAR"),
        (
            b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + cascade_xml(height="&e;"),
            "<!DOCTYPE",
        ),
        (cascade_xml(height="&e;"), "&e;"),
        (b"<a>" * 100_000, "32 deep"),
    ],
    ids=["empty", "open", "zeros", "cut", "haar", "doctype", "entity", "deep"],
)
def test_damaged_and_hostile_files_are_refused(tmp_path, content, what):
    path = tmp_path / "detector.xml"
    path.write_bytes(content)
    assert what in refused(path)


def test_cascades_with_other_than_square_windows_are_refused(tmp_path):
    path = tmp_path / "detector.xml"
    path.write_bytes(cascade_xml(height=34, width=20))
    assert "expected square windows, got 34 x 20 pixels" in refused(path)


def test_square_opencv_cascades_are_read(cascades):
    sizes = {}
    for path in cascades:
        try:
            sizes[path.stem] = read_detector(path).window_size
        except WeightsError:
            sizes[path.stem] = refused(path).split("got ")[-1]
    assert sizes == {
        "lbpcascade_frontalcatface": (24, 24),
        "lbpcascade_frontalface": (24, 24),
        "lbpcascade_frontalface_improved": (45, 45),
        "lbpcascade_profileface": "34 x 20 pixels",
        "lbpcascade_silverware": "80 x 12 pixels",
    }
