"""The normal distribution on arrays, to full precision and without SciPy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lvvol.typing import Float64

_ERFC = np.frompyfunc(math.erfc, 1, 1)


def normal_cdf(z: npt.ArrayLike) -> Float64:
    """Return the probability that a standard normal variable is at most `z`, by element.

    Both tails keep their relative precision. It costs about 0.1 µs an element.
    """
    return np.asarray(0.5 * np.asarray(_ERFC(np.asarray(z) * -math.sqrt(0.5)), np.float64))


def normal_density(z: npt.ArrayLike) -> Float64:
    """Return the density of the standard normal distribution, by element."""
    distance = np.minimum(np.abs(np.asarray(z, np.float64)), 40.0)  # beyond, it is 0
    return np.asarray(np.exp(-0.5 * distance**2) / math.sqrt(2 * math.pi))
