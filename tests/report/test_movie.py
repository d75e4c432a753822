"""The GIF, opened by Pillow."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lvvol.report.movie import TILE, make_movie
from tests.support.discs import ED_RADIUS_MM, ES_PHASE, ES_RADIUS_MM, disc_prediction


def frames_of(prediction):
    """Return the picture of every hundredth of a second; Pillow joins equal frames."""
    with Image.open(io.BytesIO(make_movie(prediction))) as movie:
        frames = []
        for n in range(movie.n_frames):
            movie.seek(n)
            picture = np.asarray(movie.convert("RGB")).astype(int)
            frames += [picture] * (movie.info["duration"] // 10)
        assert movie.info["loop"] == 0
        return frames


def test_every_phase_is_a_frame_and_a_beat_lasts_a_cycle():
    prediction = disc_prediction(n_phases=8)
    stack = replace(prediction.stack, cycles_ms=(800.0,) * 4)
    frames = frames_of(replace(prediction, stack=stack))
    assert len(frames) == 80
    changes = [i for i in range(1, 80) if (frames[i] != frames[i - 1]).any()]
    assert changes == [10, 30, 40]  # ED is the first phase, ES the fourth, all others are alike


@pytest.mark.parametrize(("phase", "radius_mm"), [(0, ED_RADIUS_MM), (ES_PHASE, ES_RADIUS_MM)])
def test_the_contour_is_that_of_its_phase(phase, radius_mm):
    picture = frames_of(disc_prediction())[20 * phase + 10]  # of 1 s, in five phases
    tile = picture[:TILE, :TILE]
    yellow = (tile[..., 0] > 240) & (tile[..., 2] < 100)
    rows = np.flatnonzero(yellow.any(axis=1))
    assert (rows[-1] - rows[0]) * 110 / TILE == pytest.approx(2 * radius_mm, abs=2.5)
