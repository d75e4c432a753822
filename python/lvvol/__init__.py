"""Left-ventricular volumes and ejection fraction from cardiac cine MRI, straight from DICOM.

>>> import lvvol
>>> sorted(lvvol.__all__)  # doctest: +NORMALIZE_WHITESPACE
['CineStack', 'LvvolError', 'Prediction', 'Survey', '__version__', 'load_study', 'predict',
 'read_cascade', 'survey_study']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvvol.cascade import read_cascade
    from lvvol.cine import CineStack
    from lvvol.dicom import load_study, survey_study
    from lvvol.errors import LvvolError
    from lvvol.pipeline import predict
    from lvvol.prediction import Prediction
    from lvvol.survey import Survey

    __version__: str

# Loaded on first use: pydicom, OpenCV and torch take seconds that `lvvol --help` should not cost.
_HOMES = {
    "CineStack": "lvvol.cine",
    "LvvolError": "lvvol.errors",
    "Prediction": "lvvol.prediction",
    "Survey": "lvvol.survey",
    "load_study": "lvvol.dicom",
    "predict": "lvvol.pipeline",
    "read_cascade": "lvvol.cascade",
    "survey_study": "lvvol.dicom",
}

__all__ = [
    "CineStack",
    "LvvolError",
    "Prediction",
    "Survey",
    "__version__",
    "load_study",
    "predict",
    "read_cascade",
    "survey_study",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lvvol")
    if name not in _HOMES:
        raise AttributeError(f"module 'lvvol' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *__all__})
