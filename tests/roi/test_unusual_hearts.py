"""Hearts and images that a search can lose, on phantoms of two phases."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol import load_model
from lvvol.errors import NoMotionError, RoiNotFoundError
from lvvol.geometry import same_corner_map
from lvvol.phantom import make_phantom
from lvvol.planes import resample
from lvvol.preprocess import PIXEL_MM, to_working_stack
from lvvol.roi import CascadeProposer, WindowScorer, locate
from lvvol.roi.square import labelled_square, overlap

ROWS = 96  # a matrix of large pixels, which renders fast


@pytest.fixture(scope="module")
def model():
    return load_model()


def heart(seed=3, scale=1.0, **options):
    """Return a phantom's working stack and the square of its mask in the middle slice, at ED.

    With a scale, its pixels are smaller, as of a smaller body.
    """
    study = make_phantom(seed, n_slices=5, rows=ROWS, **{"n_phases": 2, **options})
    read = study.to_cine_stack()
    spacing_mm = tuple(scale * mm for mm in read.pixel_spacing_mm)
    stack = to_working_stack(replace(read, pixel_spacing_mm=spacing_mm))
    z = stack.n_slices // 2
    coverage = resample(
        np.ascontiguousarray(study.lv_coverage[z, :1]),
        same_corner_map(PIXEL_MM / np.array(spacing_mm))[None],
        stack.images.shape[2:],
    )
    return stack, labelled_square(coverage[0] >= 127.5)


def search(stack, model):
    return locate(WindowScorer(stack, model.roi_classifier), CascadeProposer(model.detector))


def is_right(rois, square):
    return rois.start == len(rois.kept) // 2 and overlap(rois.squares_mm[rois.start], square) >= 0.5


def cropped(stack, square, away, margin_mm=8):
    """Cut the image off beside the square, on one side, and at 184 mm on the opposite one."""
    images = stack.images
    axis, start = {"top": (2, True), "left": (3, True), "bottom": (2, False), "right": (3, False)}[
        away
    ]
    edge, side = square[axis - 2], square[2]
    if start:
        first = max(0, round(edge - margin_mm))
        part, moved = slice(first, first + 184), first
    else:
        last = min(images.shape[axis], round(edge + side + margin_mm))
        part, moved = slice(max(0, last - 184), last), max(0, last - 184)
    index = [slice(None)] * 4
    index[axis] = part
    truth = square.copy()
    truth[axis - 2] -= moved
    return replace(stack, images=np.ascontiguousarray(images[tuple(index)])), truth


@pytest.mark.parametrize("wall_mm", [15.0, 20.0, 25.0])
def test_thick_walls(model, wall_mm):
    stack, square = heart(edv_ml=90.0, ef_percent=70.0, wall_mm=wall_mm)
    assert is_right(search(stack, model), square)


def test_a_dilated_heart_that_hardly_contracts(model):
    stack, square = heart(edv_ml=280.0, ef_percent=20.0, wall_mm=7.0)
    assert is_right(search(stack, model), square)


def test_an_infants_heart(model):
    """Half as large as the smallest phantom: the square of a cavity 24 mm wide."""
    stack, square = heart(edv_ml=80.0, scale=0.5)
    assert square[2] == 40.0  # the smallest that a label gives
    assert is_right(search(stack, model), square)


@pytest.mark.parametrize("away", ["top", "left", "bottom", "right"])
def test_a_heart_at_the_border_of_the_field(model, away):
    stack, square = heart()
    cut, truth = cropped(stack, square, away)
    assert is_right(search(cut, model), truth)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_study_frozen_at_any_phase_is_refused(model, kept):
    """One image at every phase, with the noise of a new scan."""
    stack, _ = heart(n_phases=3)
    rng = np.random.default_rng(kept)
    images = np.repeat(stack.images[:, kept : kept + 1], 3, axis=1)
    images = images + 0.02 * rng.standard_normal(images.shape, dtype=np.float32)
    with pytest.raises((NoMotionError, RoiNotFoundError)):
        model.predict_working_stack(replace(stack, images=np.clip(images, 0, 1)))
