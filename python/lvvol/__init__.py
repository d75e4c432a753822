"""Left-ventricular volumes and ejection fraction from cardiac cine MRI, straight from DICOM.

>>> import lvvol
>>> print(*lvvol.__all__)  # doctest: +NORMALIZE_WHITESPACE
Cascade CineStack Decision LvvolError Model Prediction Reason Status Survey __version__
cone_volume_ml contour_coverage detect ejection_fraction_percent equalise extract_windows
group_windows load_model load_study plane_map predict propose_windows read_cascade resample
survey_study train_cascade trapezoid_volume_ml write_cascade
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvvol.cascade import (
        Cascade,
        detect,
        group_windows,
        read_cascade,
        train_cascade,
        write_cascade,
    )
    from lvvol.cine import CineStack, Decision
    from lvvol.dicom import load_study, survey_study
    from lvvol.errors import LvvolError
    from lvvol.model import Model, load_model, predict
    from lvvol.planes import contour_coverage, equalise, plane_map, resample
    from lvvol.prediction import Prediction
    from lvvol.status import Reason, Status
    from lvvol.survey import Survey
    from lvvol.volume import cone_volume_ml, ejection_fraction_percent, trapezoid_volume_ml
    from lvvol.windows import extract_windows, propose_windows

    __version__: str

# Loaded on first use: pydicom, OpenCV and torch take seconds that `lvvol --help` should not cost.
_HOMES = {
    "Cascade": "lvvol.cascade",
    "CineStack": "lvvol.cine",
    "Decision": "lvvol.cine",
    "LvvolError": "lvvol.errors",
    "Model": "lvvol.model",
    "Prediction": "lvvol.prediction",
    "Reason": "lvvol.status",
    "Status": "lvvol.status",
    "Survey": "lvvol.survey",
    "cone_volume_ml": "lvvol.volume",
    "contour_coverage": "lvvol.planes",
    "detect": "lvvol.cascade",
    "ejection_fraction_percent": "lvvol.volume",
    "equalise": "lvvol.planes",
    "extract_windows": "lvvol.windows",
    "group_windows": "lvvol.cascade",
    "load_model": "lvvol.model",
    "load_study": "lvvol.dicom",
    "plane_map": "lvvol.planes",
    "predict": "lvvol.model",
    "propose_windows": "lvvol.windows",
    "read_cascade": "lvvol.cascade",
    "resample": "lvvol.planes",
    "survey_study": "lvvol.dicom",
    "train_cascade": "lvvol.cascade",
    "trapezoid_volume_ml": "lvvol.volume",
    "write_cascade": "lvvol.cascade",
}

__all__ = [
    "Cascade",
    "CineStack",
    "Decision",
    "LvvolError",
    "Model",
    "Prediction",
    "Reason",
    "Status",
    "Survey",
    "__version__",
    "cone_volume_ml",
    "contour_coverage",
    "detect",
    "ejection_fraction_percent",
    "equalise",
    "extract_windows",
    "group_windows",
    "load_model",
    "load_study",
    "plane_map",
    "predict",
    "propose_windows",
    "read_cascade",
    "resample",
    "survey_study",
    "train_cascade",
    "trapezoid_volume_ml",
    "write_cascade",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lvvol")
    if name not in _HOMES:
        raise AttributeError(f"module 'lvvol' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *__all__})
