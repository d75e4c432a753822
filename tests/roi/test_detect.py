"""What a cascade sees of a slice, what it proposes there, and which files hold one."""

import numpy as np
import pytest
import torch

from cascade_files import cascade_xml
from lvvol import _core
from lvvol.cascade import cascade_to_xml, read_cascade
from lvvol.errors import WeightsError
from lvvol.roi import CascadeProposer, read_detector
from lvvol.roi.detect import detection_images
from lvvol.roi.square import overlap
from plain_cascade import SIDE, clutter, discs

PIXEL_MM = 1.6
MM = np.float64(PIXEL_MM)


# What a cascade sees


def test_pixels_lie_on_the_same_top_left_edge():
    """A slope keeps its value at every place, so it tells where each pixel lies."""
    row_mm, column_mm = np.mgrid[:81, :96] + 0.5
    seen = detection_images(((row_mm + 0.5 * column_mm) / 160).astype(np.float32)[None])
    assert (seen.shape, seen.dtype) == ((1, 51, 60), np.uint8)  # 81 / 1.6 = 50.6
    row_mm, column_mm = (np.mgrid[:51, :60] + 0.5) * PIXEL_MM
    expected = (row_mm + 0.5 * column_mm) / 160 * 255
    # Rounded to whole numbers; at the edges, which are repeated, the slope ends.
    inside = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(seen[0][inside], expected[inside], atol=0.51)


def test_what_is_large_is_seen_as_its_area_average():
    """Blobs of 20 mm: 8 x 8 of the fine pixels fill 5 x 5 of the coarse ones."""
    noise = torch.from_numpy(np.random.default_rng(0).random((1, 2, 10, 8), dtype=np.float32))
    planes = torch.nn.functional.interpolate(noise, (160, 128), mode="bicubic")[0].clip(0, 1)
    seen = detection_images(planes.numpy())
    assert seen.shape == (2, 100, 80)
    blocks = planes.numpy().reshape(2, 20, 8, 16, 8).mean(axis=(2, 4)) * 255
    np.testing.assert_allclose(seen.reshape(2, 20, 5, 16, 5).mean(axis=(2, 4)), blocks, atol=1.5)
    assert seen.mean() == pytest.approx(255 * planes.mean().item(), abs=0.1)


def test_what_is_fine_is_averaged_and_not_sampled():
    planes = np.random.default_rng(0).random((1, 320, 320), dtype=np.float32)
    seen = detection_images(planes) / 255
    # Samples keep the standard deviation, means of 1.6 x 1.6 pixels leave 1 / 1.6 of it.
    assert seen.std() < planes.std() / 1.6
    assert seen.mean() == pytest.approx(planes.mean(), abs=0.002)


@pytest.mark.parametrize(
    ("value", "byte"),
    [(0, 0), (1, 255), (0.4 / 255, 0), (0.6 / 255, 1), (127.4 / 255, 127), (127.6 / 255, 128),
     (254.6 / 255, 255), (1.5, 255), (-0.5, 0)],
)  # fmt: skip
def test_values_are_rounded_and_kept_in_bytes(value, byte):
    assert (detection_images(np.full((1, 9, 7), value, np.float32)) == byte).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 1), (1, 1)), ((1, 300), (1, 188)), ((3, 2), (2, 1)), ((240, 320), (150, 200))],
)
def test_size_is_the_nearest_and_never_nothing(shape, expected):
    seen = detection_images(np.full((3, *shape), 0.2, np.float32))
    assert seen.shape == (3, *expected)
    assert (seen == 51).all()


def test_parts_of_a_larger_image_are_seen_as_copies_are():
    image = np.random.default_rng(1).random((2, 60, 70), dtype=np.float32)
    part = image[:, 7:, 9:51]
    np.testing.assert_array_equal(detection_images(part), detection_images(part.copy()))


# What it proposes


@pytest.fixture(scope="module")
def cascade():
    """Stages that know discs in dark rings from clutter and from noise."""
    noise = np.random.default_rng(2).normal(90, 10, (30, 60, 60)).astype(np.uint8)
    return _core.train_cascade(
        discs(400, noise=10), [*clutter(14, (60, 60), noise=10), *noise], stages=6,
        max_false_alarm_rate=0.1, negatives=4000, fewest_negatives=20, threads=1,
    )  # fmt: skip


def disc_images(square, shape=(200, 216), phases=3, seed=0):
    """A slice with a disc in a dark ring that fills the square as the training discs their windows.

    Only the first phase shows it.
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


def windows_told(cascade, images):
    """Every window that passes a stage: squares in mm, stages, scores."""
    windows, _, stages, scores = _core.detect(
        detection_images(images[:1])[0], cascade, scale_factor=1.1, min_neighbors=0,
        max_size=(94, 94), step=1, min_stages=1, threads=1,
    )  # fmt: skip
    return windows[:, :3] * MM, stages, scores


def test_the_best_come_first_and_none_stands_for_another(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    proposals = CascadeProposer(cascade, threads=1)(images)
    squares, stages, scores = windows_told(cascade, images)
    merits = {tuple(s): merit for s, *merit in zip(squares, stages, scores, strict=True)}
    merit = [merits[tuple(p)] for p in proposals]
    assert len(proposals) == 30
    many = [merits[tuple(p)] for p in CascadeProposer(cascade, 1000, threads=1)(images)]
    assert many == sorted(many, reverse=True)
    assert many != sorted(many, key=lambda of: of[1], reverse=True)  # a later stage counts more
    assert many[:30] == merit
    assert merit[0] == max(merits.values())
    for i, proposal in enumerate(proposals):
        assert (overlap(proposals[i + 1 :], proposal) <= 0.45).all()
    # What is better than the last and not proposed has a better one over it.
    better = [np.array(s) for s, m in merits.items() if m > merit[-1]]
    assert len(better) > 30
    assert all(overlap(proposals, square).max() > 0.45 for square in better)


def test_no_window_is_wider_than_a_heart(cascade):
    images = disc_images((20.0, 20.0, 170.0))
    proposals = CascadeProposer(cascade, count=1000, threads=1)(images)
    assert proposals[:, 2].max() <= 150.5  # of whole pixels of 1.6 mm
    assert proposals[:, 2].min() >= SIDE * PIXEL_MM
    assert (proposals[:, :2] >= 0).all()
    # An image shrunk to whole pixels may end less than one of its pixels beyond the edge.
    beyond = proposals[:, :2] + proposals[:, 2:] - np.array([200, 216])
    assert (beyond < proposals[:, 2:] / SIDE).all()


def test_fewer_are_the_first_of_more_for_any_number_of_threads(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    all_of_them = CascadeProposer(cascade, threads=1)(images)
    for count, threads in ((1, 2), (7, 3), (30, 2)):
        fewer = CascadeProposer(cascade, count, threads)(images)
        np.testing.assert_array_equal(fewer, all_of_them[:count])


def test_only_the_first_phase_is_looked_at(cascade):
    images = disc_images((40.0, 90.0, 60.0))
    expected = CascadeProposer(cascade, threads=1)(images)
    images[1:] = np.random.default_rng(5).random(images[1:].shape, dtype=np.float32)
    np.testing.assert_array_equal(CascadeProposer(cascade, threads=1)(images), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (18, 200), (200, 18)])
def test_an_image_smaller_than_a_window_gives_none(cascade, shape):
    proposals = CascadeProposer(cascade, threads=1)(np.zeros((2, *shape), np.float32))
    assert proposals.shape == (0, 3)


def test_where_nothing_has_structure_nothing_passes_all_stages(cascade):
    flat = np.full((2, 100, 110), 0.5, np.float32)
    _, stages, _ = windows_told(cascade, flat)
    assert not (stages == len(cascade.stage_sizes)).any()
    proposals = CascadeProposer(cascade, threads=1)(flat)
    assert proposals.shape[1:] == (3,)
    assert len(proposals) <= 30


def test_a_cascade_that_passes_everything_still_proposes_few():
    everything = read_cascade(cascade_xml(height=24, width=24))
    proposals = CascadeProposer(everything, threads=1)(np.zeros((1, 150, 150), np.float32))
    assert 1 <= len(proposals) <= 30


@pytest.mark.parametrize("count", [0, -3])
def test_no_proposals_cannot_be_asked_for(cascade, count):
    with pytest.raises(ValueError, match=f"count: expected at least 1, got {count}"):
        CascadeProposer(cascade, count)


# Which files hold one


def test_reads_what_training_writes(cascade, tmp_path):
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


def test_windows_that_are_not_square_are_refused(tmp_path):
    path = tmp_path / "detector.xml"
    path.write_bytes(cascade_xml(height=34, width=20))
    assert "expected square windows, got 34 x 20 pixels" in refused(path)


def test_cascades_by_opencv_are_read_where_they_are_square(cascades):
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
