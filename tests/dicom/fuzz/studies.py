"""Base studies of the fuzz test: real ones if available, and synthetic ones in every format."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.support.studies import DOWN, NORMAL, RIGHT, SPACING_MM, Study, pixels_of

N_SLICES, N_PHASES = 4, 3


@dataclass(frozen=True, eq=False)
class Base:
    """A small valid study.

    Parameters
    ----------
    name : str
        Name of the study.
    files : dict of str to bytes
        File contents by name.
    slices : tuple of tuple of str
        Files of each slice in temporal order; a single entry if one file has all images.
    """

    name: str
    files: dict[str, bytes]
    slices: tuple[tuple[str, ...], ...]


def real(name: str, folder: Path, pattern: str) -> Base:
    """Take four neighbouring slices at three phases from a real study, bytes unchanged."""
    planes: dict[tuple[float, ...], list[tuple[float, Path]]] = {}
    normal = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted(folder.rglob(pattern)):
            header = pydicom.dcmread(path, stop_before_pixels=True)
            cosines = np.array(header.ImageOrientationPatient, dtype=float)
            normal = np.cross(cosines[:3], cosines[3:]) if normal is None else normal
            place = tuple(float(v) for v in header.ImagePositionPatient)
            planes.setdefault(place, []).append((float(header.TriggerTime), path))
    assert normal is not None
    n_images = min(map(len, planes.values()))  # repeated slices have more
    single = sorted((p for p in planes if len(planes[p]) == n_images), key=lambda p: normal @ p)
    middle = len(single) // 2
    slices, files = [], {}
    for z, place in enumerate(single[middle - 2 : middle + 2]):
        images = sorted(planes[place])
        names = []
        for t, index in enumerate((0, n_images // 3, 2 * n_images // 3)):
            names.append(f"{z}/{t}.dcm")
            files[names[-1]] = images[index][1].read_bytes()
        slices.append(tuple(names))
    return Base(name, files, tuple(slices))


def _written(name: str, write: Callable[[Study], tuple[tuple[str, ...], ...]]) -> Base:
    """Write a synthetic study and return its bytes, reproducibly."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(folder))
        study.uids = {"StudyInstanceUID": "1.2.3.1", "FrameOfReferenceUID": "1.2.3.2"}
        study.series = {number: f"1.2.3.4.{number}" for number in range(10)}
        slices = write(study)
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
        }
    return Base(name, files, slices)


def _image(study: Study, z: int, t: int, pixels: np.ndarray, **tags: object) -> Dataset:
    return study.dataset(
        pixels,
        **{
            "SOPInstanceUID": f"1.2.3.5.{z}.{t}",
            "ImagePositionPatient": (np.array([10.0, 20.0, 30.0]) + 8.0 * z * NORMAL).tolist(),
            "TriggerTime": 40.0 * t,
            "InstanceNumber": 10 * z + t,
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            "NominalInterval": 120,
            "AcquisitionTime": f"10000{z}",
            "SpecificCharacterSet": "ISO_IR 100",
            "PatientName": "Muster^Änne",
            **tags,
        },
    )


def _classic(syntax: str, compressed: bool) -> Callable[[Study], tuple[tuple[str, ...], ...]]:
    """Return a function that writes one file per image in a transfer syntax."""

    def write(study: Study) -> tuple[tuple[str, ...], ...]:
        # JPEG 2000 needs enough pixels for its levels.
        shape = (64, 48) if compressed else (24, 20)
        for z in range(N_SLICES):
            for t in range(N_PHASES):
                pixels = pixels_of(z, t, *shape)
                if syntax == ExplicitVRBigEndian:
                    image = _image(study, z, t, pixels)
                    image.PixelData = pixels.astype(">u2").tobytes()
                else:
                    image = _image(study, z, t, pixels)
                path = study.save(image, f"{z}{t}", "" if compressed else syntax)
                if compressed:
                    image = pydicom.dcmread(path)
                    image.compress(syntax, generate_instance_uid=False)
                    image.save_as(path)
        return tuple(tuple(f"{z}{t}" for t in range(N_PHASES)) for z in range(N_SLICES))

    return write


def _jpeg_ls(study: Study) -> tuple[tuple[str, ...], ...]:
    """Write the same JPEG-LS codestream, of a test file of pydicom, into every image.

    Phases differ by their rescale intercept: a stack in which nothing changes is refused.
    """
    example = pydicom.dcmread(str(get_testdata_file("MR_small_jpeg_ls_lossless.dcm")))
    for z in range(N_SLICES):
        for t in range(N_PHASES):
            image = _image(study, z, t, np.zeros((64, 64), np.int16))
            image.RescaleSlope, image.RescaleIntercept = 1, 10 * t
            image.PixelData = example.PixelData
            image["PixelData"].VR = "OB"
            image["PixelData"].is_undefined_length = True
            study.save(image, f"{z}{t}", JPEGLSLossless)
    return tuple(tuple(f"{z}{t}" for t in range(N_PHASES)) for z in range(N_SLICES))


def _with_other_views(study: Study) -> tuple[tuple[str, ...], ...]:
    """Write a stack, a long-axis view, a shifted slice of another size and a non-DICOM file."""
    slices = _classic(ExplicitVRLittleEndian, compressed=False)(study)
    for t in range(N_PHASES):
        long_axis = {"ImageOrientationPatient": [*RIGHT, *NORMAL], "SeriesNumber": 2}
        study.save(_image(study, 8, t, pixels_of(1, t), **long_axis), f"2ch/{t}")
        shifted = {"ImagePositionPatient": (8.0 * 4 * NORMAL + [12, 16, 32]).tolist()}
        wide = pixels_of(2, t, 24, 28)
        study.save(_image(study, 4, t, wide, SeriesNumber=3, **shifted), f"wide/{t}")
        turned = {
            "ImageOrientationPatient": [*DOWN, *-RIGHT],
            "ImagePositionPatient": (8.0 * 5 * NORMAL + [10, 20, 30] + 20 * RIGHT).tolist(),
        }
        study.save(_image(study, 5, t, pixels_of(1, t), SeriesNumber=4, **turned), f"turned/{t}")
    (study.folder / "notes.txt").write_text("foreign " * 50)
    others = tuple(tuple(f"{v}/{t}" for t in range(N_PHASES)) for v in ("wide", "turned"))
    return (*slices, *others)


def _enhanced(study: Study) -> tuple[tuple[str, ...], ...]:
    """Write one enhanced file with all slices and phases."""
    frames = [(z, t) for t in range(N_PHASES) for z in range(N_SLICES)]
    image = study.dataset(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1",
        SOPInstanceUID="1.2.3.5",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        TriggerTime=None,
        NumberOfFrames=len(frames),
    )
    image.PixelData = np.stack([pixels_of(z, t) for z, t in frames]).tobytes()

    def macro(**values: object) -> Sequence:
        item = Dataset()
        item.update(values)
        return Sequence([item])

    shared = Dataset()
    shared.PixelMeasuresSequence = macro(PixelSpacing=list(SPACING_MM), SliceThickness=6.0)
    shared.PlaneOrientationSequence = macro(ImageOrientationPatient=[*RIGHT, *DOWN])
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for z, t in frames:
        item = Dataset()
        item.PlanePositionSequence = macro(ImagePositionPatient=(z * 8.0 * NORMAL).tolist())
        item.CardiacSynchronizationSequence = macro(NominalCardiacTriggerDelayTime=40.0 * t)
        groups.append(item)
    image.PerFrameFunctionalGroupsSequence = Sequence(groups)
    study.save(image, "enhanced")
    return (("enhanced",),)


SYNTHETIC: dict[str, Callable[[Study], tuple[tuple[str, ...], ...]]] = {
    "explicit": _classic(ExplicitVRLittleEndian, compressed=False),
    "implicit": _classic(ImplicitVRLittleEndian, compressed=False),
    "big-endian": _classic(ExplicitVRBigEndian, compressed=False),
    "deflated": _classic(DeflatedExplicitVRLittleEndian, compressed=False),
    "rle": _classic(RLELossless, compressed=True),
    "jpeg-2000": _classic(JPEG2000Lossless, compressed=True),
    "jpeg-ls": _jpeg_ls,
    "other-views": _with_other_views,
    "enhanced": _enhanced,
}
# Folder of each real study, and the files of its short-axis stack.
REAL = {
    "dsb2": ("dsb2_dicom/1", "sax_*/*.dcm"),
    "sunnybrook-101": ("sunnybrook/SCD_IMAGES_01/SCD0000101", "*.dcm"),
    "sunnybrook-301": ("sunnybrook/SCD_IMAGES_01/SCD0000301", "*.dcm"),
}


@lru_cache
def base_of(name: str, data: Path | None) -> Base:
    """Return a base study by name; real ones are read from `data`."""
    if name in SYNTHETIC:
        return _written(name, SYNTHETIC[name])
    if data is None:
        raise ValueError(f"{name} needs the real studies: give their folder with --data")
    folder, pattern = REAL[name]
    return real(name, data / folder, pattern)
