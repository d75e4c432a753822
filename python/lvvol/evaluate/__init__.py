"""Measuring labelled patients the way `lvvol predict` measures a study, and judging others."""

from lvvol.datasets import Part
from lvvol.evaluate.patients import evaluate
from lvvol.evaluate.result import PatientResult
from lvvol.evaluate.summary import summarise

__all__ = ["Part", "PatientResult", "evaluate", "summarise"]
