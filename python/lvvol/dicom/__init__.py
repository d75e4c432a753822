"""DICOM reading: the only package that knows DICOM tags."""

from lvvol.dicom.load import load_study, survey_study

__all__ = ["load_study", "survey_study"]
