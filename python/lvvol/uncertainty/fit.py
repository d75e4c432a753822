"""Calibrations from labelled studies, and what they are worth on studies left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np

from lvvol.errors import CalibrationError
from lvvol.typing import Float64
from lvvol.uncertainty.area_error import AreaError
from lvvol.uncertainty.calibration import Bias, Calibration
from lvvol.uncertainty.conformal import conformal_quantile
from lvvol.uncertainty.crps import competition_crps, gaussian_cdf
from lvvol.uncertainty.features import Features
from lvvol.uncertainty.joint import Quantity, truths
from lvvol.uncertainty.regression import Loss, fit_volume
from lvvol.uncertainty.sigma import STARTING_COEFFICIENTS, Phase, SigmaModel, terms_of

LEVELS = (0.5, 0.8, 0.9)
"""Levels that intervals have where nothing else is asked for."""

PRIOR_PATIENTS = 10.0
"""How many patients the starting point of a fit counts as."""

STARTING_CORRELATION = 0.4
"""Correlation of the errors that a fit without a calibration to start from shrinks towards."""

_MOST_FOLDS = 20

_SMALLEST_SCALE = 0.01
"""Intervals never shrink to nothing, whatever luck the labelled studies had."""


@dataclass(frozen=True)
class Row:
    """One labelled patient.

    Parameters
    ----------
    features : Features
        Of a measurement by weights that have not seen the patient.
    edv_ml, esv_ml : float
        True volumes: EDV above 0, ESV from 0 to EDV.

    Raises
    ------
    ValueError
        If a volume is out of its range.
    """

    features: Features
    edv_ml: float
    esv_ml: float

    def __post_init__(self) -> None:
        if not 0 < self.edv_ml < math.inf or not 0 <= self.esv_ml <= self.edv_ml:
            raise ValueError(
                "edv_ml, esv_ml: expected EDV above 0 and ESV from 0 to EDV, "
                f"got {self.edv_ml} and {self.esv_ml}"
            )


@dataclass(frozen=True)
class Settings:
    """How calibrations are fitted.

    Parameters
    ----------
    source : str
        Name of the source; see `Calibration`.
    weights_sha256 : str
        SHA-256 of the weights that measured the studies.
    prior : Calibration, optional
        What the fit shrinks towards, with its levels and variances of areas. Without one it is no
        bias, and a standard deviation that grows with the volume.
    prior_patients : float
        How many patients the prior counts as, above 0.
    levels : tuple of float
        Levels of the intervals, where there is no prior; each above 0 and below 1.
    area_error : AreaError, optional
        Variances of areas, where there is no prior; by default all are equal.
    loss : {"crps", "likelihood"}
        What is minimised; see `lvvol.uncertainty.regression`.
    fix_bias : bool
        Keep the biases of the prior, or none: volumes stay as drawn, and standard deviations hold
        the readers' habits too.

    Raises
    ------
    CalibrationError
        If the prior was fitted for other weights.
    ValueError
        If a number is out of its range.
    """

    source: str
    weights_sha256: str
    prior: Calibration | None = None
    prior_patients: float = PRIOR_PATIENTS
    levels: tuple[float, ...] = LEVELS
    area_error: AreaError | None = None
    loss: Loss = "crps"
    fix_bias: bool = False

    def __post_init__(self) -> None:
        if self.prior:
            self.prior.check_weights(self.weights_sha256)
        if not 0 < self.prior_patients < math.inf:
            raise ValueError(f"prior_patients: expected above 0, got {self.prior_patients}")
        if not self.levels or not all(0 < level < 1 for level in self.levels):
            raise ValueError(f"levels: expected above 0 and below 1, got {self.levels}")
        if self.loss not in ("crps", "likelihood"):
            raise ValueError(f"loss: expected 'crps' or 'likelihood', got {self.loss!r}")

    @property
    def start(self) -> Calibration:
        """What the fit shrinks towards."""
        if self.prior:
            return self.prior
        sigma = SigmaModel(STARTING_COEFFICIENTS)
        return Calibration(
            source=self.source,
            weights_sha256=self.weights_sha256,
            n_patients=1,
            edv_bias=Bias(),
            esv_bias=Bias(),
            edv_sigma=sigma,
            esv_sigma=sigma,
            correlation=STARTING_CORRELATION,
            scales={level: dict.fromkeys(Quantity, 1.0) for level in self.levels},
            area_error=self.area_error or AreaError.flat(),
        )


@dataclass(frozen=True)
class Coverage:
    """How well calibrations did on patients that they were not fitted to.

    Parameters
    ----------
    n_patients : int
        Number of patients.
    covered : mapping of float to mapping of Quantity to int
        For each level, in how many the interval of each quantity held the true value.
    mean_width : mapping of float to mapping of Quantity to float
        Mean width of the intervals, in mL or points of EF.
    crps : float
        Mean of the competition's score over EDV and ESV of all patients (Liao et al. 2017, eq. 9).
    """

    n_patients: int
    covered: Mapping[float, Mapping[Quantity, int]]
    mean_width: Mapping[float, Mapping[Quantity, float]]
    crps: float


def fit(rows: Sequence[Row], settings: Settings) -> Calibration:
    """Fit a calibration to labelled studies.

    Parameters
    ----------
    rows : sequence of Row
        One for each patient; their order does not matter.
    settings : Settings
        How to fit, and what to start from.

    Returns
    -------
    Calibration
        Biases and standard deviations of the least loss with the prior; the correlation of the
        errors; and for each level and quantity the conformal quantile of the scores of patients
        left out of the fit, one of at most twenty groups at a time.

    Raises
    ------
    CalibrationError
        If there are too few patients for the highest level, and no prior to take its scale from.
    ValueError
        If larger measured volumes do not go with larger true ones.

    Notes
    -----
    With a prior that counts as p patients, the logarithm of each scale, like the correlation, is
    the mean of the rows' own, weighted by their number n, and the prior's, weighted by p; where n
    is too small for a level, the prior's scale stays.

    Scores come from fits to slightly fewer patients than the calibration itself, so that the
    promise of `conformal_quantile` is nearly, not exactly, kept; `coverage_left_out` counts.
    """
    rows = sorted(rows, key=_sort_key)
    start = settings.start
    levels = start.levels
    fewest = math.ceil(max(levels) / (1.0 - max(levels)) - 1e-9)
    if len(rows) < (1 if settings.prior else fewest):
        raise CalibrationError(
            f"patients: expected at least {1 if settings.prior else fewest} to fit intervals of "
            f"{100 * max(levels):g} %, got {len(rows)}"
        )
    fitted = _without_scales(rows, settings)
    scores: dict[float, dict[Quantity, list[float]]] = {
        level: {quantity: [] for quantity in Quantity} for level in levels
    }
    for kept, left_out in _folds(rows, _MOST_FOLDS):
        by_kept = _without_scales(kept, settings) if kept else start
        for row in left_out:
            true = truths(row.edv_ml, row.esv_ml)
            claims = by_kept.joint(row.features).claims(levels)
            for level, of_level in zip(levels, claims, strict=True):
                for quantity, claim in of_level.items():
                    scores[level][quantity].append(claim.score(true[quantity]))
    scales = {
        level: {
            quantity: _scale(values, level, start.scales[level][quantity], settings)
            for quantity, values in of_level.items()
        }
        for level, of_level in scores.items()
    }
    return replace(fitted, scales=scales)


def coverage(rows: Sequence[Row], calibration: Calibration) -> Coverage:
    """Count how a calibration does on patients that it was not fitted to.

    Parameters
    ----------
    rows : sequence of Row
        At least one patient.
    calibration : Calibration
        Fitted to others.

    Returns
    -------
    Coverage
        Its figures.

    Raises
    ------
    ValueError
        If there is no patient.
    """
    return _coverage([(row, calibration) for row in rows])


def coverage_left_out(
    rows: Sequence[Row], settings: Settings, n_folds: int | None = None
) -> Coverage:
    """Leave out one group of patients after another, fit to the others, and count how it does.

    Parameters
    ----------
    rows : sequence of Row
        At least two patients; their order does not matter.
    settings : Settings
        How to fit.
    n_folds : int, optional
        Number of groups, at least 2; by default each patient alone. A fit takes
        about 1 s for 350 patients, and 0.15 s for 20.

    Returns
    -------
    Coverage
        Figures of all patients, none of whom was in the fit that judged him.

    Raises
    ------
    CalibrationError, ValueError
        As `fit`, which gets fewer patients than `rows` has.
    """
    rows = sorted(rows, key=_sort_key)
    judged = []
    for kept, left_out in _folds(rows, n_folds or len(rows)):
        calibration = fit(kept, settings)
        judged += [(row, calibration) for row in left_out]
    return _coverage(judged)


def _without_scales(rows: Sequence[Row], settings: Settings) -> Calibration:
    """Return the fit with the scales of its start."""
    start = settings.start
    n = len(rows)
    edv = _fit_phase(rows, "ed", settings)
    esv = _fit_phase(rows, "es", settings)
    # Of errors about 0: a mean that is left over belongs to them.
    norms = float(np.linalg.norm(edv.errors) * np.linalg.norm(esv.errors))
    own = float(edv.errors @ esv.errors) / norms if norms > 0 else start.correlation
    weight = n / (n + settings.prior_patients)
    return Calibration(
        source=settings.source,
        weights_sha256=settings.weights_sha256,
        n_patients=n,
        edv_bias=edv.bias,
        esv_bias=esv.bias,
        edv_sigma=edv.sigma,
        esv_sigma=esv.sigma,
        correlation=weight * own + (1.0 - weight) * start.correlation,
        scales=start.scales,
        area_error=start.area_error,
    )


class _OfPhase(NamedTuple):
    bias: Bias
    sigma: SigmaModel
    errors: Float64
    """In standard deviations."""


def _fit_phase(rows: Sequence[Row], phase: Phase, settings: Settings) -> _OfPhase:
    start = settings.start
    at_ed = phase == "ed"
    measured_ml = np.array(
        [(row.features.ed if at_ed else row.features.es).volume_ml for row in rows]
    )
    true_ml = np.array([row.edv_ml if at_ed else row.esv_ml for row in rows])
    terms = np.array([terms_of(row.features, phase, start.area_error) for row in rows])
    bias, sigma = fit_volume(
        measured_ml,
        true_ml,
        terms,
        start.edv_bias if at_ed else start.esv_bias,
        start.edv_sigma if at_ed else start.esv_sigma,
        settings.prior_patients,
        settings.loss,
        fix_bias=settings.fix_bias,
    )
    errors_ml = true_ml - bias.offset_ml - bias.slope * measured_ml
    return _OfPhase(bias, sigma, errors_ml / sigma.sigma_ml(terms))


def _scale(scores: list[float], level: float, of_start: float, settings: Settings) -> float:
    """Return the scale of one level and quantity, between the rows' own and the prior's."""
    own = max(conformal_quantile(scores, level), _SMALLEST_SCALE)
    if settings.prior is None:
        if not math.isfinite(own):
            raise CalibrationError(
                f"patients: expected intervals that can hold the true values at {100 * level:g} %, "
                "got true values that no interval holds"
            )
        return own
    if not math.isfinite(own):
        return of_start
    weight = len(scores) / (len(scores) + settings.prior_patients)
    return math.exp(weight * math.log(own) + (1.0 - weight) * math.log(of_start))


def _folds(rows: Sequence[Row], most: int) -> Iterator[tuple[list[Row], list[Row]]]:
    """Yield the rows without a group, and the group; all groups span the rows' order."""
    count = min(len(rows), most)
    for fold in range(count):
        yield (
            [row for i, row in enumerate(rows) if i % count != fold],
            [row for i, row in enumerate(rows) if i % count == fold],
        )


def _coverage(judged: Sequence[tuple[Row, Calibration]]) -> Coverage:
    if not judged:
        raise ValueError("rows: expected at least one patient, got none")
    levels = judged[0][1].levels
    covered = {level: dict.fromkeys(Quantity, 0) for level in levels}
    width = {level: dict.fromkeys(Quantity, 0.0) for level in levels}
    scores = []
    for row, calibration in judged:
        true = truths(row.edv_ml, row.esv_ml)
        joint = calibration.joint(row.features)
        for level, ends in zip(levels, calibration.ends(joint, levels), strict=True):
            for quantity, (low, high) in ends.items():
                covered[level][quantity] += low <= true[quantity] <= high
                width[level][quantity] += (high - low) / len(judged)
        cdfs = gaussian_cdf([joint.edv_ml, joint.esv_ml], [joint.edv_sigma_ml, joint.esv_sigma_ml])
        scores.append(float(competition_crps(cdfs, [row.edv_ml, row.esv_ml]).mean()))
    return Coverage(len(judged), covered, width, float(np.mean(scores)))


def _sort_key(row: Row) -> tuple[object, ...]:
    """Order by size, so that every fold has small and large hearts, and then by all there is."""
    return (row.edv_ml, row.esv_ml, astuple(row.features))
