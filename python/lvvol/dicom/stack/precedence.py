"""Exclude cines that lose to another of the same place: derived to original, ungated to gated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lvvol.dicom.stack.acquisition import SAME_DIRECTION, SAME_PLACE_MM, Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.status import Code

# Names only support what the times already suggest.
_REAL_TIME = re.compile(r"real.?time|free.?breath|ungated", re.IGNORECASE)


def exclude_inferior(
    cine: Sequence[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Exclude derived and ungated cines that show the same places as original and gated ones.

    Filtered images, subtractions and maps have the places and times of the images that they were
    derived from, and later series numbers. Real-time scans often have more phases than gated ones,
    but each slice begins anywhere in the cycle. If any of a kind of cines shows the place of a
    better one, all of that kind are excluded: neither a map nor a real-time slice must fill the
    place of a missing one.

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
        The others, in the same order. Inferior cines remain where nothing else shows their places.
    """
    return _without_ungated(_without_derived(list(cine), named, ledger), named, ledger)


def _without_derived(
    cine: list[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Exclude derived cines that show the places of original ones."""
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


def _without_ungated(
    cine: list[Acquisition], named: frozenset[Acquisition], ledger: Ledger
) -> list[Acquisition]:
    """Exclude cines without a sign of gating that show the places of gated ones."""
    gated = [a for a in cine if not _may_be_ungated(a)]
    ungated = [a for a in cine if _may_be_ungated(a) and a not in named]
    source_of = {
        _kind(other): source
        for other in ungated
        for source in gated
        if _is_same_place(other, source)
    }
    excluded = set()
    for other in ungated:
        source = source_of.get(_kind(other))
        if source is not None:
            excluded.add(other)
            ledger.exclude(
                other,
                "nothing in its headers says that it was gated by the heart, as "
                f"{source.first.label} of the same places was",
            )
    return [a for a in cine if a not in excluded]


def _may_be_ungated(acquisition: Acquisition) -> bool:
    """Whether nothing places its images in the cycle, or its name denies what trigger times say."""
    if acquisition.cycle_ms is not None:
        return False
    names = f"{acquisition.first.description} {acquisition.first.sequence_name}"
    return not acquisition.is_gated or bool(_REAL_TIME.search(names))


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
    ledger.warn(
        Code.DERIVED_IMAGES,
        f"{listed} are derived images (Image Type DERIVED), which may be filtered or computed; "
        "the study has no original images of them. Export the original series if there is one.",
    )


def _kind(acquisition: Acquisition) -> tuple[str, ...]:
    """Return the Image Type and pulse sequence, which all slices of a derived series share."""
    return (*acquisition.first.image_type, *acquisition.protocol)


def _shows_same(copy: Acquisition, source: Acquisition) -> bool:
    """Whether two cines show the same place; maps may lack the pulse sequence."""
    return copy.protocol in ((), source.protocol) and _is_same_place(copy, source)


def _is_same_place(a: Acquisition, b: Acquisition) -> bool:
    """Whether two cines lie in one plane, whatever their field of view."""
    if abs(float(a.normal @ b.normal)) < SAME_DIRECTION:
        return False
    return abs(float((a.centre_mm - b.origin_mm) @ b.normal)) < SAME_PLACE_MM
