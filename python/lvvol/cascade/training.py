"""Training a cascade by boosting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lvvol import _core
from lvvol._core import Cascade
from lvvol.typing import Float64, UInt8


class TrainingStep(NamedTuple):
    """Progress of `train_cascade`.

    Attributes
    ----------
    stage : int
        The stage being trained, counted from 0.
    trees : int
        Trees of the stage so far; 0 while negatives are drawn.
    hit_rate, false_alarm_rate : float
        Fraction, by weight, of the positives that decide the stage's threshold, and fraction of its
        negatives, that pass the stage so far.
    negatives : int
        Negatives of the stage; while they are drawn, those found so far.
    acceptance : float
        Fraction of all windows of the images that the earlier stages accept; 1 while negatives are
        drawn.
    cascade : Cascade or None
        The cascade so far if this step completed a stage, else None.
    """

    stage: int
    trees: int
    hit_rate: float
    false_alarm_rate: float
    negatives: int
    acceptance: float
    cascade: Cascade | None


def train_cascade(
    positives: UInt8,
    images: Sequence[UInt8],
    *,
    weights: Float64 | None = None,
    squares: Sequence[Float64] | None = None,
    start: Cascade | None = None,
    stages: int = 15,
    min_hit_rate: float = 0.995,
    max_false_alarm_rate: float = 0.5,
    held_out: float = 0.0,
    max_trees: int = 200,
    depth: int = 1,
    weight_trim: float = 0.95,
    negatives: int | None = None,
    fewest_negatives: int | None = None,
    scale_factor: float = 1.1,
    min_size: tuple[int, int] = (0, 0),
    max_size: tuple[int, int] | None = None,
    step: int = 1,
    iou_limit: float = 0.3,
    seed: int = 0,
    threads: int = 0,
    progress: Callable[[TrainingStep], object] | None = None,
) -> Cascade:
    """Train a cascade by gentle AdaBoost, with negatives drawn from whole images.

    Parameters
    ----------
    positives : ndarray of uint8, shape (window, row, column)
        Windows that show the object. Their size, 3 to 1024 rows and columns, becomes the window of
        the cascade.
    images : sequence of ndarray of uint8, shape (row, column)
        Images to draw negatives from, each at least as large as a window.
    weights : ndarray of float64, shape (window,), optional
        Weight of each positive, above 0; by default all are equal.
    squares : sequence of ndarray of float64, shape (square, 3), optional
        For each image, top edge, left edge and side of the objects in it, in pixel-edge
        coordinates: pixel i covers [i, i + 1). A window is not a negative if its intersection with
        one of them over their union exceeds `iou_limit`.
    start : Cascade, optional
        The first stages, from an earlier training with the same arguments. The result is the same
        as if that training had continued.
    stages : int, default 15
        Largest number of stages in all.
    min_hit_rate : float, default 0.995
        Fraction, by weight, of the positives reaching a stage that must pass it.
    max_false_alarm_rate : float, default 0.5
        Trees are added to a stage until at most this fraction of its negatives passes, or it has
        `max_trees`.
    held_out : float, default 0
        Fraction of the positives, drawn anew for each stage, that its trees do not see and that
        alone decide its threshold, so that the hit rate holds for new windows. With 0, all
        positives serve for both, as in opencv_traincascade.
    max_trees : int, default 200
        Largest number of trees in a stage.
    depth : int, default 1
        Largest number of questions that a tree asks of a window, 1 to 6.
    weight_trim : float, default 0.95
        Splits are chosen on the heaviest samples that make up this fraction of the weight.
    negatives : int, optional
        Number of negatives in a stage; by default ten times the positives.
    fewest_negatives : int, optional
        Smallest number of negatives to train a stage with; by default a tenth of `negatives`. The
        cascade ends where fewer remain.
    scale_factor, min_size, max_size, step
        Negatives are drawn from the windows that `detect` tries with these options, by default at
        every pixel. With a `step` of 0, they are tried every 2 pixels at scales below 2 and every
        pixel from there on.
    iou_limit : float, default 0.3
        See `squares`.
    seed : int, default 0
        Seed for the order in which negatives are drawn and positives held out.
    threads : int, default 0
        Largest number of threads, at most 1024; 0 for one per hardware thread. The result is the
        same, bit for bit, for every number.
    progress : callable, optional
        Called with a `TrainingStep` after every tree and stage, and several times while negatives
        are drawn. An exception that it raises ends the training and propagates, as does a keyboard
        interrupt. To be able to resume, keep the last `TrainingStep.cascade` that is not None.

    Returns
    -------
    Cascade
        For `detect`, `write_cascade` and OpenCV 4.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If there are no positives or no images, a window, image, weight, square or option is out of
        its range, `start` has windows of another size, no feature separates the classes, or there
        are fewer windows than `fewest_negatives` for the first stage.

    Notes
    -----
    Friedman, Hastie and Tibshirani, Additive logistic regression (2000): each tree is fitted to
    labels y of +1 and -1 by weighted least squares, and the value of a leaf is sum(w y) / sum(w). A
    split sorts the LBP codes of a feature by mean response and sends a first part of them left; a
    code without samples counts as 0. Positives and negatives have the same total weight. Positives
    that a stage rejects leave the training.

    Memory: one byte per feature and sample (84 MB for 24 x 24 pixels and 9900 samples).

    Examples
    --------
    Learn to find bright spots of 2 x 2 pixels, in windows of 6 x 6:

    >>> import numpy as np
    >>> spots = np.zeros((20, 6, 6), np.uint8)
    >>> spots[:, 2:4, 2:4] = 200
    >>> noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    >>> cascade = train_cascade(spots, [noise], stages=1, negatives=50)
    >>> cascade.window_size, cascade.stage_sizes
    ((6, 6), (1,))
    """
    return _core.train_cascade(
        positives,
        images,
        weights=weights,
        squares=squares,
        start=start,
        stages=stages,
        min_hit_rate=min_hit_rate,
        max_false_alarm_rate=max_false_alarm_rate,
        held_out=held_out,
        max_trees=max_trees,
        depth=depth,
        weight_trim=weight_trim,
        negatives=negatives,
        fewest_negatives=fewest_negatives,
        scale_factor=scale_factor,
        min_size=min_size,
        max_size=max_size,
        step=step,
        iou_limit=iou_limit,
        seed=seed,
        threads=threads,
        progress=None if progress is None else lambda *now: progress(TrainingStep(*now)),
    )
