"""Phantoms whose cines begin anywhere in the cycle, so that the first picks of ED are wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.datasets import Dataset, LabelledStack, Patient, open_dataset
from lvvol.datasets.cache import write_index, write_patient
from lvvol.datasets.labelled import no_masks
from lvvol.datasets.phantoms import phantom_labels
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack

LEARNED = range(3000, 3048)
MEASURED = range(4000, 4020)
N_PHASES = 12


def late_by(seed: int) -> int:
    """Return how many phases after ED a phantom's cine begins; every phase occurs as often."""
    return seed % N_PHASES


def late_cine(seed: int, rows: int = 256) -> LabelledStack:
    """Render a whole cine as DSB2 has them: EDV and ESV, no masks and no phases.

    Parameters
    ----------
    seed : int
        Seed of `lvvol.phantom.make_phantom`.
    rows : int
        Rows of the matrix.

    Returns
    -------
    LabelledStack
        Patient ``phantom/SEED``, whose cine begins `late_by` phases after ED.
    """
    phantom = make_phantom(seed, n_phases=N_PHASES, rows=rows)
    stack = to_working_stack(phantom.to_cine_stack())
    stack = replace(stack, images=np.roll(stack.images, -late_by(seed), axis=1))
    return LabelledStack(
        patient=f"phantom/{seed}",
        stack=stack,
        masks=no_masks(stack),
        labelled=np.zeros(stack.images.shape[:2], dtype=bool),
        edv_ml=phantom.truth.edv_ml,
        esv_ml=phantom.truth.esv_ml,
    )


def write_late_phantoms(cache: Path, seeds: Iterable[int] = LEARNED, rows: int = 256) -> Path:
    """Write the cines to learn from into a cache, those that it lacks, and return it."""
    write_index(cache)
    known = set(open_dataset(cache).names)
    for seed in seeds:
        if f"phantom/{seed}" not in known:
            write_patient(cache, late_cine(seed, rows), f"late by {late_by(seed)}")
    return cache


def measured_phantoms(seeds: Iterable[int] = MEASURED, rows: int = 256) -> Dataset:
    """Return other phantoms at ED and ES, with exact masks."""
    patients = (
        Patient(f"phantom/{seed}", (), partial(phantom_labels, seed, rows)) for seed in seeds
    )
    return Dataset("phantoms", tuple(patients))


def right_picks(phases_csv: Path) -> dict[str, Any]:
    """Count phases within one of the truth, before and after they were picked again.

    Parameters
    ----------
    phases_csv : Path
        ``phases.csv`` of a run that learned from cines of `write_late_phantoms`.

    Returns
    -------
    dict
        ``patients``; and of them those whose ED, whose ES, and whose both phases are right,
        ``before`` and ``after``.
    """
    counts: dict[str, dict[str, int]] = {
        when: {"ed": 0, "es": 0, "both": 0} for when in ("before", "after")
    }
    with phases_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        seed = int(row["patient"].removeprefix("phantom/"))
        truth = make_phantom(seed, n_phases=N_PHASES).truth
        for when, suffix in (("before", "before"), ("after", "phase")):
            right = {
                name: _distance(int(row[f"{name}_{suffix}"]) + late_by(seed), true_phase) <= 1
                for name, true_phase in (("ed", truth.ed_phase), ("es", truth.es_phase))
            }
            for name in ("ed", "es"):
                counts[when][name] += right[name]
            counts[when]["both"] += all(right.values())
    return {"patients": len(rows), **counts}


def _distance(one: int, other: int) -> int:
    """Return the number of phases between two, the shorter way round the cycle."""
    apart = (one - other) % N_PHASES
    return min(apart, N_PHASES - apart)
