"""Cascades of boosted trees over LBP codes: their files, searching images, and training."""

from lvvol._core import Cascade, CascadeFormatError
from lvvol.cascade.files import cascade_to_xml, read_cascade, write_cascade
from lvvol.cascade.search import detect, group_windows
from lvvol.cascade.training import TrainingStep, train_cascade

__all__ = [
    "Cascade",
    "CascadeFormatError",
    "TrainingStep",
    "cascade_to_xml",
    "detect",
    "group_windows",
    "read_cascade",
    "train_cascade",
    "write_cascade",
]
