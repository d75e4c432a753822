"""`_core.train_cascade` against NumPy: rates, which windows are drawn, and what ends training."""

from __future__ import annotations

import _thread
import signal
import threading

import numpy as np
import pytest

from lvvol import _core
from lvvol.cascade import cascade_to_xml, read_cascade, train_cascade
from tests.support.plain_cascade import (
    SIDE,
    clutter,
    discs,
    parse,
    passing,
    stage_scores,
    windows_of,
)


def train(positives=None, images=None, **options):
    """Train on discs; return the cascade and the steps that ended a stage."""
    done = []

    def progress(step):
        if step.cascade is not None:
            done.append(step)

    positives = discs(150) if positives is None else positives
    images = clutter(12, (40, 50)) if images is None else images
    settings = {"stages": 4, "negatives": 600, "fewest_negatives": 20, **options}
    cascade = train_cascade(positives, images, progress=progress, **settings)
    return cascade, done


def test_rates_told_are_those_of_numpy():
    positives = discs(200, noise=60)
    weights = np.random.default_rng(3).uniform(0.2, 3, 200)
    images = clutter(8, (30, 34), noise=60)
    # Factor 4 leaves one scale, and so many negatives are asked for that all are drawn.
    cascade, done = train(
        positives, images, weights=weights, scale_factor=4.0, negatives=100_000, stages=5
    )
    windows = windows_of(images)
    hits, alarms = passing(cascade, positives), passing(cascade, windows)
    assert [s.stage for s in done] == list(range(len(hits)))
    assert len(done) == 5
    before = np.ones(200, bool)
    alarms_before = np.ones(len(windows), bool)
    for step, hit, alarm in zip(done, hits, alarms, strict=True):
        assert step.negatives == alarms_before.sum()
        assert step.acceptance == pytest.approx(alarms_before.mean())
        assert step.hit_rate == pytest.approx(weights[hit].sum() / weights[before].sum())
        assert step.hit_rate >= 0.995
        assert step.false_alarm_rate == pytest.approx(alarm.sum() / alarms_before.sum())
        assert step.false_alarm_rate <= 0.5
        before, alarms_before = hit, alarm
    assert [s.trees for s in done] == list(cascade.stage_sizes)


def test_threshold_is_the_highest_that_keeps_the_hit_rate():
    positives = discs(100, noise=60)
    cascade, done = train(positives, stages=1, min_hit_rate=0.97, max_false_alarm_rate=0.2)
    features, (stage,) = parse(cascade)
    scores = np.sort(stage_scores(stage, features, positives))
    assert stage[0] == pytest.approx(scores[3])
    assert done[0].hit_rate == pytest.approx(np.mean(scores >= scores[3]))


def test_the_hit_rate_of_positives_held_out_is_that_of_new_windows():
    positives, new = discs(300, noise=60), discs(2000, seed=99, noise=60)
    options = {"positives": positives, "stages": 1, "min_hit_rate": 0.9, "negatives": 3000,
               "max_false_alarm_rate": 0.01, "images": clutter(12, (40, 50), noise=60)}  # fmt: skip
    plain, (reported,) = train(**options)
    honest, (honestly_told,) = train(**options, held_out=0.4)
    # Of 120 held out, 12 may fail: one standard deviation of the rate is 2.7 percent.
    assert honestly_told.hit_rate == pytest.approx(0.9, abs=0.03)
    assert passing(honest, new).mean() == pytest.approx(honestly_told.hit_rate, abs=0.07)
    assert passing(plain, new).mean() < reported.hit_rate - 0.07
    # The threshold is the score of one of the 120 of the whole.
    features, (stage,) = parse(honest)
    assert np.isclose(stage_scores(stage, features, positives), stage[0], atol=1e-5).any()


def test_windows_drawn_are_those_that_detection_tells():
    images = clutter(5, (60, 44))
    cascade, done = train(images=images, negatives=1_000_000, scale_factor=1.2, stages=3)
    for step, after in zip(done[1:], done, strict=False):
        found = [
            _core.detect(i, after.cascade, scale_factor=1.2, min_neighbors=0, step=1)[0]
            for i in images
        ]
        assert step.negatives == sum(map(len, found))
    assert cascade == done[-1].cascade


@pytest.mark.parametrize("limit", [0.0, 0.3, 1.0])
def test_windows_over_a_square_are_not_drawn(limit):
    image = clutter(1, (30, 34))[0]
    square = np.array([[5.0, 4.5, 13.0]])
    rows, columns = np.mgrid[:19, :23].astype(float)
    down = np.minimum(rows + 12, 18.0) - np.maximum(rows, 5.0)
    across = np.minimum(columns + 12, 17.5) - np.maximum(columns, 4.5)
    shared = np.maximum(down, 0) * np.maximum(across, 0)
    free = shared / (144 + 169 - shared) <= limit
    _, (step,) = train(
        images=[image, image], squares=[square, np.empty((0, 3))], iou_limit=limit, stages=1,
        scale_factor=4.0, negatives=5000,
    )  # fmt: skip
    assert step.negatives == free.sum() + 19 * 23
    assert step.acceptance == 1


def test_fewer_than_asked_are_a_fair_sample():
    images = clutter(30, (60, 60))
    cascade, done = train(images=images, negatives=400, scale_factor=8.0, stages=3)
    windows = windows_of(images)
    shares = passing(cascade, windows).mean(axis=1)
    for step, share in zip(done[1:], shares, strict=False):
        assert step.negatives == 400
        # 400 of a binomial: 5 percent is one standard deviation.
        assert step.acceptance == pytest.approx(share, rel=0.2)


def test_sizes_limit_the_scales():
    image = clutter(1, (48, 48))[0]
    options = {"images": [image], "scale_factor": 2.0, "negatives": 10**6, "stages": 1}
    for sizes, windows in [
        ({}, 37**2 + 13**2 + 1),
        ({"min_size": (20, 20)}, 13**2 + 1),
        ({"min_size": (20, 20), "max_size": (30, 30)}, 13**2),
        ({"step": 4}, 10**2 + 4**2 + 1),
    ]:
        _, (step,) = train(**options, **sizes)
        assert step.negatives == windows


def test_ends_where_too_few_windows_are_left():
    cascade, done = train(stages=30, negatives=2000, fewest_negatives=500)
    assert 1 <= len(cascade.stage_sizes) == len(done) < 30
    assert all(step.negatives >= 500 for step in done)


def test_a_stage_ends_at_its_most_trees():
    cascade, done = train(stages=2, max_trees=2, max_false_alarm_rate=1e-6)
    assert cascade.stage_sizes == (2, 2)
    assert done[0].false_alarm_rate > 1e-6


def test_what_is_learned_holds_for_what_is_new():
    cascade, _ = train(discs(1500), clutter(40, (60, 60)), stages=6, negatives=3000)
    assert passing(cascade, discs(400, seed=77))[-1].mean() > 0.9
    assert passing(cascade, windows_of(clutter(10, (60, 60), seed=78)))[-1].mean() < 0.01


# Reproducible, resumed, interrupted


@pytest.mark.parametrize("depth", [1, 3])
def test_threads_change_nothing_and_seeds_do(depth):
    one, reported = train(threads=1, depth=depth, held_out=0.2)
    four, told_four = train(threads=4, depth=depth, held_out=0.2)
    assert one == four
    assert [(s.negatives, s.acceptance) for s in reported] == [
        (s.negatives, s.acceptance) for s in told_four
    ]
    assert one != train(threads=1, depth=depth, held_out=0.2, seed=1)[0]


@pytest.mark.parametrize(("stages", "held_out"), [(1, 0.0), (3, 0.0), (2, 0.3)])
def test_resumed_is_as_if_never_stopped(stages, held_out):
    whole, reported = train(held_out=held_out)
    part = read_cascade(cascade_to_xml(reported[stages - 1].cascade))
    rest, reported_rest = train(start=part, held_out=held_out)
    assert rest == whole
    for a, b in zip(reported[stages:], reported_rest, strict=True):
        assert (a.stage, a.trees, a.hit_rate, a.false_alarm_rate, a.negatives, a.acceptance) == (
            b.stage, b.trees, b.hit_rate, b.false_alarm_rate, b.negatives, b.acceptance,
        )  # fmt: skip


def test_a_whole_cascade_is_returned_as_it_is():
    whole, _ = train(stages=2)
    again, reported = train(stages=2, start=whole)
    assert again == whole
    assert reported == []


def test_what_progress_throws_ends_training():
    seen = []

    def stop(step):
        seen.append(step)
        if step.stage == 1 and step.trees == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_cascade(discs(100), clutter(5, (40, 40)), stages=3, progress=stop)
    assert [s.trees for s in seen if s.stage == 0 and s.cascade is None] == list(
        range(seen[-1].stage * (max(s.trees for s in seen if s.stage == 0) + 1))
    )
    assert [len(s.cascade.stage_sizes) for s in seen if s.cascade is not None] == [1]


@pytest.fixture
def interruptible():
    """Let an interrupt raise, also in a process started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_training_without_progress():
    # Every positive has its twin among the negatives, so no number of trees suffices.
    rng = np.random.default_rng(0)
    twins = rng.integers(0, 256, (300, 24, 24), np.uint8)
    ended = threading.Event()

    def interrupt():
        if not ended.wait(0.3):
            _thread.interrupt_main()

    timer = threading.Thread(target=interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            _core.train_cascade(
                twins, list(twins), weights=rng.uniform(0.1, 10, 300), max_trees=10_000,
                min_hit_rate=1.0, negatives=300, stages=1, threads=1,
            )  # fmt: skip
    finally:
        ended.set()
        timer.join()


# Bad input

GOOD = {
    "positives": discs(20),
    "images": clutter(2, (40, 40)),
    "stages": 1,
}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"positives": np.empty((0, SIDE, SIDE), np.uint8)}, "positives: .*at least one"),
        ({"positives": np.zeros((5, 2, 12), np.uint8)}, "positives: .*2 x 12"),
        ({"positives": np.zeros((5, 12), np.uint8)}, "positives"),
        ({"positives": np.zeros((5, 12, 24), np.uint8)[:, :, ::2]}, "positives: .*contiguous"),
        ({"images": []}, "images: .*none"),
        ({"images": [np.zeros((40, 40), np.uint8), np.zeros((11, 40), np.uint8)]}, "image 1 of 11"),
        ({"images": [np.zeros((40, 40, 3), np.uint8)]}, r"images\[0\]"),
        ({"weights": np.ones(19)}, "weights: expected one per positive, 20, got 19"),
        ({"weights": np.r_[np.ones(19), np.nan]}, "weights: .*nan"),
        ({"weights": np.r_[np.ones(19), np.inf]}, "weights: .*inf"),
        ({"weights": np.zeros(20)}, "weights: .*above 0"),
        ({"squares": [np.zeros((1, 3))]}, "squares: .*2, got 1"),
        ({"squares": [np.zeros((1, 3))] * 2}, "squares: .*above 0"),
        ({"squares": [np.full((1, 3), np.nan)] * 2}, "squares: .*finite"),
        ({"squares": [np.zeros((1, 4))] * 2}, r"squares\[0\]"),
        ({"squares": [np.array([[0.0, 0, 40]])] * 2, "iou_limit": 0.0}, "images: .*not positive"),
        ({"stages": 0}, "stages"),
        ({"stages": -1}, "stages"),
        ({"min_hit_rate": 0.0}, "min_hit_rate"),
        ({"min_hit_rate": np.nan}, "min_hit_rate"),
        ({"max_false_alarm_rate": 1.0}, "max_false_alarm_rate"),
        ({"max_trees": 0}, "max_trees"),
        ({"depth": 0}, "depth"),
        ({"depth": 9}, "depth"),
        ({"weight_trim": 0.0}, "weight_trim"),
        ({"weight_trim": np.nan}, "weight_trim"),
        ({"held_out": 1.0}, "held_out"),
        ({"held_out": np.nan}, "held_out"),
        ({"negatives": 0}, "negatives"),
        ({"negatives": 10, "fewest_negatives": 11}, "fewest_negatives"),
        ({"negatives": 10**7}, "images: expected at least 1000000 windows, got"),
        ({"scale_factor": 1.0}, "scale_factor"),
        ({"scale_factor": np.nan}, "scale_factor"),
        ({"step": -1}, "step"),
        ({"iou_limit": -0.1}, "iou_limit"),
        ({"iou_limit": np.nan}, "iou_limit"),
        ({"threads": 5000}, "threads"),
        ({"positives": np.zeros((5, 12, 12), np.uint8), "images": [np.zeros((40, 40), np.uint8)]},
         "no feature|some feature"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        _core.train_cascade(**{**GOOD, **bad})


def test_a_cascade_of_another_size_cannot_be_gone_on_with():
    start, _ = train(stages=1)
    with pytest.raises(ValueError, match=r"start: expected windows of 15 x 15 pixels, got 12 x 12"):
        train(discs(30, 15), stages=2, start=start)


@pytest.mark.parametrize("name", ["positives", "images", "weights", "squares"])
def test_other_types_are_not_converted(name):
    bad = {
        "positives": GOOD["positives"].astype(np.float32),
        "images": [i.astype(np.int16) for i in GOOD["images"]],
        "weights": np.ones(20, np.float32),
        "squares": [np.zeros((0, 3), np.float32)] * 2,
    }
    with pytest.raises(TypeError, match=name):
        _core.train_cascade(**{**GOOD, name: bad[name]})
