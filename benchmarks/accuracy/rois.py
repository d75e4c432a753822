"""Whether the search ends at the heart: patients as they are, frozen, and with phases exchanged.

``python -m benchmarks.accuracy.rois PNG [WEIGHTS]`` measures the training and validation patients
in PNG (``dsb2_png``, ``sunnybrook_png``) with automatic ROIs, and phantoms at six phases, and
writes ``results/rois.json``. With the folder of a run in WEIGHTS, ``--split`` and ``--part`` choose
patients that this run has not seen.

A square is right if its IoU with the square of the mask in the same slice is at least 0.5. Each
study is measured as it is; frozen at ED and at ES, which is one image at every phase and new noise
in each; and with its phases in another order. A frozen study should be refused. One in another
order may be measured, but should look no better than the true order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol import Model, load_model
from lvvol.cine import CineStack
from lvvol.datasets import SHIPPED, LabelledStack, Part, open_dataset, read_split
from lvvol.datasets.labelled import no_masks
from lvvol.errors import NoMotionError, RoiNotFoundError
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from lvvol.roi.square import labelled_square, overlap
from lvvol.typing import Float64

RIGHT_IOU = 0.5
N_PHANTOMS = 6
CHANGED_EVERY = 4
"""Of so many patients, one is searched in every variant and the others as they are."""

NOISE = 0.02
"""Standard deviation of the noise in frozen studies, as a share of the grey values' range."""

AS_IS, EXCHANGED, FROZEN_ED, FROZEN_ES = "as it is", "exchanged", "frozen at ED", "frozen at ES"
PARTS = (Part.TRAIN, Part.CALIBRATION, Part.VALIDATION)
VARIANTS = (AS_IS, EXCHANGED, FROZEN_ED, FROZEN_ES)


def change(stack: CineStack, variant: str, ed: int, es: int, seed: int) -> CineStack:
    """Return the stack as one of `VARIANTS`."""
    if variant == AS_IS:
        return stack
    rng = np.random.default_rng(seed)
    n_phases = stack.n_phases
    if variant == EXCHANGED:
        order = np.array([1, 0]) if n_phases == 2 else rng.permutation(n_phases)
        return replace(stack, images=np.ascontiguousarray(stack.images[:, order]))
    kept = ed if variant == FROZEN_ED else es
    images = np.repeat(stack.images[:, kept : kept + 1], n_phases, axis=1)
    images += NOISE * rng.standard_normal(images.shape, dtype=np.float32)
    return replace(stack, images=np.clip(images, 0, 1))


def motion(stack: CineStack, z: int, square: Float64, phases: tuple[int, int]) -> float:
    """Return the mean change between two phases in a square, relative to that of the slice."""
    changed = np.abs(stack.images[z, phases[0]] - stack.images[z, phases[1]])
    top, left = np.clip(np.rint(square[:2]), 0, None).astype(int)
    bottom, right = np.rint(square[:2] + square[2]).astype(int)
    return float(changed[top:bottom, left:right].mean() / (changed.mean() + 1e-9))


def search(
    labels: LabelledStack, model: Model, seed: int, variants: Iterable[str] = VARIANTS
) -> dict[str, Any]:
    """Measure a study in some variants."""
    assert labels.phases is not None
    return {
        variant: _search(labels, change(labels.stack, variant, *labels.phases, seed), model)
        for variant in variants
    }


def _search(labels: LabelledStack, stack: CineStack, model: Model) -> dict[str, Any]:
    assert labels.phases is not None
    try:
        measured = model.predict_working_stack(stack)
    except (RoiNotFoundError, NoMotionError) as error:
        return {"refused": str(error)}
    rois = measured.rois
    z, ed = rois.start, labels.phases[0]
    truth = labelled_square(labels.masks[z, ed]) if labels.labelled[z, ed] else None
    return {
        "overlap": 0.0 if truth is None else float(overlap(rois.squares_mm[z], truth)),
        "labelled": bool(labels.labelled[z, ed]),
        "status": str(measured.status),
        "reasons": [str(reason.code) for reason in measured.reasons],
        "start": z - stack.n_slices // 2,
        "found_by": str(rois.found_by),
        "score": float(rois.scores[z]),
        "third_best_score": float(np.sort(rois.scores)[-3:][0]),
        "motion": motion(stack, z, rois.squares_mm[z], labels.phases),
        "edv_ml": measured.edv_ml,
    }


def phantom_cine(seed: int) -> LabelledStack:
    """Render a phantom at six phases; its masks are on the scanner's pixels, so it has none."""
    study = make_phantom(seed, n_phases=6, rows=128)
    stack = to_working_stack(study.to_cine_stack())
    truth = study.truth
    return LabelledStack(
        f"phantom/{seed}",
        stack,
        no_masks(stack),
        np.zeros(stack.images.shape[:2], bool),
        ed_phase=truth.ed_phase,
        es_phase=truth.es_phase,
    )


def summarise(each: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Count right, wrong and refused squares of every variant."""
    report: dict[str, Any] = {}
    for variant in VARIANTS:
        seen = {name: of[variant] for name, of in each.items() if variant in of}
        found = {name: of for name, of in seen.items() if "refused" not in of}
        known = {name: of for name, of in found.items() if of["labelled"]}
        wrong = {n: of["status"] for n, of in known.items() if of["overlap"] < RIGHT_IOU}
        report[variant] = {
            "studies": len(seen),
            "refused": len(seen) - len(found),
            "right": len(known) - len(wrong),
            "right_percent": 100 * (len(known) - len(wrong)) / len(known) if known else None,
            "wrong": wrong,
            "ok": sum(of["status"] == "ok" for of in found.values()),
            "refused_patients" if variant == AS_IS else "measured_patients": sorted(
                set(seen) - set(found) if variant == AS_IS else found
            ),
            "lowest_third_best_score": min(
                (of["third_best_score"] for of in found.values()), default=None
            ),
            "lowest_motion": min((of["motion"] for of in found.values()), default=None),
        }
    both = [
        of
        for of in each.values()
        if not any("refused" in of.get(v, {"refused": ""}) for v in (AS_IS, EXCHANGED))
    ]
    gained = [of[EXCHANGED]["third_best_score"] - of[AS_IS]["third_best_score"] for of in both]
    report["exchanged scores higher"] = sum(gain > 0 for gain in gained)
    report["exchanged, median gain of score"] = float(np.median(gained)) if gained else None
    return report


def patients(png: Path, split: str, parts: Iterable[str]) -> Iterator[LabelledStack]:
    """Read the patients of some parts, but never those for tests."""
    chosen, shipped = read_split(split), read_split(SHIPPED)
    for dataset in ("dsb2_png", "sunnybrook_png"):
        opened = open_dataset(png / dataset)
        for part in parts:
            for labels in opened.part(chosen, part):
                if shipped.part_of(labels.patient) in PARTS:
                    yield labels


def main(
    png: Path, weights: Path | None = None, *, split: str = SHIPPED, part: str = ""
) -> dict[str, Any]:
    """Search patients and phantoms."""
    model = load_model(weights)
    parts = [part] if part else list(PARTS)
    sets = {
        "patients": patients(png, split, parts),
        "phantoms": map(phantom_cine, range(1, N_PHANTOMS + 1)),
    }
    report: dict[str, Any] = {"right_iou": RIGHT_IOU, "noise": NOISE, "parts": parts}
    for name, stacks in sets.items():
        every = CHANGED_EVERY if name == "patients" else 1
        each = {}
        for number, labels in enumerate(stacks):
            variants = VARIANTS if number % every == 0 else VARIANTS[:1]
            each[labels.patient] = search(labels, model, 1, variants)
        report[name] = {**summarise(each), "each": each}
        for variant in VARIANTS:
            figures = report[name][variant]
            print(
                f"{name:9} {variant:13} right {figures['right']}, "
                f"refused {figures['refused']} of {figures['studies']}, ok {figures['ok']}, "
                f"wrong {figures['wrong']}, third best {figures['lowest_third_best_score']}"
            )
    return report


if __name__ == "__main__":
    run(main, __doc__, "PNG", "[WEIGHTS]", "--split", "--part", results="rois")
