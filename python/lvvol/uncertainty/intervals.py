"""From a measurement and a calibration to volumes with intervals."""

from __future__ import annotations

from dataclasses import dataclass

from lvvol.typing import Float64
from lvvol.uncertainty.calibration import Calibration
from lvvol.uncertainty.crps import gaussian_cdf
from lvvol.uncertainty.features import Measurement, features
from lvvol.uncertainty.joint import Joint, Quantity
from lvvol.volume import ejection_fraction_percent

Interval = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """Calibrated volumes of one study and the intervals around them.

    Parameters
    ----------
    source : str
        Name of the calibration.
    level : float
        How often such intervals hold the true value, of each quantity by itself.
    joint : Joint
        The distribution over EDV and ESV.
    edv_interval_ml, esv_interval_ml, sv_interval_ml : (float, float)
        Lower and upper end, at least 0; they hold the calibrated value.
    ef_interval_percent : (float, float)
        Likewise, within 0 to 100.
    """

    source: str
    level: float
    joint: Joint
    edv_interval_ml: Interval
    esv_interval_ml: Interval
    sv_interval_ml: Interval
    ef_interval_percent: Interval

    @property
    def edv_ml(self) -> float:
        """Calibrated end-diastolic volume."""
        return self.joint.edv_ml

    @property
    def esv_ml(self) -> float:
        """Calibrated end-systolic volume."""
        return self.joint.esv_ml

    @property
    def sv_ml(self) -> float:
        """Calibrated stroke volume."""
        return self.joint.edv_ml - self.joint.esv_ml

    @property
    def ef_percent(self) -> float:
        """Calibrated ejection fraction."""
        return float(ejection_fraction_percent(self.joint.edv_ml, self.joint.esv_ml))

    def distribution(self) -> Float64:
        """Return P(n) for n = 0 to 599 mL of EDV and of ESV, shape (2, 600) (eq. 9)."""
        joint = self.joint
        return gaussian_cdf([joint.edv_ml, joint.esv_ml], [joint.edv_sigma_ml, joint.esv_sigma_ml])


def intervals(prediction: Measurement, calibration: Calibration, level: float = 0.9) -> Intervals:
    """Return the calibrated volumes of a measurement, with intervals.

    Parameters
    ----------
    prediction : Measurement
        A `lvvol.Prediction`, by the weights that the calibration was fitted for; see
        `Calibration.check_weights`.
    calibration : Calibration
        From labelled studies of the readers whose volumes are wanted.
    level : float
        One of ``calibration.levels``.

    Returns
    -------
    Intervals
        In about 1 ms, and the same at every call.

    Raises
    ------
    ValueError
        If the calibration has no such level.
    """
    joint = calibration.joint(features(prediction))
    (ends,) = calibration.ends(joint, (level,))
    return Intervals(
        source=calibration.source,
        level=level,
        joint=joint,
        edv_interval_ml=ends[Quantity.EDV],
        esv_interval_ml=ends[Quantity.ESV],
        sv_interval_ml=ends[Quantity.SV],
        ef_interval_percent=ends[Quantity.EF],
    )
