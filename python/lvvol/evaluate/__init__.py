"""Measuring labelled patients the way `lvvol predict` measures a study."""

from lvvol.datasets import Part
from lvvol.evaluate.patients import PatientResult, evaluate, summarise

__all__ = ["Part", "PatientResult", "evaluate", "summarise"]
