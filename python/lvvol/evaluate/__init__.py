"""Measuring labelled patients the way `lvvol predict` measures a study."""

from lvvol.evaluate.patients import PatientResult, evaluate, summarise

__all__ = ["PatientResult", "evaluate", "summarise"]
