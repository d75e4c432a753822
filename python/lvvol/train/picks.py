"""ED and ES of whole cines: picked first from the images, then by the model (paper III-I)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lvvol.cine import CineStack
from lvvol.errors import RoiNotFoundError
from lvvol.networks.files import ROI_CLASSIFIER_FILE, SHIPPED
from lvvol.networks.inference import load_roi_classifier
from lvvol.patches import iterate_patches
from lvvol.roi import DETECTOR_FILE, CascadeProposer, WindowScorer, locate, read_detector
from lvvol.roi.square import Squares
from lvvol.train.device import Compute
from lvvol.train.examples import Entry, to_csv
from lvvol.train.networks import SegmentationNetwork
from lvvol.typing import Float64
from lvvol.volume import cone_volume_ml
from lvvol.windows import extract_windows

_SIZE = 24
"""Rows and columns in which phases are compared."""

Report = Callable[[int, int], None]
"""Called with the patients done and their number."""


def first_picks(stack: CineStack, squares: Squares) -> tuple[int, int]:
    """Return phases of ED and ES without a model: the first, and the one least like it.

    Parameters
    ----------
    stack : CineStack
        Working stack of a whole cine, which starts near ED.
    squares : ndarray, shape (slice, 3)
        The LV's square in each slice.

    Returns
    -------
    (int, int)
        ED and ES; ES differs most from ED within the squares, by the mean absolute difference.

    Notes
    -----
    The paper picks the first phases by eye; these are corrected by `pick_again`.
    """
    windows = extract_windows(
        stack.images, np.arange(stack.n_slices), squares, np.arange(stack.n_phases), _SIZE
    )
    difference = np.abs(windows - windows[:, :1]).mean(axis=(0, 2, 3))
    difference[0] = -1.0
    return 0, int(difference.argmax())


@dataclass(frozen=True, eq=False)
class Pick:
    """Squares of a patient, and phases of ED and ES."""

    squares: Squares
    phases: tuple[int, int]


def find_missing(
    entries: Sequence[Entry], weights: Path, report: Report
) -> list[Pick | str | None]:
    """Find squares where none are drawn, and phases where none are known.

    Parameters
    ----------
    entries : sequence of Entry
        Patients, some of them complete.
    weights : Path
        Folder of the classifier, and of the detector if it is not the shipped one.
    report : callable
        Called with the patients done and their number.

    Returns
    -------
    list of Pick, str or None
        Of each patient, what was found; why nothing was; or None if nothing is missing.
    """
    missing = [not entry.complete for entry in entries]
    if not any(missing):
        return [None] * len(entries)
    classifier = load_roi_classifier(weights / ROI_CLASSIFIER_FILE)
    trained = weights / DETECTOR_FILE
    proposer = CascadeProposer(
        read_detector(trained if trained.exists() else SHIPPED / DETECTOR_FILE)
    )
    found: list[Pick | str | None] = []
    for number, entry in enumerate(entries):
        report(number, len(entries))
        if not missing[number]:
            found.append(None)
            continue
        stack = entry.dataset[entry.index].stack
        try:
            squares = locate(WindowScorer(stack, classifier), proposer).squares_mm
        except RoiNotFoundError as error:
            found.append(str(error))
        else:
            found.append(Pick(squares, entry.phases or first_picks(stack, squares)))
    report(len(entries), len(entries))
    return found


def with_picks(
    entries: Sequence[Entry], picks: Sequence[Pick | str | None], dropped: dict[str, str]
) -> list[Entry]:
    """Return the patients with what was found, less those in whom no ventricle was.

    Parameters
    ----------
    entries : sequence of Entry
        Patients.
    picks : sequence of Pick, str or None
        Of each, from `find_missing` or `pick_again`.
    dropped : dict of str
        Filled with the patients left out, and why.
    """
    complete = []
    for entry, pick in zip(entries, picks, strict=True):
        if isinstance(pick, str):
            dropped[entry.name] = pick
        elif pick is None:
            complete.append(entry)
        else:
            complete.append(entry.with_picks(pick.squares, pick.phases))
    return complete


def pick_again(
    entries: Sequence[Entry], network: SegmentationNetwork, compute: Compute, report: Report
) -> tuple[list[Pick | str | None], bytes]:
    """Replace picked phases by those of the model's largest and smallest volume (paper III-I).

    Parameters
    ----------
    entries : sequence of Entry
        Complete patients; those with labelled phases keep them.
    network : HFCN or FCN
        Trained on the phases picked before.
    compute : Compute
        Where it is.
    report : callable
        Called with the patients done and their number.

    Returns
    -------
    picks : list of Pick, str or None
        Of each patient, for `with_picks`.
    table : bytes
        CSV with the phases, counted from 0, and volumes in mL of each patient whose phases were
        picked, and the phases before.
    """
    picks: list[Pick | str | None] = []
    rows = []
    for number, entry in enumerate(entries):
        report(number, len(entries))
        if not entry.phases_picked or entry.squares is None or entry.phases is None:
            picks.append(None)
            continue
        stack = entry.dataset[entry.index].stack
        volumes_ml = phase_volumes_ml(stack, entry.squares, network, compute)
        ed, es = int(volumes_ml.argmax()), int(volumes_ml.argmin())
        if ed == es:  # the model measures nothing, so it cannot say
            ed, es = entry.phases
        picks.append(Pick(entry.squares, (ed, es)))
        volumes = f"{volumes_ml[ed]:.1f}", f"{volumes_ml[es]:.1f}"
        rows.append((entry.name, ed, es, *volumes, *entry.phases))
    report(len(entries), len(entries))
    header = ("patient", "ed_phase", "es_phase", "edv_ml", "esv_ml", "ed_before", "es_before")
    return picks, to_csv(header, rows)


def phase_volumes_ml(
    stack: CineStack, squares: Squares, network: SegmentationNetwork, compute: Compute
) -> Float64:
    """Measure every phase of a working stack by O.

    Parameters
    ----------
    stack : CineStack
        Working stack.
    squares : ndarray, shape (slice, 3)
        The LV's square in each slice.
    network : HFCN or FCN
        Put into evaluation mode.
    compute : Compute
        Where it is.

    Returns
    -------
    ndarray, shape (phase,)
        Volumes in mL, by truncated cones, as in prediction.
    """
    network.eval()
    fractions = np.empty((stack.n_slices, stack.n_phases))
    with torch.no_grad():
        patches = iterate_patches(stack.images, squares, network.config.channels)
        for z, of_slice in enumerate(patches):
            _, area_map = network(compute.tensor(of_slice))
            fractions[z] = area_map.float().mean(dim=(1, 2, 3)).cpu().numpy()
    areas_mm2 = np.clip(fractions, 0, None) * squares[:, 2:] ** 2
    return cone_volume_ml(areas_mm2.T, stack.positions_mm)
