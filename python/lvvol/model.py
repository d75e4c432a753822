"""`Model`: the trained cascade and networks, loaded once to measure many studies."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from lvvol.cascade import Cascade
from lvvol.cine import CineStack
from lvvol.dicom import load_study
from lvvol.errors import CalibrationError, WeightsError
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.ensemble import Segmenter
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE, SECOND_HFCN_FILE, SHIPPED
from lvvol.networks.inference import load_roi_classifier, load_segmenters
from lvvol.pipeline import Classifier, measure, measure_working_stack
from lvvol.prediction import Prediction
from lvvol.roi import DETECTOR_FILE, WINDOW_SIZE, read_detector
from lvvol.roi.phases import N_WINDOW_PHASES
from lvvol.typing import Float32, Progress, StrPath
from lvvol.uncertainty import Calibration, intervals, read_calibration

Device = Literal["auto", "cpu", "cuda"]

CPU_ENGINE = "cpu: core"

CALIBRATIONS = {"none": "calibration_none.json", "dsb2": "calibration_dsb2.json"}
"""Calibrations that ship, by name: no correction of bias, and the volumes that the readers of the
Second Annual Data Science Bowl would have stated."""

NO_CORRECTION = "none"
DEFAULT_LEVEL = 0.9


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """The trained parts of a measurement, ready for inference; see `load_model`.

    A model never changes, so several threads may measure with it at once.

    Parameters
    ----------
    detector : Cascade
        Proposes where the LV may be.
    roi_classifier : callable
        Windows (n, phase, row, column) to the probability that each holds an LV, (n,).
    hfcn : callable
        Patches (n, channel, row, column) to P of each, (n, row, column), and the share that is LV
        cavity, (n,).
    weights : Path
        The folder they were loaded from.
    weights_sha256 : str
        SHA-256 of the files of all networks and the detector.
    calibration : Calibration or None
        What gives measurements their intervals; None where the errors of the weights are not known.
    engine : str
        Device and path of the networks, which results name.
    """

    detector: Cascade
    roi_classifier: Classifier
    hfcn: Segmenter
    weights: Path
    weights_sha256: str
    calibration: Calibration | None = None
    engine: str = CPU_ENGINE

    def __repr__(self) -> str:
        weights = "shipped" if self.weights == SHIPPED else str(self.weights)
        return f"Model(weights={weights!r}, device={self.engine.partition(':')[0]!r})"

    def predict(
        self,
        study: StrPath | CineStack,
        *,
        series: Iterable[str | int] = (),
        study_uid: str | None = None,
        excluded: Iterable[int] = (),
        threads: int = 0,
        progress: Progress | None = None,
        level: float = DEFAULT_LEVEL,
    ) -> Prediction:
        """Measure the left ventricle in one study.

        Parameters
        ----------
        study : str, path-like or CineStack
            A folder, zip or tar of DICOM files, or a stack from `lvvol.load_study`.
        series : iterable of str or int
            Series to use, as in `lvvol.load_study`; not for a `CineStack`, whose series are chosen.
        study_uid : str, optional
            Study Instance UID of the study to use, likewise.
        excluded : iterable of int
            Slices to leave out, from 0: they have no area, the volume between their neighbours is
            that of one cone, and nothing is added beyond new ends. The others stay as they are.
        threads : int
            Largest number of threads; 0 for one per core.
        progress : callable, optional
            Called with the stage (read, resample, roi, segment), the steps done and the number of
            steps.
        level : float
            How often intervals hold the true value; one of the calibration's levels.

        Returns
        -------
        Prediction
            EDV, ESV, EF, the volume of every phase and the evidence.

        Raises
        ------
        LvvolError
            If the study cannot be read or holds no left ventricle; see `lvvol.errors`.
        CalibrationError
            If the calibration has no such level.
        ValueError
            If a study or series are named for a `CineStack`.
        """
        self.check_level(level)
        timings_s: dict[str, float] = {}
        if isinstance(study, CineStack):
            if named := list(series):
                raise ValueError(f"series: expected none for a CineStack, got {named}")
            if study_uid is not None:
                raise ValueError(f"study_uid: expected none for a CineStack, got {study_uid!r}")
            stack = study
        else:
            began = time.perf_counter()
            reading = partial(progress, "read") if progress else None
            stack = load_study(study, series=series, study_uid=study_uid, progress=reading)
            timings_s["read"] = time.perf_counter() - began
        prediction = measure(
            stack,
            self.detector,
            self.roi_classifier,
            self.hfcn,
            excluded=excluded,
            threads=threads,
            progress=progress,
        )
        prediction = self._finished(prediction, level)
        return replace(prediction, timings_s={**timings_s, **prediction.timings_s})

    def predict_working_stack(
        self,
        working: CineStack,
        *,
        threads: int = 0,
        progress: Progress | None = None,
        level: float = DEFAULT_LEVEL,
    ) -> Prediction:
        """Measure a stack that is preprocessed already, such as labelled image pairs.

        Parameters
        ----------
        working : CineStack
            From `lvvol.preprocess.to_working_stack`.
        threads, progress, level
            As in `predict`.

        Returns
        -------
        Prediction
            Of `working`.

        Raises
        ------
        RoiNotFoundError
            If no window looks like a left ventricle.
        CalibrationError
            If the calibration has no such level.
        """
        self.check_level(level)
        prediction = measure_working_stack(
            working,
            self.detector,
            self.roi_classifier,
            self.hfcn,
            threads=threads,
            progress=progress,
        )
        return self._finished(prediction, level)

    def check_level(self, level: float) -> None:
        """Refuse a level of intervals that the calibration does not have, before long work starts.

        Parameters
        ----------
        level : float
            How often intervals shall hold the true value.

        Raises
        ------
        CalibrationError
            If the calibration has no such level.
        """
        if self.calibration and level not in self.calibration.levels:
            known = ", ".join(map(str, self.calibration.levels))
            raise CalibrationError(f"level: expected one of {known}, got {level}")

    def _finished(self, prediction: Prediction, level: float) -> Prediction:
        """Add what the pipeline does not know: the engine, and the intervals."""
        prediction = replace(prediction, engine=self.engine)
        if self.calibration is None:
            return prediction
        return replace(prediction, intervals=intervals(prediction, self.calibration, level))


def load_model(
    weights: StrPath | None = None,
    device: Device = "auto",
    calibration: StrPath = NO_CORRECTION,
) -> Model:
    """Load the cascade and the networks, ready to measure any number of studies.

    Parameters
    ----------
    weights : str or path-like, optional
        Folder of a training run; the shipped weights by default. The detector is trained
        separately, so the shipped one completes a folder without one.
    device : {"auto", "cpu", "cuda"}
        Where the networks compute. ``"auto"`` takes the CPU, as importing torch alone takes longer
        than a study there. ``"cuda"`` takes the first GPU, or fails: nothing falls back to the CPU.
    calibration : str or path-like
        ``"none"``, the default, keeps volumes as they are drawn. ``"dsb2"`` returns those that the
        readers of the Second Annual Data Science Bowl would have stated. A file is one by
        ``lvvol calibrate``. Each knows the errors of certain weights only; with others, ``"none"``
        gives no intervals.

    Returns
    -------
    Model
        Safe to use from several threads at once.

    Raises
    ------
    WeightsError
        If a file is missing or damaged, or its network has the wrong sizes.
    CalibrationError
        If the calibration is missing or damaged, or was fitted for other weights.
    MissingExtraError
        If the segmentation network is the baseline FCN, which runs in torch, without torch; or the
        device is ``"cuda"``, without torch or Triton.
    DeviceError
        If torch can use no GPU, or the networks do not fit in its memory.
    ValueError
        If the device is unknown.

    Examples
    --------
    >>> load_model()
    Model(weights='shipped', device='cpu')
    """
    if device not in get_args(Device):
        raise ValueError(f"device: expected one of {', '.join(get_args(Device))}, got {device!r}")
    folder = SHIPPED if weights is None else Path(weights)
    detector_path, classifier_path, *hfcn_paths = files_of(folder)
    detector = read_detector(detector_path)
    engine, roi_classifier, hfcn = _load_networks(classifier_path, hfcn_paths, device)
    window = np.zeros((1, N_WINDOW_PHASES, WINDOW_SIZE, WINDOW_SIZE), dtype=np.float32)
    patch = np.zeros((1, hfcn.channels, PATCH_SIZE, PATCH_SIZE), dtype=np.float32)
    _check_serves(classifier_path, roi_classifier, window)
    _check_serves(hfcn_paths[-1], hfcn, patch)
    sha256 = hash_weights(folder)
    known = _calibration_for(calibration, sha256)
    return Model(detector, roi_classifier, hfcn, folder, sha256, known, engine)


def predict(
    study: StrPath | CineStack,
    *,
    series: Iterable[str | int] = (),
    study_uid: str | None = None,
    excluded: Iterable[int] = (),
    threads: int = 0,
    progress: Progress | None = None,
    level: float = DEFAULT_LEVEL,
    weights: StrPath | None = None,
    calibration: StrPath = NO_CORRECTION,
    device: Device = "auto",
) -> Prediction:
    """Measure the left ventricle in one study.

    The shipped weights are loaded once and kept. To measure many studies with other weights, use
    `load_model`.

    Parameters
    ----------
    study, series, study_uid, excluded, threads, progress, level
        As in `Model.predict`.
    weights, calibration, device
        As in `load_model`.

    Returns
    -------
    Prediction
        EDV, ESV, EF, the volume of every phase and the evidence.

    Raises
    ------
    LvvolError
        If the study cannot be read or holds no left ventricle, or the weights or the calibration
        cannot be used; see `lvvol.errors`.
    ValueError
        As `Model.predict`.
    """
    # Load first, so bad weights fail before the slow read.
    began = time.perf_counter()
    if weights is None and calibration == NO_CORRECTION and device != "cuda":
        model = _shipped_model()
    else:
        model = load_model(weights, device, calibration)
    loading_s = time.perf_counter() - began
    prediction = model.predict(
        study,
        series=series,
        study_uid=study_uid,
        excluded=excluded,
        threads=threads,
        progress=progress,
        level=level,
    )
    return replace(prediction, timings_s={"load model": loading_s, **prediction.timings_s})


def hash_weights(weights: StrPath | None = None) -> str:
    """Return the SHA-256 of the files of a model, which names it in results.

    Parameters
    ----------
    weights : str or path-like, optional
        As in `load_model`.

    Returns
    -------
    str
        64 hexadecimal digits: the hash of those of detector, ROI classifier and segmentation
        networks, in this order.

    Raises
    ------
    WeightsError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files_of(SHIPPED if weights is None else weights):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def files_of(weights: StrPath) -> list[Path]:
    """Return the files of detector, ROI classifier and one or two segmentation networks.

    Parameters
    ----------
    weights : str or path-like
        Folder of a training run; where it has no detector, that is the shipped one.
    """
    folder = Path(weights)
    trained = folder / DETECTOR_FILE
    # A link that leads nowhere is a damaged file, not a missing one.
    detector = trained if os.path.lexists(trained) else SHIPPED / DETECTOR_FILE
    second = folder / SECOND_HFCN_FILE
    return [
        detector,
        folder / ROI_CLASSIFIER_FILE,
        folder / HFCN_FILE,
        *([second] if os.path.lexists(second) else []),
    ]


@cache
def _shipped_model() -> Model:
    return load_model()


def _load_networks(
    classifier: Path, segmenters: list[Path], device: Device
) -> tuple[str, Classifier, Segmenter]:
    """Load the networks onto a device, and name it and their path."""
    if device == "cuda":
        from lvvol.networks.gpu import load_on_gpu

        gpu, roi_classifier, segmenter = load_on_gpu(classifier, segmenters)
        return str(gpu), roi_classifier, segmenter
    return CPU_ENGINE, load_roi_classifier(classifier), load_segmenters(segmenters)


def _calibration_for(name: StrPath, weights_sha256: str) -> Calibration | None:
    """Return a calibration by its name or file, None where the default does not know the weights.

    Raises
    ------
    CalibrationError
        If it is missing, damaged, or was fitted for other weights.
    """
    shipped = CALIBRATIONS.get(str(name))
    calibration = read_calibration(SHIPPED / shipped if shipped else name)
    try:
        calibration.check_weights(weights_sha256)
    except CalibrationError as error:
        if name == NO_CORRECTION:
            return None
        raise CalibrationError(f"{name}: {error}") from error
    return calibration


def _check_serves(path: Path, network: Callable[..., object], example: Float32) -> None:
    """Refuse a sound network whose windows or patches have other sizes than those cut here."""
    try:
        network(example)
    except ValueError as error:
        raise WeightsError(f"{path}: expected a network for this pipeline, got {error}") from error
