"""From a stack to its `Prediction`: the order of the steps, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from lvvol.cascade import Cascade
from lvvol.cine import CineStack
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.ensemble import Segmenter
from lvvol.patches import iterate_patches
from lvvol.prediction import Prediction
from lvvol.preprocess import to_working_stack
from lvvol.quality import check, refuse_empty, refuse_motionless, refuse_small_images
from lvvol.roi import CascadeProposer, HoldsImages, WindowScorer, locate
from lvvol.slice_choice import check_excluded
from lvvol.typing import Float64, Progress

Classifier = Callable[..., Float64]
"""Windows (n, phase, row, column) to the probability that each holds an LV, (n,)."""


def measure(
    stack: CineStack,
    detector: Cascade,
    roi_classifier: Classifier,
    hfcn: Segmenter,
    *,
    excluded: Iterable[int] = (),
    threads: int = 0,
    progress: Progress | None = None,
) -> Prediction:
    """Measure a stack as it was read.

    Parameters
    ----------
    stack : CineStack
        Intensities in the scanner's arbitrary units, any pixel spacing.
    detector, roi_classifier, hfcn
        The cascade and the two networks of a `lvvol.Model`.
    excluded : iterable of int
        Slices that the reader leaves out, from 0. ROIs are searched for in all slices, so that
        those of the others stay what they were.
    threads : int
        Largest number of threads; 0 for one per core.
    progress : callable, optional
        Called with the stage (resample, roi, segment), the steps done and the number of steps.

    Returns
    -------
    Prediction
        Of `stack`, with its reasons to review before those of the checks.

    Raises
    ------
    SlicesError
        If the stack lacks a slice to leave out, or fewer than two are left.
    ImageSizeError
        If the images are too small for a heart.
    DamagedStudyError
        If a grey value is not finite.
    RoiNotFoundError
        If no window looks like a left ventricle, or none holds a cavity.
    NoMotionError
        If the images do not change over the cycle where the ventricle is.
    """
    refuse_small_images(stack)
    excluded = check_excluded(excluded, stack.n_slices)
    report = progress or _silent
    began = time.perf_counter()
    report("resample", 0, 1)
    working = to_working_stack(stack, threads=threads)
    report("resample", 1, 1)
    resampling_s = time.perf_counter() - began
    measured = measure_working_stack(
        working,
        detector,
        roi_classifier,
        hfcn,
        excluded=excluded,
        threads=threads,
        progress=progress,
    )
    timings_s = {"resample": resampling_s, **measured.timings_s}
    return replace(measured, stack=stack, timings_s=timings_s)


def measure_working_stack(
    working: CineStack,
    detector: Cascade,
    roi_classifier: Classifier,
    hfcn: Segmenter,
    *,
    excluded: Iterable[int] = (),
    threads: int = 0,
    progress: Progress | None = None,
) -> Prediction:
    """Measure a stack that is preprocessed already.

    Parameters
    ----------
    working : CineStack
        From `lvvol.preprocess.to_working_stack`.
    detector, roi_classifier, hfcn, excluded, threads, progress
        As in `measure`.

    Returns
    -------
    Prediction
        Of `working`.

    Raises
    ------
    SlicesError
        If the stack lacks a slice to leave out, or fewer than two are left.
    RoiNotFoundError
        If no window looks like a left ventricle, or none holds a cavity.
    NoMotionError
        If the images do not change over the cycle where the ventricle is.
    """
    left_out = check_excluded(excluded, working.n_slices)
    report = progress or _silent
    n_slices, n_phases = working.n_slices, working.n_phases
    clock = _Clock()

    holds = isinstance(roi_classifier, HoldsImages)
    score = roi_classifier if holds else partial(roi_classifier, threads=threads)
    scorer = WindowScorer(working, score, threads)
    proposer = CascadeProposer(detector, threads=threads)
    rois = locate(scorer, proposer, progress=partial(report, "roi"))
    clock.end("roi")

    lv_probability = np.empty((n_slices, n_phases, PATCH_SIZE, PATCH_SIZE), dtype=np.float32)
    fractions = np.empty((n_slices, n_phases))
    patches = iterate_patches(working.images, rois.squares_mm, hfcn.channels, threads=threads)
    for z, of_slice in enumerate(patches):
        lv_probability[z], fractions[z] = hfcn(of_slice, threads=threads)
        report("segment", z + 1, n_slices)
    clock.end("segment")

    areas_mm2 = np.clip(fractions, 0, None) * rois.squares_mm[:, 2:] ** 2
    lv_probability[list(left_out)], areas_mm2[list(left_out)] = 0.0, 0.0
    measured = Prediction(working, rois, lv_probability, areas_mm2, excluded=left_out)
    refuse_empty(measured)
    refuse_motionless(measured)
    reasons = (*working.reasons, *check(measured))
    clock.end("volume")
    return replace(measured, reasons=reasons, timings_s=clock.timings_s)


def _silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


class _Clock:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.timings_s: dict[str, float] = {}
        self._began = time.perf_counter()

    def end(self, stage: str) -> None:
        """End a stage; the next one begins."""
        now = time.perf_counter()
        self.timings_s[stage], self._began = now - self._began, now
