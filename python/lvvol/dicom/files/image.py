"""`Image`: one MR image of a study with its attributes, classic or enhanced."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import inf
from typing import TypedDict

from lvvol.dicom.files.attributes import Attributes, Texts, Vector
from lvvol.dicom.files.header import Header
from lvvol.dicom.files.pixels import Pixels
from lvvol.geometry import GeometryError, image_affine

# Twice the largest matrix in use: a corrupt number must not exhaust memory.
MAX_MATRIX = 2048
# Beyond any scanner bore and any pixel size: values outside are not measurements.
MAX_POSITION_MM = 10_000.0
MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 100.0
# Fields of view end where the field of the magnet does, at 500 mm.
MAX_FIELD_MM = 700.0


@dataclass(frozen=True, eq=False)
class Image:
    """An MR image with its geometry, timing and acquisition.

    Parameters
    ----------
    file : str
        File name, relative to the study.
    frame : int
        Frame index in the file, from 0.
    position_mm, orientation : tuple of float
        Image Position and Orientation (Patient), LPS.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    rows, columns : int
        Matrix size.
    diameter_mm : float or None
        Reconstruction Diameter: the longer side of the field of view.
    trigger_ms : float or None
        Time after the R wave.
    cycle_percent : float or None
        Nominal Percentage of Cardiac Phase: time after the R wave in percent of the heart cycle.
    cycle_ms : float or None
        Length of the heart cycle (Nominal Interval).
    heart_rate : float or None
        Beats per minute (Heart Rate).
    acquired : float or None
        Acquisition date and time in seconds, counted from an arbitrary day.
    sequence : tuple of str
        Kind of pulse sequence, in upper case: the values of Scanning Sequence, then the sorted
        values of Sequence Variant, such as ``("GR", "SK", "SP")``.
    sequence_name : str
        The vendor's name of the pulse sequence.
    component : str
        Signal component, in upper case: the third value of Image Type (M, P, CARDIAC, ...), or the
        Complex Image Component of an enhanced image (MAGNITUDE, PHASE, ...).
    image_type : tuple of str
        Values of Image Type, or of Frame Type in an enhanced image, in upper case.
    echo_ms, inversion_ms, b_value : float or None
        Echo time, inversion time and diffusion b-value in s/mm2.
    repetition_ms : float or None
        Repetition time.
    body_part : str
        Body Part Examined, in upper case.
    ordered_by_frame : bool
        Whether its instance number is only that of its frame in an enhanced image with no sign of
        cardiac gating; frames may be in any order.
    contrast : bool
        Whether the header names a contrast agent.
    slope, intercept : float
        Rescale slope and intercept.
    mirror : float or None
        For MONOCHROME1, the value from which stored values are subtracted to invert them.
    pixels : Pixels or None
        Pixels of its file; None if they must be read again.
    """

    file: str
    frame: int
    position_mm: Vector
    orientation: Vector
    pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int
    diameter_mm: float | None
    patient_id: str
    study_uid: str
    series_uid: str
    series_number: int | None
    description: str
    sop_instance_uid: str
    frame_of_reference_uid: str
    instance_number: int | None
    acquisition_number: int | None
    acquired: float | None
    trigger_ms: float | None
    temporal_position: int | None
    cycle_percent: float | None
    cycle_ms: float | None
    heart_rate: float | None
    slice_location_mm: float | None
    slice_thickness_mm: float | None
    slice_spacing_mm: float | None
    sequence: tuple[str, ...]
    sequence_name: str
    component: str
    image_type: tuple[str, ...]
    echo_ms: float | None
    inversion_ms: float | None
    b_value: float | None
    repetition_ms: float | None
    body_part: str
    ordered_by_frame: bool
    contrast: bool
    slope: float
    intercept: float
    mirror: float | None
    pixels: Pixels | None

    @cached_property
    def series(self) -> tuple[object, ...]:
        """Key of its series; the folder only if the header does not identify one."""
        return _series_key(self.series_uid, self.series_number, self.file)

    @cached_property
    def tag_order(self) -> tuple[object, ...]:
        """Sort key: its attributes, beginning with the acquisition time, then its file name."""
        return (
            *_known(self.acquired, self.series_number),
            self.series_uid,
            *_known(
                self.acquisition_number,
                self.trigger_ms,
                self.temporal_position,
                self.instance_number,
            ),
            self.position_mm,
            self.orientation,
            self.sop_instance_uid,
            self.file,
            self.frame,
        )

    @property
    def is_derived(self) -> bool:
        """Whether its pixels were computed from those of other images."""
        return self.image_type[:1] == ("DERIVED",)

    @property
    def label(self) -> str:
        """Name of its series for messages."""
        if self.series_number is not None:
            name = f"series {self.series_number}"
        else:
            name = f"series {self.series_uid or self.file.rpartition('/')[0] or '(unnamed)'}"
        return f"{name} ({self.description})" if self.description else name


def _known(*values: float | None) -> tuple[float, ...]:
    """Return values to sort by; those missing come first."""
    return tuple([-inf if value is None else value for value in values])


def series_key(header: Header, name: str) -> tuple[object, ...]:
    """Return the key of the series of a file, as `Image.series`, if it has no usable image.

    Parameters
    ----------
    header : Header
        The parsed file.
    name : str
        Its name, relative to the study.
    """
    attributes = Attributes(header.texts)
    return _series_key(
        attributes.text("SeriesInstanceUID"), attributes.integer("SeriesNumber"), name
    )


def _series_key(uid: str, number: int | None, name: str) -> tuple[object, ...]:
    """Return the key of a series."""
    return (uid, number) if uid or number is not None else (name.rpartition("/")[0],)


class UnusableError(Exception):
    """The image cannot be part of a stack; the message is the reason."""


def images_of(header: Header, name: str, keep: bool) -> list[Image]:
    """Return the images of a file.

    Parameters
    ----------
    header : Header
        The parsed file.
    name : str
        Its name, relative to the study.
    keep : bool
        Whether the images keep a reference to the pixels.

    Returns
    -------
    list of Image
        One image per frame.

    Raises
    ------
    UnusableError
        If the images cannot be part of a stack.
    """
    attributes = Attributes(header.texts)
    n_frames = attributes.integer("NumberOfFrames") or 1
    if n_frames > 1 and not header.per_frame:
        raise UnusableError("several frames without per-frame positions")
    if len(header.per_frame or [{}]) != n_frames:
        raise UnusableError(
            f"positions of {len(header.per_frame)} frames, but Number of Frames is {n_frames}"
        )
    if (attributes.integer("SamplesPerPixel") or 1) != 1:
        raise UnusableError("colour image")
    pixels = header.pixels if keep else None
    if not (header.shared or header.per_frame):
        return [_image(attributes, name, 0, False, pixels)]
    return [
        # Per-frame values override shared ones, which override those of the whole file.
        _image(Attributes(header.texts | header.shared | own), name, frame, n_frames > 1, pixels)
        for frame, own in enumerate(header.per_frame or [{}])
    ]


def _image(
    attributes: Attributes, name: str, frame: int, enhanced: bool, pixels: Pixels | None
) -> Image:
    """Make an image from its attributes; raise UnusableError if it cannot be part of a stack."""
    position = attributes.numbers("ImagePositionPatient", 3)
    if position is None:
        raise UnusableError(_NO_PLANE)
    plane = _plane(attributes.texts(_OF_PLANE))
    if max(map(abs, position)) > MAX_POSITION_MM:
        raise UnusableError(f"position beyond {MAX_POSITION_MM / 1000:g} m")
    shared = _shared(attributes.texts(_OF_SERIES))
    # Where two keywords are given, the second is that of enhanced images.
    return Image(
        file=name,
        frame=frame,
        position_mm=position,
        **plane,
        **shared,
        sop_instance_uid=attributes.text("SOPInstanceUID"),
        instance_number=frame + 1 if enhanced else attributes.integer("InstanceNumber"),
        acquisition_number=attributes.integer("AcquisitionNumber", "FrameAcquisitionNumber"),
        acquired=attributes.moment(),
        trigger_ms=attributes.number("TriggerTime", "NominalCardiacTriggerDelayTime"),
        temporal_position=attributes.integer("TemporalPositionIdentifier", "TemporalPositionIndex"),
        cycle_percent=attributes.number("NominalPercentageOfCardiacPhase"),
        slice_location_mm=attributes.number("SliceLocation"),
        ordered_by_frame=enhanced and not attributes.is_gated(),
        pixels=pixels,
    )


class _Plane(TypedDict):
    """What the images of a slice share."""

    orientation: Vector
    pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int


_OF_PLANE = ("ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
_NO_PLANE = "missing position, orientation or pixel spacing"


@lru_cache(maxsize=256)
def _plane(texts: Texts) -> _Plane:
    """Parse the elements `_OF_PLANE`."""
    attributes = Attributes.of(_OF_PLANE, texts)
    orientation = attributes.numbers("ImageOrientationPatient", 6)
    spacing = attributes.numbers("PixelSpacing", 2)
    if orientation is None or spacing is None:
        raise UnusableError(_NO_PLANE)
    if not _is_plane(orientation, spacing):
        raise UnusableError("non-perpendicular axes or non-positive pixel spacing")
    if not MIN_SPACING_MM <= min(spacing) <= max(spacing) <= MAX_SPACING_MM:
        raise UnusableError(f"pixel spacing outside {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm")
    rows, columns = attributes.integer("Rows"), attributes.integer("Columns")
    if not rows or not columns:
        raise UnusableError("missing rows or columns")
    if max(rows, columns) > MAX_MATRIX:
        raise UnusableError(f"more than {MAX_MATRIX} rows or columns")
    if max(rows * spacing[0], columns * spacing[1]) > MAX_FIELD_MM:
        raise UnusableError(f"field of view above {MAX_FIELD_MM:g} mm: its Pixel Spacing is wrong")
    return {
        "orientation": orientation,
        "pixel_spacing_mm": (spacing[0], spacing[1]),
        "rows": rows,
        "columns": columns,
    }


class _Shared(TypedDict):
    """What the images of a series mostly share."""

    diameter_mm: float | None
    patient_id: str
    study_uid: str
    series_uid: str
    series_number: int | None
    description: str
    frame_of_reference_uid: str
    cycle_ms: float | None
    heart_rate: float | None
    slice_thickness_mm: float | None
    slice_spacing_mm: float | None
    sequence: tuple[str, ...]
    sequence_name: str
    component: str
    image_type: tuple[str, ...]
    echo_ms: float | None
    inversion_ms: float | None
    b_value: float | None
    repetition_ms: float | None
    body_part: str
    contrast: bool
    slope: float
    intercept: float
    mirror: float | None


_OF_SERIES = (
    "ReconstructionDiameter", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "SeriesDescription", "FrameOfReferenceUID", "NominalInterval", "RRIntervalTimeNominal",
    "HeartRate", "SliceThickness", "SpacingBetweenSlices", "ScanningSequence", "EchoPulseSequence",
    "SequenceVariant", "SteadyStatePulseSequence", "SequenceName", "PulseSequenceName",
    "ComplexImageComponent", "ImageType", "FrameType", "EchoTime", "EffectiveEchoTime",
    "InversionTime", "InversionTimes", "DiffusionBValue", "RepetitionTime", "BodyPartExamined",
    "ContrastBolusAgent", "RescaleSlope", "RescaleIntercept", "PhotometricInterpretation",
    "PixelRepresentation", "BitsStored",
)  # fmt: skip


@lru_cache(maxsize=256)
def _shared(texts: Texts) -> _Shared:
    """Parse the elements `_OF_SERIES`; cached because few images of a study differ in them."""
    attributes = Attributes.of(_OF_SERIES, texts)
    slope = attributes.number("RescaleSlope")
    return {
        "diameter_mm": attributes.number("ReconstructionDiameter"),
        "patient_id": attributes.text("PatientID"),
        "study_uid": attributes.text("StudyInstanceUID"),
        "series_uid": attributes.text("SeriesInstanceUID"),
        "series_number": attributes.integer("SeriesNumber"),
        "description": attributes.text("SeriesDescription"),
        "frame_of_reference_uid": attributes.text("FrameOfReferenceUID"),
        "cycle_ms": attributes.number("NominalInterval", "RRIntervalTimeNominal"),
        "heart_rate": attributes.number("HeartRate"),
        "slice_thickness_mm": attributes.number("SliceThickness"),
        "slice_spacing_mm": attributes.number("SpacingBetweenSlices"),
        "sequence": attributes.sequence(),
        "sequence_name": attributes.text("SequenceName", "PulseSequenceName"),
        "component": attributes.component(),
        "image_type": attributes.image_type(),
        "echo_ms": attributes.number("EchoTime", "EffectiveEchoTime"),
        "inversion_ms": attributes.number("InversionTime", "InversionTimes"),
        "b_value": attributes.number("DiffusionBValue"),
        "repetition_ms": attributes.number("RepetitionTime"),
        "body_part": attributes.text("BodyPartExamined").upper(),
        "contrast": bool(attributes.text("ContrastBolusAgent")),
        "slope": 1.0 if slope is None or slope == 0 else slope,
        "intercept": attributes.number("RescaleIntercept") or 0.0,
        "mirror": attributes.mirror(),
    }


@lru_cache(maxsize=64)
def _is_plane(orientation: Vector, spacing: Vector) -> bool:
    """Whether an orientation and a pixel spacing define a plane."""
    try:
        image_affine((0.0, 0.0, 0.0), orientation, spacing)
    except GeometryError:
        return False
    return True
