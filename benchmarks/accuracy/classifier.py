"""What the ROI classifier alone says of hearts, beating and frozen, and of what resembles them.

``python -m benchmarks.accuracy.classifier PNG [WEIGHTS]`` scores windows of the patients in PNG
(``dsb2_png``, ``sunnybrook_png``) that the shipped classifier has not learned from, in the labelled
slice nearest to the middle: the best window around the LV as it is and frozen at either phase, and
the likeliest proposal elsewhere. It writes ``results/classifier.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.rois import AS_IS, FROZEN_ED, FROZEN_ES, change, patients
from benchmarks.command import run
from lvvol import Model, load_model
from lvvol.datasets import SHIPPED, LabelledStack, Part
from lvvol.roi import CascadeProposer, WindowScorer
from lvvol.roi.refine import best_around
from lvvol.roi.square import labelled_square, overlap

UNSEEN = (Part.CALIBRATION, Part.VALIDATION)
LOOK_ALIKE = "likeliest proposal elsewhere"
LOOK_ALIKE_IOU = 0.25
"""Proposals that overlap the LV's square by less lie elsewhere."""


def main(png: Path, weights: Path | None = None) -> dict[str, Any]:
    """Score every patient."""
    model = load_model(weights)
    each = {
        labels.patient: scores(labels, model)
        for labels in patients(png, SHIPPED, UNSEEN)
        if labels.phases is not None and labels.masks[:, labels.phases[0]].any()
    }
    report: dict[str, Any] = {"patients": len(each)}
    for what in (AS_IS, FROZEN_ED, FROZEN_ES, LOOK_ALIKE):
        values = [of[what] for of in each.values() if what in of]
        low, median, high = np.percentile(values, (5, 50, 95)).tolist()
        report[what] = {"5 %": low, "median": median, "95 %": high}
        print(f"{what:28} median {median:.3f}, 5 to 95 % {low:.3f} to {high:.3f}")
    return {**report, "each": each}


def scores(labels: LabelledStack, model: Model) -> dict[str, float]:
    """Return the scores of one patient."""
    assert labels.phases is not None
    ed = labels.phases[0]
    drawn = np.flatnonzero(labels.masks[:, ed].any(axis=(1, 2)))
    z = int(drawn[np.abs(drawn - labels.stack.n_slices // 2).argmin()])
    truth = labelled_square(labels.masks[z, ed])
    assert truth is not None
    found = {}
    for variant in (AS_IS, FROZEN_ED, FROZEN_ES):
        stack = change(labels.stack, variant, *labels.phases, seed=1)
        found[variant] = best_around(WindowScorer(stack, model.roi_classifier), z, truth)[1]
    proposals = CascadeProposer(model.detector)(labels.stack.images[z])
    elsewhere = proposals[overlap(proposals, truth) < LOOK_ALIKE_IOU]
    if len(elsewhere):
        scorer = WindowScorer(labels.stack, model.roi_classifier)
        found[LOOK_ALIKE] = float(scorer(z, elsewhere).max())
    return found


if __name__ == "__main__":
    run(main, __doc__, "PNG", "[WEIGHTS]", results="classifier")
