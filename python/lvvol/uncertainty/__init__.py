"""From a measurement to its doubt: distributions, intervals and their calibration.

`intervals` is what measuring needs; `fit` makes the calibration that it takes.
"""

from lvvol.uncertainty.calibration import Bias, Calibration
from lvvol.uncertainty.features import Features, features
from lvvol.uncertainty.files import read_calibration, write_calibration
from lvvol.uncertainty.fit import Coverage, Row, Settings, coverage, coverage_left_out, fit
from lvvol.uncertainty.intervals import Intervals, intervals
from lvvol.uncertainty.joint import Joint, Quantity

__all__ = [
    "Bias",
    "Calibration",
    "Coverage",
    "Features",
    "Intervals",
    "Joint",
    "Quantity",
    "Row",
    "Settings",
    "coverage",
    "coverage_left_out",
    "features",
    "fit",
    "intervals",
    "read_calibration",
    "write_calibration",
]
