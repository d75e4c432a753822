"""Whether the search that scores only some windows around a square finds the best of them.

``python -m benchmarks.accuracy.refinement PNG DATA`` follows the search of ``lvvol predict``
through the validation patients in PNG (``dsb2_png``, ``sunnybrook_png``) and the DICOM studies in
DATA, scores all 150 windows as well, and writes ``results/refinement.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol import Model, load_model, load_study
from lvvol.cine import CineStack
from lvvol.datasets import Part, read_dataset
from lvvol.preprocess import to_working_stack
from lvvol.roi import CascadeProposer, WindowScorer
from lvvol.roi.refine import LOWEST_SCORE, best_around, windows_around
from lvvol.roi.square import Squares
from tests.support.real_studies import STUDIES


class Counting(WindowScorer):
    """A scorer that counts the windows it scores."""

    count = 0

    def __call__(self, z: int, squares: Squares) -> Any:
        """Count the windows, then score them."""
        self.count += len(squares)
        return super().__call__(z, squares)


def compare(stack: CineStack, model: Model) -> Iterator[dict[str, Any]]:
    """Search outwards from the first proposal, and compare the winners in every slice."""
    scorer = Counting(stack, model.roi_classifier)
    middle = stack.n_slices // 2
    proposals = CascadeProposer(model.detector)(stack.images[middle])
    if not len(proposals):
        return
    for slices in (range(middle, stack.n_slices), range(middle - 1, -1, -1)):
        square = proposals[0]
        for z in slices:
            windows = windows_around(square).reshape(-1, 3)
            scores = scorer(z, windows)
            before = scorer.count
            found, score = best_around(scorer, z, square)
            yield {
                "windows": scorer.count - before,
                "believed": bool(scores.max() >= LOWEST_SCORE),
                "same": bool((found == windows[scores.argmax()]).all()),
                "lost": float(scores.max() - score),
            }
            if score >= LOWEST_SCORE:
                square = found


def summarise(each: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return how often both find the same winner, and how much score is lost where they differ."""
    each = list(each)
    believed = [entry for entry in each if entry["believed"]]
    return {
        "slices": len(each),
        "mean_windows": float(np.mean([entry["windows"] for entry in each])),
        "believed": len(believed),
        "same_winner": sum(entry["same"] for entry in believed),
        "largest_loss": max((entry["lost"] for entry in believed), default=0.0),
    }


def main(png: Path, data: Path) -> dict[str, Any]:
    """Compare both searches in every patient."""
    model = load_model()
    stacks = [
        labels.stack
        for dataset in ("dsb2_png", "sunnybrook_png")
        for labels in read_dataset(png / dataset, {Part.VALIDATION})
    ]
    stacks += [to_working_stack(load_study(data / study)) for study in STUDIES]
    report = summarise(entry for stack in stacks for entry in compare(stack, model))
    print(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    run(main, __doc__, "PNG", "DATA", results="refinement")
