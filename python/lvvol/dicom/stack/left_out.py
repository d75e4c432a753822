"""Sum up in one warning what was left out and may belong to the stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from lvvol.dicom.stack.acquisition import Acquisition, same_plane
from lvvol.dicom.stack.candidates import PARALLEL_DEGREES, angle_degrees
from lvvol.dicom.stack.content import signal_of
from lvvol.dicom.stack.ledger import FOREIGN, Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.status import Code

# Stray files of any kind are common; more than this share of the stack's images may be a part of it
# whose headers are spoiled.
MAX_STRAY_SHARE = 0.05


def warn_of_left_out(
    plan: Plan,
    acquisitions: Sequence[Acquisition],
    excluded: Mapping[str, Sequence[str]],
    series: Mapping[str, tuple[object, ...]],
    ledger: Ledger,
) -> None:
    """Warn once if images that were left out may show the ventricle.

    These are cine images parallel to the stack, files of its series whose headers make no plane,
    and files of any series if there are many.

    Parameters
    ----------
    plan : Plan
        The stack.
    acquisitions : sequence of Acquisition
        All acquisitions, those of other studies included.
    excluded : mapping of str to sequence of str
        Files whose images cannot be part of a stack, by reason.
    series : mapping of str to tuple
        Key of the series of each of these files.
    ledger : Ledger
        Has the reasons, and records the warning.
    """
    of_stack = {image.series for a in plan.slices for image in a.images}
    suspects: dict[str, list[str]] = defaultdict(list)
    for acquisition in acquisitions:
        reason = ledger.exclusion_reasons.get(acquisition, "")
        if _may_belong(acquisition, plan, of_stack, reason):
            suspects[reason.removeprefix("it ")] += acquisition.files
    n_parallel = sum(map(len, suspects.values()))
    n_unusable = sum(map(len, excluded.values()))
    n_images = int(plan.phases.size)
    for reason, files in excluded.items():
        own = [file for file in files if series.get(file) in of_stack]
        if chosen := (files if n_unusable > MAX_STRAY_SHARE * n_images else own):
            suspects[reason] += chosen
    n_files = sum(map(len, suspects.values()))
    if not n_files:
        return
    known = ""
    if n_parallel:
        known = f", {n_parallel if n_parallel < n_files else 'all'} of them parallel cine"
    listed = "; ".join(
        f"{len(files)} ({reason}; first: {min(files)})" for reason, files in suspects.items()
    )
    ledger.warn(
        Code.FILES_LEFT_OUT,
        f"Left out {n_files} file{'s' * (n_files != 1)}{known}, beside the {n_images} images of "
        f"the stack: {listed}. If they show the ventricle, a part of it is missing from the "
        "volumes; lvvol inspect lists them.",
    )


def _may_belong(
    acquisition: Acquisition, plan: Plan, of_stack: set[tuple[object, ...]], reason: str
) -> bool:
    """Whether an acquisition may be a slice that was lost.

    Repeats and whole other stacks are not lost, and have been reported.
    """
    if not reason or angle_degrees(acquisition.normal, plan.normal) > PARALLEL_DEGREES:
        return False
    if reason == FOREIGN:
        return not acquisition.fault or _in_slice(acquisition, plan) is not None
    in_series = any(image.series in of_stack for image in acquisition.images)
    if signal_of(acquisition.first) != "magnitude":
        return in_series and not _is_shown(acquisition, plan)
    unordered = acquisition.n_phases > 1 and not acquisition.phase_key
    return bool(acquisition.fault) and (in_series or unordered)


def _in_slice(acquisition: Acquisition, plan: Plan) -> Acquisition | None:
    """Return the slice of the stack in the plane of an acquisition."""
    return next((a for a in plan.slices if same_plane(a.first, acquisition.first)), None)


def _is_shown(acquisition: Acquisition, plan: Plan) -> bool:
    """Whether the stack has an image at every place and time of an acquisition.

    Phase maps and parts of the complex signal accompany magnitude images.
    """
    beside = _in_slice(acquisition, plan)
    if beside is None:
        return False
    times = {image.trigger_ms for image in beside.images}
    return all(image.trigger_ms in times for image in acquisition.images)
