"""From a working stack to the square that holds the LV in each slice."""

from lvvol.roi.beating import Beating
from lvvol.roi.classify import WINDOW_SIZE, HoldsImages, WindowScorer
from lvvol.roi.detect import DETECTOR_FILE, CascadeProposer, read_detector
from lvvol.roi.locate import LOWEST_BEATING, FoundBy, Rois, locate
from lvvol.roi.propose import Proposer, dense_scan

__all__ = [
    "DETECTOR_FILE",
    "LOWEST_BEATING",
    "WINDOW_SIZE",
    "Beating",
    "CascadeProposer",
    "FoundBy",
    "HoldsImages",
    "Proposer",
    "Rois",
    "WindowScorer",
    "dense_scan",
    "locate",
    "read_detector",
]
