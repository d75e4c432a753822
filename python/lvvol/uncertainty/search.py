"""The least value of a function of one number."""

from __future__ import annotations

import math
from collections.abc import Callable

_SHRINK = (math.sqrt(5.0) - 1.0) / 2.0


def golden_section(
    function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-6
) -> float:
    """Return where a function that falls and then rises between two ends is least.

    It stops when the ends are `tolerance` apart. Where the least value is at an end, the result is
    within `tolerance` of it.
    """
    left, right = high - _SHRINK * (high - low), low + _SHRINK * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _SHRINK * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _SHRINK * (high - low)
            at_right = function(right)
    return (low + high) / 2.0
