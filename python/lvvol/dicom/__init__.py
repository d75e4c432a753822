"""Reading DICOM: the only place that knows its tags."""

from lvvol.dicom.load import load_study, survey_study

__all__ = ["load_study", "survey_study"]
