"""Several studies may lie together, and the user may name series: find the one with the stack."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.ledger import Ledger
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
class Found:
    """What the images of a study amount to: a plan, or the error that says why there is none.

    Parameters
    ----------
    acquisitions : list of Acquisition
        All of them.
    plan : Plan or None
        The stack.
    ledger : Ledger
        What was decided.
    error : LvvolError or None
        Why there is no plan.
    """

    acquisitions: list[Acquisition]
    plan: Plan | None
    ledger: Ledger
    error: LvvolError | None


def find_stack(
    study: Path, images: list[Image], damaged: list[str], names: Sequence[str | int]
) -> Found:
    """Plan the stack of the one study among the images that has one.

    Parameters
    ----------
    study : Path
        Its path, for messages.
    images : list of Image
        All that can be used.
    damaged : list of str
        Files that cannot.
    names : sequence of str or int
        Series that the user asked for.

    Returns
    -------
    Found
        With a plan or an error.
    """
    exams: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        exams[image.patient_id, image.study_uid].append(image)
    tried: list[Found] = []
    for exam in sorted(exams):
        acquisitions, decisions = find_acquisitions(exams[exam])
        ledger = Ledger(decisions)
        named = frozenset(a for a in acquisitions if _names_of(a, names))
        try:
            plan = plan_stack(acquisitions, str(study), ledger, named)
        except (NotCineError, TooFewSlicesError) as failure:
            tried.append(Found(acquisitions, None, ledger, failure))
        else:
            tried.append(Found(acquisitions, plan, ledger, None))
    everything = [a for found in tried for a in found.acquisitions]
    planned = [found for found in tried if found.plan]
    if names:
        wanted = [f for f in planned if f.plan and any(_names_of(a, names) for a in f.plan.slices)]
        error = _check_named(study, everything, tried, wanted, names)
        if error is not None:
            return Found(everything, None, _merged(tried), error)
        planned = wanted
    if len(planned) == 1:
        return _with_others(planned[0], tried)
    return Found(everything, None, _merged(tried), _no_stack(study, planned, tried, damaged))


def _no_stack(
    study: Path, planned: list[Found], tried: list[Found], damaged: list[str]
) -> LvvolError:
    """Say why there is not one stack."""
    if planned:
        examples = " and ".join(found.acquisitions[0].first.file for found in planned[:2])
        return AmbiguousStudyError(
            f"{study}: expected one study, found {len(planned)} of different patients or dates "
            f"(such as {examples}): name the folder of one"
        )
    failures = [found.error for found in tried if found.error is not None]
    if damaged:
        why = str(failures[0]).removeprefix(f"{study}: ") if failures else "nothing is left"
        return DamagedStudyError(
            f"{study}: {count_files(damaged)} truncated or damaged; without them: {why}"
        )
    # The study that came nearest: slices in motion say more than planes that stand still.
    return next((f for f in failures if isinstance(f, TooFewSlicesError)), failures[0])


def _with_others(chosen: Found, tried: list[Found]) -> Found:
    """Add to the study that has the stack those that have none."""
    for other in tried:
        if other is chosen:
            continue
        why = "it belongs to another patient or study"
        chosen.ledger.exclusion_reasons.update(dict.fromkeys(other.acquisitions, why))
        chosen.ledger.note(
            f"Set aside {sum(a.n_phases for a in other.acquisitions)} images of another patient or "
            "study.",
            "They form no short-axis cine stack.",
            sorted({file for a in other.acquisitions for file in a.files}),
        )
    acquisitions = [a for found in tried for a in found.acquisitions]
    return Found(acquisitions, chosen.plan, chosen.ledger, None)


def _merged(tried: list[Found]) -> Ledger:
    """Put together what was decided on several studies, none of which has the stack."""
    ledger = Ledger()
    for found in tried:
        ledger.decisions += found.ledger.decisions
        ledger.exclusion_reasons |= found.ledger.exclusion_reasons
        for acquisition in found.plan.slices if found.plan else ():
            ledger.exclusion_reasons[acquisition] = (
                "it belongs to a stack, but there is another one to choose"
            )
    return ledger


def _names_of(acquisition: Acquisition, names: Iterable[str | int]) -> set[str | int]:
    """Return those names that mean a series of an acquisition."""
    known = {
        known
        for i in acquisition.images
        for known in (i.series_uid, i.series_number, str(i.series_number))
    }
    return {name for name in names if name in known and name != ""}


def _check_named(
    study: Path,
    acquisitions: list[Acquisition],
    tried: list[Found],
    wanted: list[Found],
    names: Sequence[str | int],
) -> SeriesError | None:
    """Say which series asked for are not there, or that none of them can be used."""
    for name in names:
        if not any(_names_of(a, [name]) for a in acquisitions):
            there = sorted({a.first.label.removeprefix("series ") for a in acquisitions})
            listed = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
            return SeriesError(
                f"{study}: expected a series of the study, got {name}; there are {listed}"
            )
    if wanted or not any(found.plan for found in tried):
        return None  # what else is wrong is told as it would be without names
    exclusion_reasons = {
        a: why for found in tried for a, why in found.ledger.exclusion_reasons.items()
    }
    asked = [a for a in acquisitions if _names_of(a, names)]
    ((why, _),) = Counter(exclusion_reasons.get(a, "it is not used") for a in asked).most_common(1)
    return SeriesError(
        f"{study}: expected short-axis cine slices in {asked[0].first.label}, but {why}"
    )


def count_files(names: list[str]) -> str:
    """Count files and name the first.

    Parameters
    ----------
    names : list of str
        At least one.

    Returns
    -------
    str
        Such as ``"2 files (first: a.txt)"``.
    """
    if len(names) == 1:
        return f"1 file ({names[0]})"
    return f"{len(names)} files (first: {names[0]})"
