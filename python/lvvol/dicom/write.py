"""Write cine series as classic single-frame MR images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import format_number_as_ds

IMPLEMENTATION_UID = "2.25.185317469312034877106021513927480415931"


@dataclass(frozen=True)
class StudyHeader:
    """What all images of a study share.

    Parameters
    ----------
    patient_id : str
        Also the patient's name.
    study_uid, frame_of_reference_uid : str
        Valid DICOM UIDs.
    manufacturer : str
        ``"SIEMENS"`` images are unsigned, those of others signed.
    started : datetime
        When the study began.
    """

    patient_id: str
    study_uid: str
    frame_of_reference_uid: str
    manufacturer: str
    started: datetime = datetime(2024, 1, 1, 9, 0, 0)


@dataclass(frozen=True)
class CineSeries:
    """One slice over the cycle.

    Parameters
    ----------
    images : ndarray of uint16, shape (phase, row, column)
        Stored values, at most 32767.
    affine : ndarray of float64, shape (4, 4)
        Maps (row, column, mm along the normal, 1) to patient LPS mm.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    thickness_mm : float
        Slice thickness.
    times_ms : ndarray of float64, shape (phase,)
        Time after the R wave.
    number : int
        Series number.
    description : str
        Series description.
    uid : str
        Series instance UID.
    sop_instance_uids : tuple of str, one per phase
        SOP instance UIDs.
    """

    images: npt.NDArray[np.uint16]
    affine: npt.NDArray[np.float64]
    pixel_spacing_mm: tuple[float, float]
    thickness_mm: float
    times_ms: npt.NDArray[np.float64]
    number: int
    description: str
    uid: str
    sop_instance_uids: tuple[str, ...]


def write_cine_series(folder: Path, series: CineSeries, header: StudyHeader) -> tuple[str, ...]:
    """Write one file a phase.

    Parameters
    ----------
    folder : Path
        An existing folder.
    series : CineSeries
        What to write.
    header : StudyHeader
        What the study's images share.

    Returns
    -------
    tuple of str
        Names of the files, in temporal order.

    Raises
    ------
    ValueError
        If pixels do not fit 15 bits, or the lengths of the fields disagree.
    OSError
        If a file cannot be written.
    """
    n_phases = len(series.images)
    if not n_phases == len(series.times_ms) == len(series.sop_instance_uids):
        raise ValueError(
            f"series: expected one time and UID for each of {n_phases} images, got "
            f"{len(series.times_ms)} times and {len(series.sop_instance_uids)} UIDs"
        )
    if series.images.dtype != np.uint16 or series.images.max(initial=0) > 32767:
        raise ValueError(
            f"images: expected uint16 of at most 32767, got {series.images.dtype} up to "
            f"{series.images.max(initial=0)}"
        )
    names = []
    for phase in range(n_phases):
        name = f"IM-{series.number:04d}-{phase + 1:04d}.dcm"
        _image(series, header, phase).save_as(folder / name, enforce_file_format=True)
        names.append(name)
    return tuple(names)


def _image(series: CineSeries, header: StudyHeader, phase: int) -> Dataset:
    """Return one image with all its header."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = MRImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = UID(series.sop_instance_uids[phase])
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    _describe_study(image, series, header, phase)
    _describe_acquisition(image, series, phase)
    _describe_plane(image, series, header)
    _describe_pixels(image, series.images[phase], signed=header.manufacturer != "SIEMENS")
    return image


def _describe_study(image: Dataset, series: CineSeries, header: StudyHeader, phase: int) -> None:
    """Fill patient, study, series and identity."""
    acquired = header.started + timedelta(seconds=20 * series.number)
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = series.sop_instance_uids[phase]
    image.StudyDate = image.SeriesDate = header.started.strftime("%Y%m%d")
    image.AcquisitionDate = image.ContentDate = acquired.strftime("%Y%m%d")
    image.StudyTime = header.started.strftime("%H%M%S")
    image.SeriesTime = image.AcquisitionTime = image.ContentTime = acquired.strftime("%H%M%S")
    image.AccessionNumber = ""
    image.Modality = "MR"
    image.Manufacturer = header.manufacturer
    image.ManufacturerModelName = "lvvol phantom"
    image.ReferringPhysicianName = ""
    image.SeriesDescription = series.description
    image.PatientName = header.patient_id
    image.PatientID = header.patient_id
    image.PatientBirthDate = ""
    image.PatientSex = "O"
    image.StudyInstanceUID = header.study_uid
    image.SeriesInstanceUID = series.uid
    image.StudyID = "1"
    image.SeriesNumber = series.number
    image.AcquisitionNumber = 1
    image.InstanceNumber = phase + 1


def _describe_acquisition(image: Dataset, series: CineSeries, phase: int) -> None:
    """Fill the pulse sequence and its timing."""
    n_phases = len(series.times_ms)
    step_ms = float(series.times_ms[1] - series.times_ms[0]) if n_phases > 1 else 40.0
    image.BodyPartExamined = "HEART"
    image.ScanningSequence = "GR"
    image.SequenceVariant = ["SK", "SS"]
    image.ScanOptions = "CG"
    image.MRAcquisitionType = "2D"
    image.SliceThickness = _decimal(series.thickness_mm)
    image.RepetitionTime = _decimal(round(step_ms, 2))
    image.EchoTime = "1.49"
    image.EchoTrainLength = 1
    image.MagneticFieldStrength = "1.5"
    image.FlipAngle = "45"
    image.TriggerTime = _decimal(float(series.times_ms[phase]))
    image.NominalInterval = round(step_ms * n_phases)
    image.CardiacNumberOfImages = n_phases
    image.PatientPosition = "HFS"


def _describe_plane(image: Dataset, series: CineSeries, header: StudyHeader) -> None:
    """Fill where the image lies."""
    affine = series.affine
    row = affine[:3, 1] / series.pixel_spacing_mm[1]
    column = affine[:3, 0] / series.pixel_spacing_mm[0]
    origin = affine[:3, 3]
    image.FrameOfReferenceUID = header.frame_of_reference_uid
    image.PositionReferenceIndicator = ""
    image.ImagePositionPatient = [_decimal(float(v)) for v in origin]
    image.ImageOrientationPatient = [_decimal(float(v)) for v in (*row, *column)]
    image.SliceLocation = _decimal(float(origin @ np.cross(row, column)))
    image.PixelSpacing = [_decimal(v) for v in series.pixel_spacing_mm]


def _describe_pixels(image: Dataset, pixels: npt.NDArray[np.uint16], *, signed: bool) -> None:
    """Fill the pixels and how to show them."""
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated = 16
    image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = int(signed)
    bright = float(np.percentile(pixels, 99.0))
    image.WindowCenter = _decimal(round(bright / 2.0 + 1.0))
    image.WindowWidth = _decimal(round(bright + 2.0))
    # Values stay below 2^15, so signed and unsigned pixels have the same bytes.
    image.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())


def _decimal(value: float) -> str:
    """Return a number as a decimal string of at most 16 characters."""
    return format_number_as_ds(float(value))
