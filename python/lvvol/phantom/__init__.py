"""Synthetic cardiac cine studies whose volumes are known in closed form, with faults on request."""

from lvvol.phantom.export.files import study_files, write_studies, write_study
from lvvol.phantom.export.layouts import LAYOUTS
from lvvol.phantom.faults import FAULTS, plant
from lvvol.phantom.study import Fault, PhantomStudy, make_phantom
from lvvol.phantom.truth import Reading, Truth

__all__ = [
    "FAULTS",
    "LAYOUTS",
    "Fault",
    "PhantomStudy",
    "Reading",
    "Truth",
    "make_phantom",
    "plant",
    "study_files",
    "write_studies",
    "write_study",
]
