"""From a working stack to the square that holds the LV in each slice."""

from lvvol.roi.classify import WINDOW_SIZE, WindowScorer
from lvvol.roi.detect import DETECTOR_FILE, CascadeProposer, read_detector
from lvvol.roi.locate import FoundBy, Rois, locate
from lvvol.roi.propose import Proposer, dense_scan

__all__ = [
    "DETECTOR_FILE",
    "WINDOW_SIZE",
    "CascadeProposer",
    "FoundBy",
    "Proposer",
    "Rois",
    "WindowScorer",
    "dense_scan",
    "locate",
    "read_detector",
]
