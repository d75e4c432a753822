"""Find the study with the short-axis stack, among several studies and with requested series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.ledger import FOREIGN, Ledger
from lvvol.dicom.stack.plan import Plan, plan_stack
from lvvol.dicom.stack.scans import find_acquisitions
from lvvol.dicom.stack.split import parts_of_one_stack
from lvvol.errors import (
    AmbiguousStudyError,
    DamagedStudyError,
    LvvolError,
    NotCineError,
    SeriesError,
    TooFewSlicesError,
)
from lvvol.status import Code

# Studies that an error lists.
MAX_LISTED = 5


@dataclass(frozen=True)
class SearchResult:
    """The stack found among the images of one or more studies, or the error.

    Parameters
    ----------
    acquisitions : list of Acquisition
        All acquisitions.
    plan : Plan or None
        The stack.
    ledger : Ledger
        The decisions.
    error : LvvolError or None
        Why there is no plan.
    """

    acquisitions: list[Acquisition]
    plan: Plan | None
    ledger: Ledger
    error: LvvolError | None


def find_stack(
    study: Path, images: list[Image], damaged: list[str], names: Sequence[str | int]
) -> SearchResult:
    """Plan the stack of the only study that has one.

    Parameters
    ----------
    study : Path
        Path of the study, for messages.
    images : list of Image
        All usable images.
    damaged : list of str
        Damaged files.
    names : sequence of str or int
        Requested series.

    Returns
    -------
    SearchResult
        Either a plan or an error.
    """
    tried: list[SearchResult] = []
    for acquisitions, ledger in _exams(images):
        named = frozenset(a for a in acquisitions if _matching_names(a, names))
        try:
            plan = plan_stack(acquisitions, str(study), ledger, named)
        except (NotCineError, TooFewSlicesError) as failure:
            tried.append(SearchResult(acquisitions, None, ledger, failure))
        else:
            tried.append(SearchResult(acquisitions, plan, ledger, None))
    everything = [a for found in tried for a in found.acquisitions]
    planned = [found for found in tried if found.plan]
    if names:
        wanted = [
            f for f in planned if f.plan and any(_matching_names(a, names) for a in f.plan.slices)
        ]
        error = _check_requested(study, everything, tried, wanted, names)
        if error is not None:
            return SearchResult(everything, None, _merged(tried), error)
        planned = wanted
    if len(planned) == 1:
        return _exclude_others(planned[0], tried)
    return SearchResult(
        everything, None, _merged(tried), _no_stack_error(study, planned, tried, damaged)
    )


def _exams(images: Iterable[Image]) -> list[tuple[list[Acquisition], Ledger]]:
    """Group images by Patient ID and Study Instance UID, and join those that are one stack."""
    of_exam: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        of_exam[image.patient_id, image.study_uid].append(image)
    exams = [of_exam[key] for key in sorted(of_exam)]
    found = [find_acquisitions(exam) for exam in exams]
    parts = parts_of_one_stack([[a for a in each if not a.fault] for each, _ in found])
    if not parts:
        return [(acquisitions, Ledger(decisions)) for acquisitions, decisions in found]
    together = [image for part in parts for image in exams[part]]
    acquisitions, decisions = find_acquisitions(together)
    joined = Ledger(decisions)
    differing = [
        name
        for name, values in (
            ("Patient IDs", {i.patient_id for i in together}),
            ("Study Instance UIDs", {i.study_uid for i in together}),
        )
        if len(values) > 1
    ]
    strays = [image for part in parts[1:] for image in exams[part]]
    joined.warn(
        Code.IDENTIFIERS_DIFFER,
        f"The slices have different {' and '.join(differing)} ({len(parts)} parts; the first other "
        f"one: {strays[0].file}). They are measured as one stack, because the parts have the same "
        "direction, axis and pixels and lie side by side; check that all are of one patient.",
    )
    joined.record(
        f"Joined {len(parts)} parts with different {' and '.join(differing)}.",
        "Their cine planes lie side by side in one stack.",
        sorted({image.file for image in strays}),
    )
    others = [f for i, f in enumerate(found) if i not in parts]
    return [(acquisitions, joined), *((each, Ledger(made)) for each, made in others)]


def _no_stack_error(
    study: Path, planned: list[SearchResult], tried: list[SearchResult], damaged: list[str]
) -> LvvolError:
    """Return the error for no stack or several stacks."""
    if planned:
        return _ambiguous(study, planned)
    failures = [found.error for found in tried if found.error is not None]
    if damaged:
        why = str(failures[0]).removeprefix(f"{study}: ") if failures else "no image is left"
        return DamagedStudyError(
            f"{study}: found {count_files(damaged, 'truncated or damaged')}; without them: {why}"
        )
    # Report the closest miss: a study with too few cine slices rather than one without any.
    closest = next((f for f in failures if isinstance(f, TooFewSlicesError)), failures[0])
    if len(tried) == 1:
        return closest
    return type(closest)(
        f"{closest}; the files have {len(tried)} different Patient IDs or Study Instance UIDs, "
        "and each of these was searched by itself: if they are one study, give its files the same "
        "identifiers"
    )


def _ambiguous(study: Path, planned: list[SearchResult]) -> AmbiguousStudyError:
    """Return the error for several stacks: what they are, and how to choose one."""
    slices = [found.plan.slices for found in planned if found.plan]
    uids = [own[0].first.study_uid for own in slices]
    listed = "; ".join(
        f"{uid or 'without UID'} with {len(own)} slices, such as {own[0].first.file}"
        for uid, own in zip(uids[:MAX_LISTED], slices, strict=False)
    )
    more = f"; and {len(uids) - MAX_LISTED} more" if len(uids) > MAX_LISTED else ""
    distinct = "" not in uids and len(set(uids)) == len(uids)
    choice = "its Study Instance UID (--study)" if distinct else "the folder of one"
    return AmbiguousStudyError(
        f"{study}: expected one study, found {len(uids)} of different patients or dates: "
        f"{listed}{more}; select {choice}"
    )


def of_study(study: Path, images: list[Image], uid: str) -> list[Image]:
    """Return the images of the requested study.

    Parameters
    ----------
    study : Path
        Path of the study, for messages.
    images : list of Image
        All usable images.
    uid : str
        Study Instance UID.

    Raises
    ------
    SeriesError
        If no image has it.
    """
    chosen = [image for image in images if image.study_uid == uid]
    if chosen:
        return chosen
    known = sorted({image.study_uid for image in images} - {""})
    listed = ", ".join(known[:MAX_LISTED]) + (", ..." if len(known) > MAX_LISTED else "")
    raise SeriesError(
        f"{study}: expected the Study Instance UID of MR images, got {uid}; "
        f"available: {listed or 'none'}"
    )


def _exclude_others(chosen: SearchResult, tried: list[SearchResult]) -> SearchResult:
    """Record the other studies, which have no stack, as excluded."""
    for other in tried:
        if other is chosen:
            continue
        chosen.ledger.exclusion_reasons.update(dict.fromkeys(other.acquisitions, FOREIGN))
        chosen.ledger.record(
            f"Excluded {sum(a.n_phases for a in other.acquisitions)} images of another patient or "
            "study.",
            "They do not form a short-axis cine stack.",
            # Its own decisions name duplicates, which are in no acquisition.
            sorted(
                {file for a in other.acquisitions for file in a.files}
                | {file for decision in other.ledger.decisions for file in decision.files}
            ),
        )
    acquisitions = [a for found in tried for a in found.acquisitions]
    return SearchResult(acquisitions, chosen.plan, chosen.ledger, None)


def _merged(tried: list[SearchResult]) -> Ledger:
    """Merge the ledgers of several studies."""
    ledger = Ledger()
    for found in tried:
        ledger.decisions += found.ledger.decisions
        ledger.exclusion_reasons |= found.ledger.exclusion_reasons
        for acquisition in found.plan.slices if found.plan else ():
            ledger.exclusion_reasons[acquisition] = "it belongs to one of several possible stacks"
    return ledger


def _matching_names(acquisition: Acquisition, names: Iterable[str | int]) -> set[str | int]:
    """Return the names that match a series of an acquisition."""
    known = {
        known
        for i in acquisition.images
        for known in (i.series_uid, i.series_number, str(i.series_number))
    }
    return {name for name in names if name in known and name != ""}


def _check_requested(
    study: Path,
    acquisitions: list[Acquisition],
    tried: list[SearchResult],
    wanted: list[SearchResult],
    names: Sequence[str | int],
) -> SeriesError | None:
    """Return an error if a requested series does not exist or none of them can be used."""
    for name in names:
        if not any(_matching_names(a, [name]) for a in acquisitions):
            labels = sorted({a.first.label.removeprefix("series ") for a in acquisitions})
            listed = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
            return SeriesError(
                f"{study}: expected a series of the study, got {name}; available: {listed}"
            )
    if wanted or not any(found.plan for found in tried):
        return None  # other errors do not depend on the request
    exclusion_reasons = {
        a: why for found in tried for a, why in found.ledger.exclusion_reasons.items()
    }
    requested = [a for a in acquisitions if _matching_names(a, names)]
    reasons = Counter(exclusion_reasons.get(a, "it is not used") for a in requested)
    ((why, _),) = reasons.most_common(1)
    return SeriesError(
        f"{study}: expected short-axis cine slices in {requested[0].first.label}, but {why}"
    )


def count_files(names: list[str], kind: str = "") -> str:
    """Describe files by their number and the first name.

    Parameters
    ----------
    names : list of str
        At least one.
    kind : str
        An adjective.

    Returns
    -------
    str
        For example ``"2 damaged files (first: a.dcm)"``.
    """
    noun = f"{kind} file".strip()
    if len(names) == 1:
        return f"1 {noun} ({names[0]})"
    return f"{len(names)} {noun}s (first: {names[0]})"
