"""The values of a header's elements, with their types."""

from __future__ import annotations

import datetime
from calendar import monthrange
from collections.abc import Mapping
from functools import lru_cache

Vector = tuple[float, ...]
Texts = tuple[str | None, ...]

# Above the largest integer in a header, 2^32; sums and products of such values stay finite.
MAX_NUMBER = 1e10


class Attributes:
    """Typed access to the elements of an image; malformed values count as missing."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @classmethod
    def of(cls, keywords: tuple[str, ...], texts: Texts) -> Attributes:
        """Return the attributes of which `texts` returned the texts."""
        given = zip(keywords, texts, strict=True)
        return cls({keyword: text for keyword, text in given if text is not None})

    def texts(self, keywords: tuple[str, ...]) -> Texts:
        """Return the texts of elements; None of those missing."""
        return tuple(map(self._texts.get, keywords))

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
