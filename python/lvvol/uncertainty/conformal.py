"""Split-conformal scaling: intervals that cover as often as they say.

A model claims an interval around each value, perhaps wider to one side. The score of a study is how
far its true value lies from the measured one, in claimed half-widths. Of studies that the model was
not fitted to, the right quantile of the scores is the factor by which all claims are scaled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Claim(NamedTuple):
    """An interval around a value, as a model claims it.

    Parameters
    ----------
    value : float
        What is printed.
    low, high : float
        The interval, which holds the value.
    """

    value: float
    low: float
    high: float

    def score(self, truth: float) -> float:
        """Return the distance of a true value in half-widths of its side: at most 1 inside.

        Infinite where the true value lies on a side of no width.
        """
        distance = truth - self.value
        width = self.high - self.value if distance > 0 else self.value - self.low
        if distance == 0:
            return 0.0
        return abs(distance) / width if width > 0 else math.inf

    def scaled(self, scale: float) -> tuple[float, float]:
        """Return the interval with both half-widths multiplied; it holds what scores up to that."""
        return (
            self.value - scale * (self.value - self.low),
            self.value + scale * (self.high - self.value),
        )


def conformal_quantile(scores: npt.ArrayLike, level: float) -> float:
    """Return the score that a further study stays below with the given probability, or more.

    Parameters
    ----------
    scores : array_like, shape (study,)
        Scores of studies that the model was not fitted to; not NaN.
    level : float
        The probability, above 0 and below 1.

    Returns
    -------
    float
        The score of rank k = ceil((n + 1) level); infinite where that exceeds n, the number of
        studies: for 90 % it takes nine.

    Raises
    ------
    ValueError
        If `level` is out of range, or scores are of another shape or NaN.

    Notes
    -----
    If the further study and the others could change places, it scores at most this with a
    probability of k / (n + 1), whatever the distribution, and of at least that where scores may be
    equal (Vovk, Gammerman and Shafer 2005; Lei et al. 2018, theorem 2).

    Examples
    --------
    >>> conformal_quantile([0.1, 0.4, 0.2, 0.9], 0.5)  # of five, the third
    0.4
    >>> conformal_quantile([0.1, 0.4, 0.2, 0.9], 0.9)
    inf
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected above 0 and below 1, got {level}")
    values = np.sort(np.asarray(scores, np.float64))
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError(f"scores: expected shape (study,) without NaN, got {values.shape}")
    # 100 x 0.55 is 55.00000000000001, of which the rank is 55.
    rank = math.ceil((len(values) + 1) * level - 1e-9)
    return float(values[rank - 1]) if rank <= len(values) else math.inf
