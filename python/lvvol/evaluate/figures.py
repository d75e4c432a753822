"""Agreement between measurements and labels."""

from __future__ import annotations

from lvvol.evaluate.resampling import Resampling, error_figures, value
from lvvol.typing import Bool, Float64


def dice(measured: Bool, labelled: Bool) -> float:
    """Return the Dice coefficient of two masks of one shape.

    Returns
    -------
    float
        Twice the overlap divided by the sum of both, 0 to 1; NaN where both are empty.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    total = int(measured.sum()) + int(labelled.sum())
    return 2 * int((measured & labelled).sum()) / total if total else float("nan")


def agreement(measured: Float64, labelled: Float64) -> dict[str, float]:
    """Return how measured values differ from labelled ones.

    Parameters
    ----------
    measured, labelled : ndarray, shape (n,)
        Values in one unit.

    Returns
    -------
    dict
        The figures of `lvvol.evaluate.resampling.error_figures`.

    Examples
    --------
    >>> import numpy as np
    >>> agreement(np.array([1.0, 2.0, 6.0]), np.array([1.0, 2.0, 3.0]))["mean_error"]
    1.0
    """
    draws = Resampling(len(measured), n_resamples=0)
    return {name: value(each) for name, each in error_figures(draws, measured, labelled).items()}
