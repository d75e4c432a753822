"""One MR image of a study and the facts of its header, whatever form the file has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lvvol.dicom.files.header import Header
from lvvol.dicom.files.pixels import Pixels
from lvvol.geometry import GeometryError, image_affine

Vector = tuple[float, ...]

# Twice the largest matrix in use: a broken number must not claim all memory.
MAX_MATRIX = 2048
# No scanner is as long, and no pixel as small or large: numbers beyond were not measured.
MAX_POSITION_MM = 10_000.0
MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 100.0
# The largest whole number that a header may hold is 2^32. Sums and products of such stay finite.
MAX_NUMBER = 1e10

# Stored as characters: numbers, identifiers, dates and times in plain ASCII, names and descriptions
# in the file's character set.
_TEXT_VRS = {"CS", "DA", "DS", "DT", "IS", "LO", "SH", "TM", "UI"}
_CHARACTER_SET_VRS = {"LO", "SH"}


@dataclass(frozen=True, eq=False)
class Image:
    """One MR image: where, when and by which acquisition it was made.

    Parameters
    ----------
    file : str
        The file it lies in, relative to the study.
    frame : int
        Its place in that file, from 0.
    position_mm, orientation : tuple of float
        Image Position and Orientation (Patient), LPS.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    rows, columns : int
        Its matrix.
    trigger_ms : float or None
        Time after the R wave.
    cycle_ms : float or None
        Length of the heart cycle (Nominal Interval).
    acquired : float or None
        Acquisition date and time: larger is later; differences within one day are seconds.
    sequence : tuple of str
        What tells protocols apart coarsely, in upper case: the values of Scanning Sequence, then
        those of Sequence Variant, sorted: ``("GR", "SK", "SP")``.
    sequence_name : str
        The maker's own name of the pulse sequence, as it stands.
    component : str
        What the values are, in upper case: the third value of Image Type (M, P, CARDIAC, ...), or
        of an enhanced image its Complex Image Component (MAGNITUDE, PHASE, ...).
    contrast : bool
        Whether a contrast agent is named.
    slope, intercept : float
        Turn stored values into intensities.
    mirror : float or None
        Where small values are bright (MONOCHROME1), what stored values are subtracted from.
    pixels : Pixels or None
        Those of its file; None where it must be read again.
    """

    file: str
    frame: int
    position_mm: Vector
    orientation: Vector
    pixel_spacing_mm: tuple[float, float]
    rows: int
    columns: int
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
    cycle_ms: float | None
    slice_location_mm: float | None
    slice_thickness_mm: float | None
    slice_spacing_mm: float | None
    sequence: tuple[str, ...]
    sequence_name: str
    component: str
    contrast: bool
    slope: float
    intercept: float
    mirror: float | None
    pixels: Pixels | None

    @property
    def series(self) -> tuple[object, ...]:
        """Which series it belongs to; the folder decides only where no tag does."""
        if self.series_uid or self.series_number is not None:
            return (self.series_uid, self.series_number)
        return (self.file.rpartition("/")[0],)

    @property
    def label(self) -> str:
        """The series as a reader would name it."""
        if self.series_number is not None:
            name = f"series {self.series_number}"
        else:
            name = f"series {self.series_uid or self.file.rpartition('/')[0] or '(unnamed)'}"
        return f"{name} ({self.description})" if self.description else name


class UnusableError(Exception):
    """An image that cannot belong to a stack, and why."""


def images_of(header: Header, name: str, keep: bool) -> list[Image]:
    """Read the images of one file.

    Parameters
    ----------
    header : Header
        The file as parsed.
    name : str
        Its name inside the study.
    keep : bool
        Whether the images hold on to the pixels.

    Returns
    -------
    list of Image
        One, or as many as an enhanced file has frames.

    Raises
    ------
    UnusableError
        If they cannot belong to a stack.
    """
    facts = _Facts(header.texts)
    n_frames = facts.integer("NumberOfFrames") or 1
    if n_frames > 1 and len(header.per_frame) != n_frames:
        raise UnusableError("several frames without a position for each")
    if (facts.integer("SamplesPerPixel") or 1) != 1:
        raise UnusableError("a colour image")
    pixels = header.pixels if keep else None
    if not (header.shared or header.per_frame):
        return [_image(facts, name, 0, False, pixels)]
    return [
        # What is nearest to the frame counts.
        _image(_Facts(header.texts | header.shared | own), name, frame, n_frames > 1, pixels)
        for frame, own in enumerate(header.per_frame or [{}])
    ]


def _image(facts: _Facts, name: str, frame: int, enhanced: bool, pixels: Pixels | None) -> Image:
    """Read one image's facts, or say why it cannot belong to a stack."""
    position = facts.numbers("ImagePositionPatient", 3)
    orientation = facts.numbers("ImageOrientationPatient", 6)
    spacing = facts.numbers("PixelSpacing", 2)
    if position is None or orientation is None or spacing is None:
        raise UnusableError("no position, orientation or pixel spacing")
    if not _is_plane(orientation, spacing):
        raise UnusableError("directions that are not perpendicular, or no positive pixel spacing")
    if max(map(abs, position)) > MAX_POSITION_MM:
        raise UnusableError(f"a position more than {MAX_POSITION_MM / 1000:g} m off")
    if not MIN_SPACING_MM <= min(spacing) <= max(spacing) <= MAX_SPACING_MM:
        raise UnusableError(f"pixels not of {MIN_SPACING_MM:g} to {MAX_SPACING_MM:g} mm")
    rows, columns = facts.integer("Rows"), facts.integer("Columns")
    if not rows or not columns:
        raise UnusableError("no rows or columns")
    if max(rows, columns) > MAX_MATRIX:
        raise UnusableError(f"more than {MAX_MATRIX} rows or columns")
    slope = facts.number("RescaleSlope")
    # Enhanced images name the same facts differently, and number their frames themselves.
    trigger = facts.number("TriggerTime", "NominalCardiacTriggerDelayTime")
    return Image(
        file=name,
        frame=frame,
        position_mm=position,
        orientation=orientation,
        pixel_spacing_mm=(spacing[0], spacing[1]),
        rows=rows,
        columns=columns,
        patient_id=facts.text("PatientID"),
        study_uid=facts.text("StudyInstanceUID"),
        series_uid=facts.text("SeriesInstanceUID"),
        series_number=facts.integer("SeriesNumber"),
        description=facts.text("SeriesDescription"),
        sop_instance_uid=facts.text("SOPInstanceUID"),
        frame_of_reference_uid=facts.text("FrameOfReferenceUID"),
        instance_number=frame + 1 if enhanced else facts.integer("InstanceNumber"),
        acquisition_number=facts.integer("AcquisitionNumber", "FrameAcquisitionNumber"),
        acquired=facts.moment(),
        trigger_ms=trigger,
        temporal_position=facts.integer("TemporalPositionIdentifier", "TemporalPositionIndex"),
        cycle_ms=facts.number("NominalInterval", "RRIntervalTimeNominal"),
        slice_location_mm=facts.number("SliceLocation"),
        slice_thickness_mm=facts.number("SliceThickness"),
        slice_spacing_mm=facts.number("SpacingBetweenSlices"),
        sequence=facts.sequence(),
        sequence_name=facts.text("SequenceName", "PulseSequenceName"),
        component=facts.component(),
        contrast=bool(facts.text("ContrastBolusAgent")),
        slope=1.0 if slope is None or slope == 0 else slope,
        intercept=facts.number("RescaleIntercept") or 0.0,
        mirror=facts.mirror(),
        pixels=pixels,
    )


@lru_cache(maxsize=64)
def _is_plane(orientation: Vector, spacing: Vector) -> bool:
    """Whether an orientation and a pixel spacing span a plane."""
    try:
        image_affine((0.0, 0.0, 0.0), orientation, spacing)
    except GeometryError:
        return False
    return True


class _Facts:
    """Reads the texts of one image's elements; what is malformed counts as absent."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def numbers(self, keyword: str, count: int) -> Vector | None:
        """Look up `count` numbers."""
        numbers = _numbers(self._texts.get(keyword, ""))
        return numbers if len(numbers) == count else None

    def number(self, *keywords: str) -> float | None:
        """Look up one number under the first keyword that has one."""
        for keyword in keywords:
            if numbers := _numbers(self._texts.get(keyword, "")):
                return numbers[0]
        return None

    def integer(self, *keywords: str) -> int | None:
        """Look up one whole number."""
        value = self.number(*keywords)
        return None if value is None else int(value)

    def text(self, *keywords: str) -> str:
        """Look up text under the first keyword that has some, empty where there is none."""
        return next((text for k in keywords if (text := self._texts.get(k, ""))), "")

    def sequence(self) -> tuple[str, ...]:
        """Look up what tells protocols apart, by the names of classic or of enhanced images."""
        scanning = self.text("ScanningSequence", "EchoPulseSequence").upper()
        variant = self.text("SequenceVariant", "SteadyStatePulseSequence").upper()
        values = [*scanning.split("\\"), *sorted(variant.split("\\"))]
        return tuple(filter(None, values))

    def component(self) -> str:
        """Look up what the values are."""
        image_type = self.text("ImageType").split("\\")
        return (self.text("ComplexImageComponent") or "".join(image_type[2:3])).upper()

    def mirror(self) -> float | None:
        """Work out what turns the bright side up: the sum of the two ends of the stored range."""
        if self.text("PhotometricInterpretation") != "MONOCHROME1":
            return None
        if self.integer("PixelRepresentation"):
            return -1.0
        return 2.0 ** (self.integer("BitsStored") or 0) - 1.0

    def moment(self) -> float | None:
        """Look up when the image was acquired."""
        stamp = self.text("FrameAcquisitionDateTime") or self.text("AcquisitionDateTime")
        date, time = stamp[:8], stamp[8:]
        if not time:
            date, time = self.text("AcquisitionDate"), self.text("AcquisitionTime")
        time = time.split("+")[0].split("-")[0]
        try:
            seconds = int(time[:2]) * 3600 + int(time[2:4] or 0) * 60 + float(time[4:] or 0)
        except ValueError:
            return None
        if not 0 <= seconds < 90_000:  # a day and a leap second, which "nan" is not either
            return None
        # Dates like 20120000 occur; as plain numbers they still sort.
        days = int(date[:8]) if date.isdecimal() else 0
        return days * 86400.0 + seconds


@lru_cache(maxsize=4096)
def _numbers(text: str) -> Vector:
    """Read numbers; none where one is malformed or out of all reason."""
    if "_" in text:  # which Python takes for a mark between digits
        return ()
    try:
        numbers = tuple(map(float, text.split("\\")))
    except ValueError:
        return ()
    return numbers if all(abs(number) <= MAX_NUMBER for number in numbers) else ()
