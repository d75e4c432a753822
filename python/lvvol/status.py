"""`Status` and `Reason`: whether a result needs a person's review, and why.

docs/status.md lists every code with its meaning and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Whether the evidence supports a measurement.

    A study that cannot be measured has no status: it raises an `lvvol.LvvolError`, and lists of
    studies call it failed.

    Attributes
    ----------
    OK : str
        No check speaks against the measurement.
    REVIEW : str
        At least one reason may have changed a volume.
    """

    OK = "ok"
    REVIEW = "review"


class Code(StrEnum):
    """Kind of a reason to review."""

    # Reading: which images make the stack.
    DERIVED_IMAGES = "derived_images"
    FILES_DAMAGED = "files_damaged"
    FILES_LEFT_OUT = "files_left_out"
    IDENTIFIERS_DIFFER = "identifiers_differ"
    NOT_SHORT_AXIS = "not_short_axis"
    SECOND_STACK = "second_stack"
    SLICES_EXCLUDED = "slices_excluded"
    # Reading: their place and time.
    FEW_SLICES = "few_slices"
    FRAMES_OF_REFERENCE_DIFFER = "frames_of_reference_differ"
    GAP = "gap"
    PHASE_ORDER_DOUBTFUL = "phase_order_doubtful"
    PHASES_MISSING = "phases_missing"
    PIXEL_SPACING_DOUBTFUL = "pixel_spacing_doubtful"
    SLICE_SPACING_DOUBTFUL = "slice_spacing_doubtful"
    SLICES_SHIFTED = "slices_shifted"
    SLICES_STILL = "slices_still"
    SLICES_THIN = "slices_thin"
    SLICES_TURNED = "slices_turned"
    # Images.
    BLURRED = "blurred"
    CYCLE_NOT_COVERED = "cycle_not_covered"
    GHOSTS = "ghosts"
    GREY_VALUES_JUMP = "grey_values_jump"
    NOISY = "noisy"
    # Measurement.
    APEX_NOT_COVERED = "apex_not_covered"
    AREAS_DISAGREE = "areas_disagree"
    AREAS_UNEVEN = "areas_uneven"
    BASE_NOT_COVERED = "base_not_covered"
    EF_IMPLAUSIBLE = "ef_implausible"
    END_NOT_COVERED = "end_not_covered"
    NO_TAPER = "no_taper"
    ROI_CUT_OFF = "roi_cut_off"
    ROI_DOUBTFUL = "roi_doubtful"
    SHAPE_IMPLAUSIBLE = "shape_implausible"
    VOLUME_IMPLAUSIBLE = "volume_implausible"


@dataclass(frozen=True)
class Reason:
    """A reason to review a measurement before use: something that may have changed a volume.

    Parameters
    ----------
    code : Code
        Its kind, stable between versions.
    sentence : str
        What is wrong, where, and what to do; slices and phases count from 1.

    Examples
    --------
    >>> reason = Reason(Code.FEW_SLICES, "The stack has only 5 slices.")
    >>> str(reason), str(reason.code)
    ('The stack has only 5 slices.', 'few_slices')
    """

    code: Code
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def to_dict(self) -> dict[str, str]:
        """Return the reason as plain text, ready for JSON."""
        return {"code": str(self.code), "sentence": self.sentence}
