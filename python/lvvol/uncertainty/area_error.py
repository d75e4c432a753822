"""The paper's error model: from errors of areas to a standard deviation of the volume."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvvol.typing import Float64
from lvvol.uncertainty.crps import gaussian_crps_ml
from lvvol.uncertainty.search import golden_section
from lvvol.volume import MM3_PER_ML

HALF_WINDOW = 0.05
"""Predicted shares this near count as equal (Liao et al. 2017, section IV)."""

FEWEST_IN_WINDOW = 10
"""Fewer samples give no variance; the nearest window with as many stands in."""

SMALLEST_SHARE = 0.02
"""Share of the ROI below which slopes no longer grow: at 0 that of eq. 3 is infinite."""

N_SHARES = 51
"""Shares at which variances are kept: 0, 0.02, ..., 1."""

SHARES = np.linspace(0.0, 1.0, N_SHARES)
SHARES.setflags(write=False)


def windowed_variances(
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    half_window: float = HALF_WINDOW,
    fewest: int = FEWEST_IN_WINDOW,
) -> Float64:
    """Return the variance of true shares whose predicted share is near given ones.

    Parameters
    ----------
    predicted, true : array_like, shape (sample,)
        Share of the ROI that is LV cavity, of slices that the network has not been trained on.
    at : array_like, shape (n,)
        Predicted shares to look around.
    half_window : float
        Half the width of the window, above 0; the window includes its ends.
    fewest : int
        Samples that a window needs, at least 2. Where `at` has fewer around it, the nearest of
        the other values of `at` that has enough stands in.

    Returns
    -------
    ndarray of float64, shape (n,)
        Unbiased variances, without unit.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, or no window holds enough samples.

    Notes
    -----
    Var F of Liao et al. 2017, section IV: of true areas about their own mean, not about the
    predicted area. A bias of the network is thus no part of it.

    Examples
    --------
    >>> at_these = windowed_variances([0.3, 0.32, 0.7], [0.2, 0.4, 0.9], [0.3, 0.6], fewest=2)
    >>> at_these.round(6).tolist()
    [0.02, 0.02]
    """
    predicted, true, at = (np.asarray(values, np.float64) for values in (predicted, true, at))
    if predicted.ndim != 1 or predicted.shape != true.shape or at.ndim != 1:
        raise ValueError(
            f"predicted, true: expected the same shape (sample,), got {predicted.shape} "
            f"and {true.shape}"
        )
    if not all(np.isfinite(values).all() for values in (predicted, true, at)):
        raise ValueError("predicted, true, at: expected finite numbers")
    if half_window <= 0 or fewest < 2:
        raise ValueError(
            f"half_window, fewest: expected above 0 and at least 2, got {half_window} and {fewest}"
        )
    # A share on the edge of the window is in it, whatever its last digit.
    near = np.abs(predicted - at[:, None]) <= half_window * (1 + 1e-9)
    enough = np.flatnonzero(near.sum(axis=1) >= fewest)
    if not enough.size:
        raise ValueError(f"predicted: expected at least {fewest} samples in some window, got fewer")
    variances = np.array([true[near[i]].var(ddof=1) for i in enough])
    nearest = np.abs(at[:, None] - at[enough]).argmin(axis=1)
    return np.asarray(variances[nearest])


@dataclass(frozen=True)
class AreaError:
    """Variance of the true share of an ROI, by predicted share and phase.

    Parameters
    ----------
    ed_variances, es_variances : tuple of float
        Variances at ED and at ES where the predicted share is 0, 0.02, ..., 1; at least 0.

    Raises
    ------
    ValueError
        If there are not 51 of each, or one is negative or not finite.
    """

    ed_variances: tuple[float, ...]
    es_variances: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("ed_variances", "es_variances"):
            values = getattr(self, name)
            if len(values) != N_SHARES or not all(0 <= value < math.inf for value in values):
                raise ValueError(
                    f"{name}: expected {N_SHARES} finite numbers of at least 0, got {list(values)}"
                )

    @classmethod
    def flat(cls, deviation: float = 0.03) -> AreaError:
        """Return the model in which every share has the same standard deviation."""
        variances = (deviation**2,) * N_SHARES
        return cls(variances, variances)

    @classmethod
    def fit(
        cls,
        ed_predicted: npt.ArrayLike,
        ed_true: npt.ArrayLike,
        es_predicted: npt.ArrayLike,
        es_true: npt.ArrayLike,
    ) -> AreaError:
        """Fit the model to slices that the network has not been trained on.

        Parameters
        ----------
        ed_predicted, ed_true, es_predicted, es_true : array_like, shape (sample,)
            Predicted and true shares of slices at ED and at ES.

        Returns
        -------
        AreaError
            With the variances of `windowed_variances`.

        Raises
        ------
        ValueError
            As `windowed_variances`.
        """
        ed = windowed_variances(ed_predicted, ed_true, SHARES)
        es = windowed_variances(es_predicted, es_true, SHARES)
        return cls(tuple(ed.tolist()), tuple(es.tolist()))

    def ed_sigma_ml(self, shares: npt.ArrayLike, slopes_ml: npt.ArrayLike) -> float:
        """Return the root of Var V at ED; see `volume_sigma_ml`."""
        return volume_sigma_ml(shares, slopes_ml, self.ed_variances)

    def es_sigma_ml(self, shares: npt.ArrayLike, slopes_ml: npt.ArrayLike) -> float:
        """Return the root of Var V at ES; see `volume_sigma_ml`."""
        return volume_sigma_ml(shares, slopes_ml, self.es_variances)


def volume_sigma_ml(
    shares: npt.ArrayLike, slopes_ml: npt.ArrayLike, variances: npt.ArrayLike
) -> float:
    """Return the standard deviation of a volume whose slices err independently.

    Parameters
    ----------
    shares : array_like, shape (slice,)
        F, the predicted share of each ROI.
    slopes_ml : array_like, shape (slice,)
        alpha, mL per unit of share; see `share_slopes_ml`.
    variances : array_like, shape (51,)
        Var F where F is 0, 0.02, ..., 1; linear between them, and constant outside.

    Returns
    -------
    float
        sqrt(Var V), in mL. The paper's sigma is this times the root of beta (`fit_beta`).

    Notes
    -----
    Var V = sum over slices of alpha^2 Var F (Liao et al. 2017, section IV).
    """
    of_slices = np.interp(np.asarray(shares, np.float64), SHARES, np.asarray(variances, np.float64))
    return float(np.sqrt(np.square(slopes_ml) @ of_slices))


def share_slopes_ml(
    shares: npt.ArrayLike, sides_mm: npt.ArrayLike, positions_mm: npt.ArrayLike
) -> Float64:
    """Return how much the volume grows with the share of each slice's ROI.

    Parameters
    ----------
    shares : array_like, shape (slice,)
        F, the share of each ROI that is LV cavity, at least 0.
    sides_mm : array_like, shape (slice,)
        Side of each ROI, above 0.
    positions_mm : array_like, shape (slice,)
        Position of each slice along the normal, increasing.

    Returns
    -------
    ndarray of float64, shape (slice,)
        alpha, mL per unit of share; 0 for a single slice.

    Raises
    ------
    ValueError
        If shapes disagree, a share is negative or NaN, a side is not above 0, or positions do not
        increase.

    Notes
    -----
    The derivative of eqs. 3 and 4 of Liao et al. 2017. With S = F L^2, a slice of area S beside one
    of area S' at a distance h has a slope of L^2 h (1 + sqrt(S' / S) / 2) / 3. Since eq. 3 grows in
    proportion to its areas, the sum of alpha F over slices is the volume itself, as in section IV.

    The slope is infinite at S = 0, where a small error never has that effect. Shares below 0.02
    therefore count as 0.02 in the denominator.

    Examples
    --------
    A prism of 0.5 of a square of 100 mm, 20 mm long, holds 100 mL.

    >>> slopes_ml = share_slopes_ml([0.5, 0.5, 0.5], [100.0] * 3, [0.0, 10.0, 20.0])
    >>> slopes_ml.tolist(), float(slopes_ml @ [0.5, 0.5, 0.5])
    ([50.0, 100.0, 50.0], 100.0)
    """
    shares, sides, positions = (np.asarray(a, np.float64) for a in (shares, sides_mm, positions_mm))
    if shares.ndim != 1 or not shares.shape == sides.shape == positions.shape:
        raise ValueError(
            "shares, sides_mm, positions_mm: expected the same shape (slice,), got "
            f"{shares.shape}, {sides.shape} and {positions.shape}"
        )
    if not (shares >= 0).all():
        raise ValueError(f"shares: expected at least 0, got {shares.tolist()}")
    if not (sides > 0).all():
        raise ValueError(f"sides_mm: expected above 0, got {sides.tolist()}")
    gaps_mm = np.diff(positions)
    if not (gaps_mm > 0).all():
        raise ValueError(f"positions_mm: expected increasing, got {positions.tolist()}")
    roots = np.sqrt(shares) * sides
    floors = np.sqrt(np.maximum(shares, SMALLEST_SHARE)) * sides
    slopes = np.zeros_like(shares)
    slopes[:-1] += gaps_mm * (1 + roots[1:] / floors[:-1] / 2)
    slopes[1:] += gaps_mm * (1 + roots[:-1] / floors[1:] / 2)
    return np.asarray(slopes * sides**2 / (3 * MM3_PER_ML))


def fit_beta(sigmas_ml: npt.ArrayLike, measured_ml: npt.ArrayLike, true_ml: npt.ArrayLike) -> float:
    """Return the factor on Var V that scores best; the paper picked 0.5.

    Parameters
    ----------
    sigmas_ml : array_like, shape (study,)
        The root of Var V of each study, above 0.
    measured_ml, true_ml : array_like, shape (study,)
        Measured and true volumes of studies that the network has not been trained on.

    Returns
    -------
    float
        beta, 1e-4 to 1e4.

    Raises
    ------
    ValueError
        If shapes disagree, there is no study, a number is not finite, or a deviation is not
        above 0.

    Notes
    -----
    Minimises the mean of `gaussian_crps_ml`, to which the convention of H(n) does not matter.

    Examples
    --------
    Errors of 8 and -8 mL where 16 was claimed: the best claim, abs(error) / sqrt(ln 2), is 9.61.

    >>> round(fit_beta([16.0, 16.0], [108.0, 92.0], [100.0, 100.0]), 4)  # 0.25 / ln 2
    0.3607
    """
    sigmas, measured, true = (np.asarray(a, np.float64) for a in (sigmas_ml, measured_ml, true_ml))
    if not sigmas.shape == measured.shape == true.shape or sigmas.ndim != 1 or not sigmas.size:
        raise ValueError(
            "sigmas_ml, measured_ml, true_ml: expected the same shape (study,), got "
            f"{sigmas.shape}, {measured.shape} and {true.shape}"
        )
    if not all(np.isfinite(a).all() for a in (sigmas, measured, true)) or not (sigmas > 0).all():
        raise ValueError("sigmas_ml, measured_ml, true_ml: expected finite numbers, sigmas above 0")

    def score(log_factor: float) -> float:
        return float(gaussian_crps_ml(measured, sigmas * math.exp(log_factor), true).mean())

    limit = math.log(100.0)
    return math.exp(2.0 * golden_section(score, -limit, limit))
