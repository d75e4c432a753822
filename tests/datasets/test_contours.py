"""Contours on working stacks: where they lie, against the phantom's cavity and real images."""

import numpy as np
import pytest

from lvvol import load_study
from lvvol.datasets.contours import draw_contours, drawn_phases, find_contours, read_contour
from lvvol.errors import DatasetError
from lvvol.phantom import make_phantom, write_study
from lvvol.planes import resample
from lvvol.preprocess import to_working_stack
from tests.support.real_studies import SUNNYBROOK


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """A phantom in Sunnybrook's layout: study, folder, contours."""
    out = tmp_path_factory.mktemp("phantom") / "out"
    study = make_phantom(
        5, n_slices=5, n_phases=3, rows=96, edv_ml=160, ef_percent=55, vendor="GE MEDICAL SYSTEMS"
    )
    return study, write_study(study, out, "sunnybrook"), find_contours(out / "SCD_ManualContours")


def drawn(phantom):
    _, folder, files = phantom
    stack = to_working_stack(load_study(folder))
    return stack, *draw_contours(files, folder, stack)


def test_masks_are_the_cavity_of_the_phantom(phantom):
    """Centres in mm agree with those of the cavity that the images were rendered from."""
    study = phantom[0]
    stack, masks, labelled = drawn(phantom)
    ed, es = study.truth.ed_phase, study.truth.es_phase
    assert np.flatnonzero(labelled.any(axis=0)).tolist() == sorted([ed, es])
    assert labelled[:, [ed, es]].all()
    rows, columns = np.indices(study.lv_coverage.shape[2:]) + 0.5
    for z in range(1, stack.n_slices):  # the apex is small
        for t in (ed, es):
            weights = study.lv_coverage[z, t] / study.lv_coverage[z, t].sum()
            centre = np.array([(weights * rows).sum(), (weights * columns).sum()])
            found_mm = np.argwhere(masks[z, t]).mean(axis=0) + 0.5
            # Pixels of 3.5 mm: a contour off by one of them is off by far more.
            np.testing.assert_allclose(found_mm, centre * study.pixel_spacing_mm, atol=0.5)


def test_areas_are_those_of_the_truth(phantom):
    study = phantom[0]
    _, masks, labelled = drawn(phantom)
    areas_mm2 = masks.sum(axis=(2, 3))[labelled]
    np.testing.assert_allclose(areas_mm2, study.truth.areas_mm2[labelled], rtol=0.02)


def test_contours_count_pixels_from_1(tmp_path):
    path = tmp_path / "IM-0001-0048-icontour-manual.txt"
    path.write_text("1.00 1.00\n3.50 1.00\n\n3.50 2.25\n")
    assert read_contour(path).tolist() == [[0, 0], [0, 2.5], [1.25, 2.5]]


@pytest.mark.parametrize(
    "text", ["", "1 2\n3 4\n", "1 2 3\n" * 4, "1 2\n3\n4 5\n", "a b\n" * 3, "1 nan\n2 3\n4 5\n"]
)
def test_damaged_contours_are_refused(tmp_path, text):
    path = tmp_path / "IM-0001-0048-icontour-manual.txt"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"0048-icontour.*expected lines .* three points, got"):
        read_contour(path)


def test_only_endocardial_contours_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("IM-0001-0048-icontour-manual.txt", "IM-0001-0048-ocontour-manual.txt", "x.txt"):
        (tmp_path / "a" / name).touch()
    assert [path.name for path in find_contours(tmp_path)] == ["IM-0001-0048-icontour-manual.txt"]


def test_a_contour_without_an_image_is_refused(phantom, tmp_path):
    _, folder, files = phantom
    stray = tmp_path / "IM-0001-9999-icontour-manual.txt"
    stray.write_bytes(files[0].read_bytes())
    stack = to_working_stack(load_study(folder))
    with pytest.raises(DatasetError, match=r"9999-icontour.*Instance Number 9999 .* got 0"):
        draw_contours([*files, stray], folder, stack)


def test_no_contours_draw_nothing(phantom):
    stack = to_working_stack(load_study(phantom[1]))
    masks, labelled = draw_contours((), phantom[1], stack)
    assert masks.shape == stack.images.shape
    assert not labelled.any()


def areas(*rows):
    """Masks of one row, with the given areas (slice, phase); None is unlabelled."""
    known = np.array([[area is not None for area in row] for row in rows])
    counts = np.array([[area or 0 for area in row] for row in rows])
    return (np.arange(50) < counts[..., None])[:, :, None], known


def test_ed_and_es_are_the_largest_and_smallest_of_the_drawn_phases():
    assert drawn_phases(*areas([None, 9, 30], [None, 8, 20])) == (2, 1)
    assert drawn_phases(*areas([25, 9, 30], [25, 8, 20])) == (0, 1)
    # Only the second slice is drawn at both.
    assert drawn_phases(*areas([None, 40, None], [None, 8, 20])) == (2, 1)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[None, 9, None]], "at two phases, got 1"),
        ([[None, 9, None], [None, None, 8]], "at all of phases 2, 3, got none"),
        ([[None, 9, 9]], "of different size"),
    ],
)
def test_phases_that_cannot_be_told_apart_are_refused(rows, why):
    with pytest.raises(DatasetError, match=why):
        drawn_phases(*areas(*rows))


@pytest.mark.real_data
def test_real_contours_lie_on_the_edges_of_the_images(real_data):
    """The wall is darker than blood: no other shift by whole or half pixels shows it as well."""
    contrast = {shift: [] for shift in (-1.0, -0.5, 0.0, 0.5, 1.0)}
    for study, name in SUNNYBROOK.items():
        folder = real_data / "sunnybrook" / "SCD_IMAGES_01" / study
        stack = to_working_stack(load_study(folder))
        files = find_contours(real_data / "sunnybrook" / "SCD_ManualContours" / name)
        masks, labelled = draw_contours(files, folder, stack)
        assert labelled.sum() == len(files)
        pixel_mm = 1.3
        for z, t in np.argwhere(labelled):
            for shift, found in contrast.items():
                matrix = np.eye(2, 3)[None]
                matrix[0, :, 2] = shift * pixel_mm
                image = resample(stack.images[z, t][None], matrix, masks.shape[2:])[0]
                rim = grown(masks[z, t], 2) & ~masks[z, t]
                edge = masks[z, t] & grown(~masks[z, t], 2)
                found.append(image[edge].mean() - image[rim].mean())
    means = {shift: np.mean(found) for shift, found in contrast.items()}
    assert max(means, key=means.get) == 0.0, means


def grown(mask, pixels):
    """Dilate a mask by a number of pixels."""
    padded = np.pad(mask, pixels)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * pixels + 1,) * 2)
    return windows.any(axis=(2, 3))
