"""From a working stack to the square that holds the LV in each slice."""

from lvvol.roi.classify import WindowScorer
from lvvol.roi.locate import Rois, locate
from lvvol.roi.propose import Proposer, dense_scan

__all__ = ["Proposer", "Rois", "WindowScorer", "dense_scan", "locate"]
