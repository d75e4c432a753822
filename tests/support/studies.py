"""Small synthetic studies, written with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 24, 20
SPACING_MM = (1.5, 1.25)
# A double-oblique plane with exact unit vectors; its normal, right x down, is
# (-2, 2, 1) / 3, from apex to base as in most patients.
RIGHT = np.array([2.0, 1.0, 2.0]) / 3
DOWN = np.array([1.0, 2.0, -2.0]) / 3
NORMAL = np.array([-2.0, 2.0, 1.0]) / 3


def pixels_of(slice_index: int, phase: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Pixels that differ by slice, phase, row and column."""
    r, c = np.mgrid[:rows, :columns]
    return (2000 * slice_index + 100 * phase + 4 * r + c).astype(np.uint16)


class Study:
    """Writes the files of a study; any tag can be overridden, or left out by None."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.uids = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
        self.series: dict[int, str] = {}

    def dataset(self, pixels: np.ndarray | None = None, **tags: Any) -> Dataset:
        """An MR image; `pixels` default to those of slice 0, phase 0."""
        pixels = pixels_of(0, 0) if pixels is None else pixels
        number = tags.get("SeriesNumber", 1)
        ds = Dataset()
        values: dict[str, Any] = {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
            "SOPInstanceUID": generate_uid(),
            "Modality": "MR",
            "PatientID": "P",
            **self.uids,
            "SeriesInstanceUID": self.series.setdefault(number or 0, generate_uid()),
            "SeriesNumber": number,
            "InstanceNumber": self.count + 1,
            "ImagePositionPatient": [0.0, 0.0, 0.0],
            "ImageOrientationPatient": [*RIGHT, *DOWN],
            "PixelSpacing": list(SPACING_MM),
            "TriggerTime": 0.0,
            "Rows": pixels.shape[0],
            "Columns": pixels.shape[1],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": int(pixels.dtype.kind == "i"),
            **tags,
        }
        with pydicom.config.disable_value_validation():
            for keyword, value in values.items():
                if value is not None:
                    setattr(ds, keyword, value)
        ds.PixelData = pixels.tobytes()
        ds["PixelData"].VR = "OW"
        return ds

    def save(self, ds: Dataset, name: str | None = None, syntax: str = "") -> Path:
        """Write one file."""
        self.count += 1
        path = self.folder / (name or f"{self.count:04d}.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not hasattr(ds, "file_meta"):
            ds.file_meta = FileMetaDataset()
            ds.file_meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
        ds.save_as(path, enforce_file_format=True)
        return path

    def slice(
        self,
        index: float,
        n_phases: int = 6,
        gap_mm: float = 8.0,
        step_ms: float = 40.0,
        acquired: str | None = None,
        mark: int | None = None,
        offset_mm: tuple[float, float, float] = (0, 0, 0),
        without: tuple[int, ...] = (),
        folder: str = "",
        **tags: Any,
    ) -> list[Path]:
        """Write the phases of one slice, `index` gaps along the normal."""
        position = np.array([10.0, 20.0, 30.0]) + index * gap_mm * NORMAL + offset_mm
        mark = int(index) if mark is None else mark
        shape = {k: tags.pop(k) for k in ("rows", "columns") if k in tags}
        return [
            self.save(
                self.dataset(
                    pixels_of(mark, phase, **shape),
                    **{
                        "ImagePositionPatient": position.tolist(),
                        "TriggerTime": phase * step_ms,
                        "AcquisitionTime": acquired,
                        **tags,
                    },
                ),
                f"{folder}{self.count:04d}.dcm",
            )
            for phase in range(n_phases)
            if phase not in without
        ]


def macro(**values: Any) -> Sequence:
    """Return a functional group with one item."""
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


def good_study(folder: Path) -> Study:
    """Write four slices of four phases, which form a stack but show no heart."""
    folder.mkdir(parents=True, exist_ok=True)
    study = Study(folder)
    for z in range(4):
        study.slice(z, n_phases=4)
    return study


def enhanced(study: Study, n_slices: int = 4, n_phases: int = 5) -> Dataset:
    """Return an enhanced dataset with all slices and phases, in arbitrary order."""
    frames = [(z, t) for t in range(n_phases) for z in reversed(range(n_slices))]
    ds = study.dataset(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1",
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        TriggerTime=None,
        NumberOfFrames=len(frames),
    )
    ds.PixelData = np.stack([pixels_of(z, t) for z, t in frames]).tobytes()

    shared = Dataset()
    shared.PixelMeasuresSequence = macro(PixelSpacing=list(SPACING_MM), SliceThickness=6.0)
    shared.PlaneOrientationSequence = macro(ImageOrientationPatient=[*RIGHT, *DOWN])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    per_frame = []
    for z, t in frames:
        item = Dataset()
        item.PlanePositionSequence = macro(ImagePositionPatient=(z * 8.0 * NORMAL).tolist())
        item.CardiacSynchronizationSequence = macro(NominalCardiacTriggerDelayTime=40.0 * t)
        item.PixelValueTransformationSequence = macro(RescaleSlope=2.0, RescaleIntercept=z)
        per_frame.append(item)
    ds.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    return ds
