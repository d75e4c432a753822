"""Does the search that scores a part of the windows around a square find the best of all?

``python -m benchmarks.accuracy.refinement PNG DATA`` follows the search of ``lvvol predict``
through the validation patients below PNG (``dsb2_png``, ``sunnybrook_png``) and the DICOM studies
below DATA, scores all 150 windows beside it, and writes ``results/refinement.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import read_paths
from benchmarks.machine import write_results
from lvvol import load_study, pipeline
from lvvol.cine import CineStack
from lvvol.datasets import Part, read_dataset
from lvvol.preprocess import to_working_stack
from lvvol.roi import CascadeProposer, WindowScorer
from lvvol.roi.refine import LOWEST_SCORE, best_around, windows_around
from lvvol.roi.square import Squares
from tests.support.real_studies import STUDIES


class Counting(WindowScorer):
    """Counts the windows it scores."""

    count = 0

    def __call__(self, z: int, squares: Squares) -> Any:
        """Count, then score."""
        self.count += len(squares)
        return super().__call__(z, squares)


def compare(stack: CineStack, model: pipeline.Model) -> Iterator[dict[str, Any]]:
    """Search from the detector's first proposal outwards; compare in every slice."""
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
    """Return how often the winner is the same where windows are believed, and what it costs."""
    each = list(each)
    believed = [entry for entry in each if entry["believed"]]
    return {
        "slices": len(each),
        "mean_windows": float(np.mean([entry["windows"] for entry in each])),
        "believed": len(believed),
        "same_winner": sum(entry["same"] for entry in believed),
        "largest_loss": max((entry["lost"] for entry in believed), default=0.0),
    }


def main(png: Path, data: Path) -> None:
    """Compare on every patient, write."""
    model = pipeline.load_model()
    stacks = [
        labels.stack
        for dataset in ("dsb2_png", "sunnybrook_png")
        for labels in read_dataset(png / dataset, {Part.VALIDATION})
    ]
    stacks += [to_working_stack(load_study(data / study)) for study in STUDIES]
    report = summarise(entry for stack in stacks for entry in compare(stack, model))
    print(write_results("refinement", report).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(*read_paths(__doc__, "PNG", "DATA"))
