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
from lvvol.errors import (
    AmbiguousStudyError,
    DamagedStudyError,
    LvvolError,
    NotCineError,
    SeriesError,
    TooFewSlicesError,
)


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
    exams: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        exams[image.patient_id, image.study_uid].append(image)
    tried: list[SearchResult] = []
    for exam in sorted(exams):
        acquisitions, decisions = find_acquisitions(exams[exam])
        ledger = Ledger(decisions)
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


def _no_stack_error(
    study: Path, planned: list[SearchResult], tried: list[SearchResult], damaged: list[str]
) -> LvvolError:
    """Return the error for no stack or several stacks."""
    if planned:
        examples = " and ".join(found.acquisitions[0].first.file for found in planned[:2])
        return AmbiguousStudyError(
            f"{study}: expected one study, found {len(planned)} of different patients or dates "
            f"(for example {examples}); select the folder of one study"
        )
    failures = [found.error for found in tried if found.error is not None]
    if damaged:
        why = str(failures[0]).removeprefix(f"{study}: ") if failures else "no image is left"
        return DamagedStudyError(
            f"{study}: found {count_files(damaged, 'truncated or damaged')}; without them: {why}"
        )
    # Report the closest miss: a study with too few cine slices rather than one without any.
    return next((f for f in failures if isinstance(f, TooFewSlicesError)), failures[0])


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
            sorted({file for a in other.acquisitions for file in a.files}),
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
