"""`Image`: one MR image of a study with its attributes, classic or enhanced."""

from __future__ import annotations

import datetime
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lvvol.dicom.files.header import Header
from lvvol.dicom.files.pixels import Pixels
from lvvol.geometry import GeometryError, image_affine

Vector = tuple[float, ...]

# Twice the largest matrix in use: a corrupt number must not exhaust memory.
MAX_MATRIX = 2048
# Beyond any scanner bore and any pixel size: values outside are not measurements.
MAX_POSITION_MM = 10_000.0
MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 100.0
# Fields of view end where the field of the magnet does, at 500 mm.
MAX_FIELD_MM = 700.0
# Above the largest integer in a header, 2^32; sums and products of such values stay finite.
MAX_NUMBER = 1e10


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

    @property
    def series(self) -> tuple[object, ...]:
        """Key of its series; the folder only if the header does not identify one."""
        return _series_key(self.series_uid, self.series_number, self.file)

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


def series_key(header: Header, name: str) -> tuple[object, ...]:
    """Return the key of the series of a file, as `Image.series`, if it has no usable image.

    Parameters
    ----------
    header : Header
        The parsed file.
    name : str
        Its name, relative to the study.
    """
    attributes = _Attributes(header.texts)
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
    attributes = _Attributes(header.texts)
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
        _image(_Attributes(header.texts | header.shared | own), name, frame, n_frames > 1, pixels)
        for frame, own in enumerate(header.per_frame or [{}])
    ]


def _image(
    attributes: _Attributes, name: str, frame: int, enhanced: bool, pixels: Pixels | None
) -> Image:
    """Make an image from its attributes; raise UnusableError if it cannot be part of a stack."""
    position = attributes.numbers("ImagePositionPatient", 3)
    orientation = attributes.numbers("ImageOrientationPatient", 6)
    spacing = attributes.numbers("PixelSpacing", 2)
    if position is None or orientation is None or spacing is None:
        raise UnusableError("missing position, orientation or pixel spacing")
    if not _is_plane(orientation, spacing):
        raise UnusableError("non-perpendicular axes or non-positive pixel spacing")
    if max(map(abs, position)) > MAX_POSITION_MM:
        raise UnusableError(f"position beyond {MAX_POSITION_MM / 1000:g} m")
    if not MIN_SPACING_MM <= min(spacing) <= max(spacing) <= MAX_SPACING_MM:
        raise UnusableError(f"pixel spacing outside {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm")
    rows, columns = attributes.integer("Rows"), attributes.integer("Columns")
    if not rows or not columns:
        raise UnusableError("missing rows or columns")
    if max(rows, columns) > MAX_MATRIX:
        raise UnusableError(f"more than {MAX_MATRIX} rows or columns")
    if max(rows * spacing[0], columns * spacing[1]) > MAX_FIELD_MM:
        raise UnusableError(f"field of view above {MAX_FIELD_MM:g} mm: its Pixel Spacing is wrong")
    slope = attributes.number("RescaleSlope")
    # Where two keywords are given, the second is that of enhanced images.
    trigger = attributes.number("TriggerTime", "NominalCardiacTriggerDelayTime")
    return Image(
        file=name,
        frame=frame,
        position_mm=position,
        orientation=orientation,
        pixel_spacing_mm=(spacing[0], spacing[1]),
        rows=rows,
        columns=columns,
        diameter_mm=attributes.number("ReconstructionDiameter"),
        patient_id=attributes.text("PatientID"),
        study_uid=attributes.text("StudyInstanceUID"),
        series_uid=attributes.text("SeriesInstanceUID"),
        series_number=attributes.integer("SeriesNumber"),
        description=attributes.text("SeriesDescription"),
        sop_instance_uid=attributes.text("SOPInstanceUID"),
        frame_of_reference_uid=attributes.text("FrameOfReferenceUID"),
        instance_number=frame + 1 if enhanced else attributes.integer("InstanceNumber"),
        acquisition_number=attributes.integer("AcquisitionNumber", "FrameAcquisitionNumber"),
        acquired=attributes.moment(),
        trigger_ms=trigger,
        temporal_position=attributes.integer("TemporalPositionIdentifier", "TemporalPositionIndex"),
        cycle_percent=attributes.number("NominalPercentageOfCardiacPhase"),
        cycle_ms=attributes.number("NominalInterval", "RRIntervalTimeNominal"),
        heart_rate=attributes.number("HeartRate"),
        slice_location_mm=attributes.number("SliceLocation"),
        slice_thickness_mm=attributes.number("SliceThickness"),
        slice_spacing_mm=attributes.number("SpacingBetweenSlices"),
        sequence=attributes.sequence(),
        sequence_name=attributes.text("SequenceName", "PulseSequenceName"),
        component=attributes.component(),
        image_type=attributes.image_type(),
        echo_ms=attributes.number("EchoTime", "EffectiveEchoTime"),
        inversion_ms=attributes.number("InversionTime", "InversionTimes"),
        b_value=attributes.number("DiffusionBValue"),
        repetition_ms=attributes.number("RepetitionTime"),
        body_part=attributes.text("BodyPartExamined").upper(),
        ordered_by_frame=enhanced and not attributes.is_gated(),
        contrast=bool(attributes.text("ContrastBolusAgent")),
        slope=1.0 if slope is None or slope == 0 else slope,
        intercept=attributes.number("RescaleIntercept") or 0.0,
        mirror=attributes.mirror(),
        pixels=pixels,
    )


@lru_cache(maxsize=64)
def _is_plane(orientation: Vector, spacing: Vector) -> bool:
    """Whether an orientation and a pixel spacing define a plane."""
    try:
        image_affine((0.0, 0.0, 0.0), orientation, spacing)
    except GeometryError:
        return False
    return True


class _Attributes:
    """Typed access to the elements of an image; malformed values count as missing."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def numbers(self, keyword: str, count: int) -> Vector | None:
        """Return the `count` numbers of an element."""
        numbers = _numbers(self._texts.get(keyword, ""))
        return numbers if len(numbers) == count else None

    def number(self, *keywords: str) -> float | None:
        """Return the number of the first keyword that has one."""
        for keyword in keywords:
            if numbers := _numbers(self._texts.get(keyword, "")):
                return numbers[0]
        return None

    def integer(self, *keywords: str) -> int | None:
        """Return the integer of the first keyword that has one."""
        value = self.number(*keywords)
        return None if value is None else int(value)

    def text(self, *keywords: str) -> str:
        """Return the text of the first keyword that has some, or an empty string."""
        for keyword in keywords:  # a generator would take a tenth of the time of all attributes
            text = self._texts.get(keyword)
            if text:
                return text
        return ""

    def sequence(self) -> tuple[str, ...]:
        """Return the kind of pulse sequence of a classic or enhanced image."""
        scanning = _values(self.text("ScanningSequence", "EchoPulseSequence"))
        variant = _values(self.text("SequenceVariant", "SteadyStatePulseSequence"))
        return (*filter(None, scanning), *filter(None, sorted(variant)))

    def component(self) -> str:
        """Return the signal component, such as M or PHASE."""
        return self.text("ComplexImageComponent").upper() or "".join(self.image_type()[2:3])

    def image_type(self) -> tuple[str, ...]:
        """Return the values of Image Type or, for a frame, of Frame Type."""
        return _values(self.text("FrameType", "ImageType"))

    def is_gated(self) -> bool:
        """Whether the header of an enhanced image says that it was gated by the heart."""
        technique = self.text("CardiacSynchronizationTechnique").upper()
        return bool(
            technique not in ("", "NONE")
            or self.number("NominalInterval", "RRIntervalTimeNominal")
            or "CARDIAC" in "".join(self.image_type()[2:3])
        )

    def mirror(self) -> float | None:
        """Return the value that inverts MONOCHROME1: the sum of both ends of the stored range."""
        if self.text("PhotometricInterpretation") != "MONOCHROME1":
            return None
        if self.integer("PixelRepresentation"):
            return -1.0
        return 2.0 ** (self.integer("BitsStored") or 0) - 1.0

    def moment(self) -> float | None:
        """Return the acquisition date and time in seconds."""
        stamp = self.text("FrameAcquisitionDateTime") or self.text("AcquisitionDateTime")
        date, time = stamp[:8], stamp[8:]
        if not time:
            date, time = self.text("AcquisitionDate"), self.text("AcquisitionTime")
        time = time.split("+")[0].split("-")[0]
        try:
            seconds = int(time[:2]) * 3600 + int(time[2:4] or 0) * 60 + float(time[4:] or 0)
        except ValueError:
            return None
        if not 0 <= seconds < 90_000:  # a generous day; also rejects NaN
            return None
        return _days(date) * 86400.0 + seconds


@lru_cache(maxsize=256)
def _values(text: str) -> tuple[str, ...]:
    """Split a text into its values in upper case."""
    return tuple(text.upper().split("\\")) if text else ()


@lru_cache(maxsize=256)
def _days(date: str) -> int:
    """Return a calendar date as a number of days; 0 if malformed.

    Invalid dates such as 20120000 occur; they count as the nearest valid one.
    """
    if len(date) != 8 or not (date.isascii() and date.isdecimal()):
        return 0
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    if year < 1:
        return 0
    month = min(max(month, 1), 12)
    return datetime.date(year, month, min(max(day, 1), monthrange(year, month)[1])).toordinal()


@lru_cache(maxsize=4096)
def _numbers(text: str) -> Vector:
    """Parse numbers; empty if any is malformed or implausibly large."""
    if "_" in text:  # Python accepts underscores between digits, DICOM does not
        return ()
    try:
        numbers = tuple(map(float, text.split("\\")))
    except ValueError:
        return ()
    return numbers if all(abs(number) <= MAX_NUMBER for number in numbers) else ()
