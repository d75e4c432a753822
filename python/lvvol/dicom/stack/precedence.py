"""Exclude cines that lose to another of the same place: processed copies of original images."""

from __future__ import annotations

from collections.abc import Sequence

from lvvol.dicom.stack.acquisition import SAME_DIRECTION, SAME_PLACE_MM, Acquisition
from lvvol.dicom.stack.ledger import Ledger


def exclude_copies(
    cine: Sequence[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Exclude derived cines that show the same places as original ones.

    Filtered images, subtractions and maps have the places and times of the images that they were
    derived from, and later series numbers. If any of a kind of derived images is such a copy, all
    of that kind are excluded: a map must not fill the place of a slice whose original is missing.

    Parameters
    ----------
    cine : sequence of Acquisition
        Acquisitions that can be slices.
    named : frozenset of Acquisition
        Acquisitions of the requested series, which are never excluded here.
    ledger : Ledger
        Records exclusions and their reasons.

    Returns
    -------
    list of Acquisition
        The others, in the same order. Derived cines remain where nothing else shows their places.
    """
    originals = [a for a in cine if not a.first.is_derived]
    derived = [a for a in cine if a.first.is_derived and a not in named]
    source_of = {
        _kind(copy): source for copy in derived for source in originals if _shows_same(copy, source)
    }
    excluded = set()
    for copy in derived:
        source = source_of.get(_kind(copy))
        if source is not None:
            excluded.add(copy)
            kind = "\\".join(copy.first.image_type[:4])
            ledger.exclude(
                copy,
                f"it is derived (Image Type {kind}) from images such as those of "
                f"{source.first.label}, which are used instead",
            )
    return [a for a in cine if a not in excluded]


def warn_of_derived(slices: Sequence[Acquisition], ledger: Ledger) -> None:
    """Warn if slices are derived images, which may have been filtered or computed.

    Parameters
    ----------
    slices : sequence of Acquisition
        The slices of the stack in spatial order.
    ledger : Ledger
        Records the warning.
    """
    derived = [i for i, a in enumerate(slices, 1) if a.first.is_derived]
    if not derived:
        return
    listed = (
        "All slices" if len(derived) == len(slices) else f"Slices {', '.join(map(str, derived))}"
    )
    ledger.warnings.append(
        f"{listed} are derived images (Image Type DERIVED), which may be filtered or computed; "
        "the study has no original images of them. Export the original series if there is one."
    )


def _kind(acquisition: Acquisition) -> tuple[str, ...]:
    """Return the Image Type and pulse sequence, which all slices of a derived series share."""
    return (*acquisition.first.image_type, *acquisition.protocol)


def _shows_same(copy: Acquisition, source: Acquisition) -> bool:
    """Whether two cines show the same place; maps may lack the pulse sequence."""
    if copy.protocol and copy.protocol != source.protocol:
        return False
    if abs(float(copy.normal @ source.normal)) < SAME_DIRECTION:
        return False
    return abs(float((copy.centre_mm - source.origin_mm) @ source.normal)) < SAME_PLACE_MM
