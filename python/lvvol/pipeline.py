"""Study to `Prediction`: the order of the steps, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lvvol import _core
from lvvol.cine import CineStack
from lvvol.dicom import load_study
from lvvol.errors import WeightsError
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE, SHIPPED
from lvvol.networks.inference import load_hfcn, load_roi_classifier
from lvvol.prediction import Prediction
from lvvol.preprocess import PIXEL_MM, to_working_stack
from lvvol.quality import doubts
from lvvol.roi import (
    DETECTOR_FILE,
    CascadeProposer,
    Rois,
    WindowScorer,
    locate,
    read_detector,
)
from lvvol.roi.classify import WINDOW_SIZE
from lvvol.roi.phases import N_WINDOW_PHASES
from lvvol.typing import Float32, Float64, Progress
from lvvol.volume import cone_volume_ml


@dataclass(frozen=True)
class Model:
    """What a measurement needs that was learned, ready for inference."""

    detector: _core.Cascade
    roi_classifier: _core.RoiClassifier
    hfcn: _core.Hfcn


@dataclass(frozen=True)
class Measurement:
    """What the model sees in a working stack.

    Parameters
    ----------
    rois : Rois
        The square of every slice.
    likelihood : ndarray of float32, shape (slice, phase, 48, 48)
        P over each square.
    areas_mm2 : ndarray, shape (slice, phase)
        LV cavity area from O, at least 0 (paper eq. 7).
    volumes_ml : ndarray, shape (phase,)
        Volume at every phase (paper eqs. 3 and 4).
    """

    rois: Rois
    likelihood: Float32
    areas_mm2: Float64
    volumes_ml: Float64

    @property
    def ed_phase(self) -> int:
        """Phase of largest volume."""
        return int(self.volumes_ml.argmax())

    @property
    def es_phase(self) -> int:
        """Phase of smallest volume."""
        return int(self.volumes_ml.argmin())

    @property
    def likelihood_areas_mm2(self) -> Float64:
        """Area where P reaches one half, shape (slice, phase) (paper eq. 1)."""
        shares = (self.likelihood >= 0.5).mean(axis=(2, 3))
        areas: Float64 = shares * self.rois.squares[:, 2:] ** 2
        return areas


def load_model(weights: Path | None = None) -> Model:
    """Load the cascade and the networks and make them ready for inference.

    Parameters
    ----------
    weights : Path, optional
        Folder with the weights of a training run; the shipped ones if left out. The detector is
        trained apart, so a folder without one is completed by the shipped one.

    Raises
    ------
    WeightsError
        If a file is missing, damaged, or holds something else.
    """
    folder = weights or SHIPPED
    trained = folder / DETECTOR_FILE
    # A link that leads nowhere is a damaged file, not one left out.
    detector = read_detector(trained if os.path.lexists(trained) else SHIPPED / DETECTOR_FILE)
    classifier_path, hfcn_path = folder / ROI_CLASSIFIER_FILE, folder / HFCN_FILE
    roi_classifier, hfcn = load_roi_classifier(classifier_path), load_hfcn(hfcn_path)
    window = np.zeros((1, N_WINDOW_PHASES, WINDOW_SIZE, WINDOW_SIZE), dtype=np.float32)
    patch = np.zeros((1, PATCH_SIZE, PATCH_SIZE), dtype=np.float32)
    _check_serves(classifier_path, roi_classifier, window)
    _check_serves(hfcn_path, hfcn, patch)
    return Model(detector, roi_classifier, hfcn)


def _check_serves(path: Path, network: Callable[..., object], example: Float32) -> None:
    """Refuse a sound network that takes other windows or patches than are cut here."""
    try:
        network(example)
    except ValueError as error:
        raise WeightsError(f"{path}: expected a network for this pipeline, got {error}") from error


def measure(
    working: CineStack,
    model: Model,
    *,
    threads: int = 0,
    stage: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Measure a working stack.

    Parameters
    ----------
    working : CineStack
        From `lvvol.preprocess.to_working_stack`.
    model : Model
        From `load_model`.
    threads : int
        Threads of the core; 0 takes every core.
    stage : callable, optional
        Called with the name of each stage as it begins: roi, segment, volume.
    progress : callable, optional
        Called with a stage's name, the slices done and the slices in all.

    Returns
    -------
    Measurement
        Squares, P, areas and volumes of every phase.

    Raises
    ------
    RoiNotFoundError
        If no window looks like a left ventricle.
    """
    begin = stage or (lambda name: None)
    report: Progress = progress or (lambda name, done, total: None)
    n_slices, n_phases = working.n_slices, working.n_phases

    begin("roi")
    scorer = WindowScorer(working, partial(model.roi_classifier, threads=threads), threads)
    detector = CascadeProposer(model.detector, threads=threads)
    rois = locate(scorer, detector, progress=partial(report, "roi"))

    begin("segment")
    likelihood = np.empty((n_slices, n_phases, PATCH_SIZE, PATCH_SIZE), dtype=np.float32)
    fractions = np.empty((n_slices, n_phases))
    for z in range(n_slices):
        patches = _core.extract_windows(
            working.images,
            np.array([z]),
            rois.squares[z : z + 1],
            np.arange(n_phases),
            PATCH_SIZE,
            normalise="mean_std",
            threads=threads,
        )
        likelihood[z], fractions[z] = model.hfcn(patches[0], threads=threads)
        report("segment", z + 1, n_slices)

    begin("volume")
    areas_mm2 = np.clip(fractions, 0, None) * rois.squares[:, 2:] ** 2
    volumes_ml = cone_volume_ml(areas_mm2.T, working.positions_mm)
    return Measurement(rois, likelihood, areas_mm2, volumes_ml)


def predict(
    study: str | Path | CineStack,
    *,
    series: Iterable[str | int] = (),
    weights: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Prediction:
    """Measure the left ventricle in one study.

    Parameters
    ----------
    study : str, Path or CineStack
        A folder, zip or tar of DICOM files, or what `lvvol.load_study` made of it.
    series : iterable of str or int
        Series to use, as in `lvvol.load_study`; none for a `CineStack`, whose series are chosen.
    weights : Path, optional
        Folder with the weights of a training run; the shipped ones if left out.
    threads : int, optional
        Threads to compute with; every core if left out.
    progress : callable, optional
        Called with a stage's name (read, resample, roi, segment), the steps done and the steps
        in all.

    Returns
    -------
    Prediction
        EDV, ESV, EF, every phase's volume and the evidence.

    Raises
    ------
    LvvolError
        If the study cannot be read or holds no left ventricle; see `lvvol.errors`.
    ValueError
        If series are named for a `CineStack`.
    """
    clock = _Clock()
    report: Progress = progress or (lambda name, done, total: None)
    # First, lest weights that are none be told after the study has been read.
    clock.begin("load model")
    model = load_model(weights)
    if isinstance(study, CineStack):
        if named := list(series):
            raise ValueError(f"series: expected none for a CineStack, got {named}")
        stack = study
    else:
        clock.begin("read")
        stack = load_study(study, series=series, progress=partial(report, "read"))
    clock.begin("resample")
    report("resample", 0, 1)
    working = to_working_stack(stack, threads=threads or 0)
    report("resample", 1, 1)
    measured = measure(working, model, threads=threads or 0, stage=clock.begin, progress=progress)
    clock.end()
    return Prediction(
        stack=stack,
        volumes_ml=measured.volumes_ml,
        areas_mm2=measured.areas_mm2,
        squares=measured.rois.squares,
        roi_scores=measured.rois.scores,
        roi_start=measured.rois.start,
        roi_found_by=str(measured.rois.found_by),
        lv_probability=measured.likelihood,
        ed_phase=measured.ed_phase,
        es_phase=measured.es_phase,
        warnings=(
            *stack.warnings,
            *doubts(
                measured.areas_mm2,
                measured.likelihood_areas_mm2,
                measured.volumes_ml,
                measured.rois,
                field_mm=(PIXEL_MM * working.images.shape[2], PIXEL_MM * working.images.shape[3]),
            ),
        ),
        timings_s=clock.timings_s,
    )


class _Clock:
    """Seconds of each stage, in the order they began."""

    def __init__(self) -> None:
        self.timings_s: dict[str, float] = {}
        self._stage, self._since = "", 0.0

    def begin(self, stage: str) -> None:
        """End the stage before and begin one."""
        self.end()
        self._stage, self._since = stage, time.perf_counter()

    def end(self) -> None:
        """End the stage under way, if there is one."""
        if self._stage:
            self.timings_s[self._stage] = time.perf_counter() - self._since
            self._stage = ""
