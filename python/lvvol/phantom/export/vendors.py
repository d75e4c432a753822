"""DICOM headers of cine images in the style of two vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MRImageStorage
from pydicom.valuerep import format_number_as_ds

from lvvol.typing import Float64, UInt16

SIEMENS = "SIEMENS"
ECHO_SPACING_MS = 2.78


@dataclass(frozen=True)
class StudyHeader:
    """Header values common to a study.

    Parameters
    ----------
    patient_id, patient_name : str
        Patient ID and name.
    study_uid, frame_of_reference_uid : str
        Valid DICOM UIDs.
    manufacturer : str
        ``"SIEMENS"`` (unsigned pixels) or ``"GE MEDICAL SYSTEMS"`` (signed).
    field_t : float
        Field strength, 1.5 or 3 tesla.
    started : datetime
        Start of the study.
    anonymised : mapping of str to (str or None)
        Values of anonymised elements by keyword, at any depth; None if deleted.
    """

    patient_id: str
    patient_name: str
    study_uid: str
    frame_of_reference_uid: str
    manufacturer: str
    field_t: float = 1.5
    started: datetime = datetime(2024, 1, 1, 9, 0, 0)
    anonymised: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SeriesHeader:
    """Header values common to a series.

    Parameters
    ----------
    number : int
        Series number.
    uid : str
        Series instance UID.
    description : str
        Series description.
    started : datetime
        Acquisition time of its first image.
    n_images : int
        Number of images in the series.
    localiser_uids : tuple of str
        SOP instance UIDs of the localiser images used for planning.
    """

    number: int
    uid: str
    description: str
    started: datetime
    n_images: int
    localiser_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class CineImage:
    """Pixels and header values of one image.

    Parameters
    ----------
    pixels : ndarray of uint16, shape (row, column)
        Stored values, at most 32767.
    affine : ndarray of float64, shape (4, 4)
        Map from (row, column, mm along the normal, 1) to patient LPS mm.
    thickness_mm, spacing_mm : float
        Slice thickness, and distance between neighbouring slices.
    acquired : datetime
        Start of its scan.
    n_phases : int
        Phases of its scan; 1 for an image that was not gated.
    time_ms, interval_ms : float
        Time after the R wave, and RR interval.
    instance : int
        Instance number.
    uid : str
        SOP instance UID.
    """

    pixels: UInt16 = field(repr=False)
    affine: Float64 = field(repr=False)
    thickness_mm: float
    spacing_mm: float
    acquired: datetime
    n_phases: int
    time_ms: float
    interval_ms: float
    instance: int
    uid: str


def describe_study(dataset: Dataset, study: StudyHeader) -> None:
    """Set the patient and study elements."""
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.StudyDate = dataset.SeriesDate = study.started.strftime("%Y%m%d")
    dataset.AcquisitionDate = dataset.ContentDate = study.started.strftime("%Y%m%d")
    dataset.StudyTime = _clock(study.started)
    dataset.AccessionNumber = ""
    dataset.Manufacturer = study.manufacturer
    dataset.ReferringPhysicianName = ""
    dataset.PatientName = study.patient_name
    dataset.PatientID = study.patient_id
    dataset.PatientBirthDate = "19000101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = study.study_uid
    dataset.StudyID = "1"
    dataset.FrameOfReferenceUID = study.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""


def describe_image(
    dataset: Dataset, image: CineImage, series: SeriesHeader, study: StudyHeader
) -> None:
    """Set all elements except patient, study and pixels."""
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = image.uid
    dataset.InstanceNumber = image.instance
    _describe_series(dataset, series, study)
    _describe_plane(dataset, image)
    if study.manufacturer == SIEMENS:
        _describe_siemens(dataset, image, series, study)
    else:
        _describe_ge(dataset, image, series)


def _describe_series(dataset: Dataset, series: SeriesHeader, study: StudyHeader) -> None:
    """Set the series elements and those of a steady-state cine common to both vendors."""
    dataset.Modality = "MR"
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.AcquisitionNumber = 1
    dataset.ScanningSequence = "GR"
    dataset.MRAcquisitionType = "2D"
    dataset.NumberOfAverages = 1
    dataset.ImagedNucleus = "1H"
    dataset.EchoNumbers = 1
    dataset.EchoTrainLength = 1
    dataset.VariableFlipAngleFlag = "N"
    dataset.PatientPosition = "HFS"
    dataset.MagneticFieldStrength = study.field_t
    dataset.ImagingFrequency = _decimal(round(42.577 * study.field_t, 6))


def _describe_siemens(
    dataset: Dataset, image: CineImage, series: SeriesHeader, study: StudyHeader
) -> None:
    """Set Siemens elements: one time per scan, triggers from 0, TR of a whole phase."""
    stored = image.acquired + timedelta(seconds=9.3 + 0.0025 * image.instance)
    dataset.AcquisitionTime = _clock(image.acquired)
    dataset.SeriesTime = _clock(series.started + timedelta(seconds=9.3))[:6]
    dataset.InstanceCreationTime = dataset.ContentTime = _clock(stored)
    dataset.ManufacturerModelName = "Skyra" if study.field_t > 2 else "Aera"
    dataset.SoftwareVersions = "syngo MR D13" if study.field_t > 2 else "syngo MR D11"
    dataset.PatientAge = "050Y"
    dataset.PatientAddress = dataset.PatientTelephoneNumbers = ""
    dataset.CommentsOnThePerformedProcedureStep = ""
    dataset.WindowCenterWidthExplanation = "Algo1"
    dataset.SAR = "1.95"
    dataset.dBdt = 0
    dataset.BodyPartExamined = "HEART"
    dataset.AngioFlag = "N"
    dataset.TransmitCoilName = "Body"
    dataset.PerformedProcedureStepStartTime = _clock(study.started)
    dataset.PerformedProcedureStepID = study.started.strftime("MR%Y%m%d%H%M%S")
    if series.localiser_uids:
        dataset.ReferencedImageSequence = Sequence([_reference(u) for u in series.localiser_uids])
    rows, columns = image.pixels.shape
    steps = round(0.75 * min(rows, columns))
    across = columns <= rows
    dataset.InPlanePhaseEncodingDirection = "ROW" if across else "COL"
    dataset.AcquisitionMatrix = [0, rows, steps, 0] if across else [columns, 0, 0, steps]
    dataset.NumberOfPhaseEncodingSteps = steps
    dataset.PercentSampling = 75
    dataset.PercentPhaseFieldOfView = _decimal(
        round(100 * min(rows, columns) / max(rows, columns), 4)
    )
    dataset.PixelBandwidth = 975 if study.field_t > 2 else 930
    dataset.EchoTime = "1.49" if study.field_t > 2 else "1.15"
    dataset.FlipAngle = 45 if study.field_t > 2 else 59
    dataset.SequenceVariant = ["SK", "SS"]
    normal = np.cross(*_directions(image.affine))
    dataset.SliceLocation = _decimal(float(image.affine[:3, 3] @ normal))
    if image.n_phases == 1:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]
        dataset.ScanOptions = "PFP"
        dataset.SequenceName = "*tfi2d1_123"
        dataset.RepetitionTime = _decimal(round(123 * ECHO_SPACING_MS, 2))
        return
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "RETRO", "NORM", "DIS2D"]
    dataset.ScanOptions = "CT"
    # A phase is acquired in one shot, of as many echoes as fit in its duration.
    echoes = max(1, round(1.04 * image.interval_ms / image.n_phases / ECHO_SPACING_MS))
    dataset.SequenceName = f"*tfi2d1_{echoes}"
    dataset.RepetitionTime = _decimal(round(echoes * ECHO_SPACING_MS, 2))
    dataset.TriggerTime = _decimal(image.time_ms)
    dataset.NominalInterval = round(image.interval_ms)
    dataset.CardiacNumberOfImages = image.n_phases


def _describe_ge(dataset: Dataset, image: CineImage, series: SeriesHeader) -> None:
    """Set GE elements: one time per slice, triggers from half a phase, TR of one echo."""
    stored = image.acquired + timedelta(seconds=8.5 + 0.037 * image.instance)
    dataset.SeriesTime = _clock(series.started)[:6]
    dataset.AcquisitionTime = _clock(image.acquired)
    dataset.ContentTime = _clock(stored)
    dataset.ManufacturerModelName = "SIGNA HDx"
    dataset.SoftwareVersions = ["14", "MX", "MR Software release:14.0_M4_0629.a"]
    dataset.DeviceSerialNumber = "PHANTOM"
    dataset.ReceiveCoilName = "8CARDIAC"
    dataset.StudyDescription = ""
    rows, columns = image.pixels.shape
    dataset.AcquisitionMatrix = [224, 0, 0, 224]
    dataset.InPlanePhaseEncodingDirection = "COL"
    dataset.SAR = "1.28"
    dataset.PercentSampling = 100
    dataset.PercentPhaseFieldOfView = 100
    dataset.ReconstructionDiameter = round(max(rows, columns) * _pixel_mm(image.affine)[0])
    dataset.PixelBandwidth = "976.5625"
    dataset.EchoTime = "1.532"
    dataset.RepetitionTime = "3.349"
    dataset.FlipAngle = 45
    dataset.SequenceVariant = "SS"
    dataset.SpacingBetweenSlices = _decimal(round(image.spacing_mm, 4))
    dataset.ImagesInAcquisition = series.n_images
    dataset.SliceLocation = _decimal(_ge_slice_location(image))
    if image.n_phases == 1:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        dataset.ScanOptions = ["FAST_GEMS", "SEQ_GEMS"]
        return
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    dataset.ScanOptions = ["FAST_GEMS", "SEQ_GEMS", "CG"]
    dataset.TriggerTime = _decimal(image.time_ms)
    dataset.NominalCardiacTriggerDelayTime = image.time_ms
    dataset.NominalInterval = int(image.interval_ms)
    dataset.IntervalsAcquired = 10
    dataset.HeartRate = round(60000.0 / image.interval_ms)
    dataset.CardiacNumberOfImages = image.n_phases
    dataset.TemporalResolution = int(1000.0 * image.interval_ms / image.n_phases)


def _ge_slice_location(image: CineImage) -> float:
    """Return the coordinate of the image's centre on the patient axis nearest to the normal.

    GE uses RAS coordinates and measures an oblique stack along one of the axes, so the steps are
    smaller than the distance between slices.
    """
    rows, columns = image.pixels.shape
    middle = image.affine[:3] @ (0.5 * (rows - 1), 0.5 * (columns - 1), 0.0, 1.0)
    axis = int(np.argmax(np.abs(np.cross(*_directions(image.affine)))))
    return float(round(middle[axis] * (-1.0, -1.0, 1.0)[axis], 3))


def _describe_plane(dataset: Dataset, image: CineImage) -> None:
    """Set the position and orientation of the image."""
    row, column = _directions(image.affine)
    dataset.SliceThickness = _decimal(round(image.thickness_mm, 4))
    dataset.ImagePositionPatient = [_decimal(float(v)) for v in image.affine[:3, 3]]
    dataset.ImageOrientationPatient = [_decimal(float(v)) for v in (*row, *column)]
    dataset.PixelSpacing = [_decimal(v) for v in _pixel_mm(image.affine)]


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = MRImageStorage
    item.ReferencedSOPInstanceUID = uid
    return item


def _pixel_mm(affine: Float64) -> tuple[float, float]:
    """Return the pixel spacing, between rows and between columns, without rounding noise."""
    rows, columns = (round(float(np.linalg.norm(affine[:3, axis])), 9) for axis in (0, 1))
    return rows, columns


def _directions(
    affine: Float64,
) -> tuple[Float64, Float64]:
    """Return DICOM's row direction (of increasing column index) and column direction."""
    down, right = affine[:3, 0], affine[:3, 1]
    return right / np.linalg.norm(right), down / np.linalg.norm(down)


def _clock(time: datetime) -> str:
    return time.strftime("%H%M%S.%f")


def _decimal(value: float) -> str:
    """Format a number as a decimal string of at most 16 characters."""
    return format_number_as_ds(float(value))
