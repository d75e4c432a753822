"""Ground truth of a phantom: its LV cavity, and the expected result of reading its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lvvol.phantom.scanner.scan import LOCALISER, SHORT_AXIS, Scan
from lvvol.typing import Float64
from lvvol.volume import cone_volume_ml, ejection_fraction_percent

SAME_POSITION_MM = 1e-3


@dataclass(frozen=True)
class Truth:
    """Ground truth of a phantom's LV cavity.

    Parameters
    ----------
    volumes_ml : ndarray of float64, shape (phase,)
        Closed-form volume of the truncated ellipsoid.
    areas_mm2 : ndarray of float64, shape (slice, phase)
        Exact area of the cavity in the middle plane of each slice of the `Reading`.
    slice_volumes_ml : ndarray of float64, shape (phase,)
        Volume of truncated cones between those areas (Eq. 3), the best estimate from slices.
    apex_mm : float
        Position of the epicardial apex on the LV's axis, in the coordinate of the slice positions.
    base_mm : ndarray of float64, shape (phase,)
        Position at which the axis crosses the basal plane.
    """

    volumes_ml: Float64
    areas_mm2: Float64
    slice_volumes_ml: Float64
    apex_mm: float
    base_mm: Float64

    @property
    def ed_phase(self) -> int:
        """Phase of largest volume."""
        return int(np.argmax(self.volumes_ml))

    @property
    def es_phase(self) -> int:
        """Phase of smallest volume."""
        return int(np.argmin(self.volumes_ml))

    @property
    def edv_ml(self) -> float:
        """End-diastolic volume."""
        return float(self.volumes_ml[self.ed_phase])

    @property
    def esv_ml(self) -> float:
        """End-systolic volume."""
        return float(self.volumes_ml[self.es_phase])

    @property
    def ef_percent(self) -> float:
        """Ejection fraction."""
        return float(ejection_fraction_percent(self.edv_ml, self.esv_ml))

    def to_dict(self) -> dict[str, Any]:
        """Return the truth as plain numbers and lists, ready for JSON."""
        return {
            "edv_ml": self.edv_ml,
            "esv_ml": self.esv_ml,
            "ef_percent": self.ef_percent,
            "ed_phase": self.ed_phase,
            "es_phase": self.es_phase,
            "volumes_ml": {
                "exact": self.volumes_ml.tolist(),
                "slices": self.slice_volumes_ml.tolist(),
            },
            "areas_mm2": self.areas_mm2.tolist(),
            "apex_mm": self.apex_mm,
            "base_mm": self.base_mm.tolist(),
        }


@dataclass(frozen=True)
class Reading:
    """Expected result of reading a study's files.

    Parameters
    ----------
    slices : tuple of Scan
        The scan to use at each position, from apex to base.
    positions_mm : ndarray of float64, shape (slice,)
        Position of each slice along the normal, which points to the base, in patient coordinates.
    n_phases : int
        Phases of the stack. A slice with fewer readable phases is filled from its others.
    shape : (int, int)
        Rows and columns of the grid that most slices share.
    pixel_mm : float
        Width of its square pixels.
    unused : tuple of (Scan, str)
        All other scans, with the reason.
    """

    slices: tuple[Scan, ...]
    positions_mm: Float64
    n_phases: int
    shape: tuple[int, int]
    pixel_mm: float
    unused: tuple[tuple[Scan, str], ...]


def right_reading(scans: Sequence[Scan]) -> Reading:
    """Choose the scans that make up the stack.

    Parameters
    ----------
    scans : sequence of Scan
        All scans of a study, at least one of them short-axis.

    Returns
    -------
    Reading
        At each position the last complete scan is used, else the last with the most phases.
    """
    unused = [(scan, "long axis") for scan in scans if scan.view not in (SHORT_AXIS, LOCALISER)]
    unused += [(scan, "one phase only") for scan in scans if scan.view == LOCALISER]
    unused += [(scan, "far from the stack") for scan in scans if scan.off_stack]
    stack = [scan for scan in scans if scan.view == SHORT_AXIS and not scan.off_stack]
    normal = stack[0].plane.affine[:3, 2]
    places: list[tuple[float, list[Scan]]] = []
    for scan in sorted(stack, key=lambda scan: float(scan.plane.affine[:3, 3] @ normal)):
        position = float(scan.plane.affine[:3, 3] @ normal)
        if not places or position - places[-1][0] > SAME_POSITION_MM:
            places.append((position, []))
        places[-1][1].append(scan)
    slices = []
    for _, rivals in places:
        best = max(rivals, key=lambda scan: (len(scan.readable), scan.acquired_s))
        slices.append(best)
        for loser in rivals:
            if loser is not best:
                fewer = len(loser.readable) < len(best.readable)
                unused.append((loser, "incomplete" if fewer else "acquired again later"))
    (shape, pixel_mm), _ = Counter((s.plane.shape, s.plane.pixel_mm) for s in slices).most_common(
        1
    )[0]
    return Reading(
        slices=tuple(slices),
        positions_mm=np.array([position for position, _ in places]),
        n_phases=max(scan.n_phases for scan in slices),
        shape=shape,
        pixel_mm=pixel_mm,
        unused=tuple(unused),
    )


def true_volumes(reading: Reading) -> Truth:
    """Compute areas and volumes of the LV in the slices of a reading."""
    subject = reading.slices[0].subject
    phases = subject.heart.phases
    levels_mm = np.array([subject.level_mm(scan.plane) for scan in reading.slices])
    areas_mm2 = np.stack([lv.cavity.area_mm2(levels_mm) for lv in phases], axis=1)
    apex_mm = float(reading.positions_mm[0] - levels_mm[0])
    return Truth(
        volumes_ml=np.array([lv.cavity.volume_ml for lv in phases]),
        areas_mm2=areas_mm2,
        slice_volumes_ml=cone_volume_ml(areas_mm2.T, reading.positions_mm),
        apex_mm=apex_mm,
        base_mm=np.array([apex_mm + lv.cavity.base_mm for lv in phases]),
    )
