"""Whether the detector proposes the square of the LV, and whether the search ends there.

``python -m benchmarks.accuracy.proposals PNG DATA RUNS`` takes the folder with ``dsb2_png`` and
``sunnybrook_png``, the folder with the unpacked DICOM studies, and a folder for the cascades it
trains: one per DICOM study, on the surroundings of the four others. It searches patients left out
of training, writes ``results/proposals.json`` and draws ``docs/proposals.svg``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import run
from lvvol import Model, _core, load_model, load_study
from lvvol.cine import CineStack
from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.datasets.phantoms import phantom_labels
from lvvol.errors import RoiNotFoundError
from lvvol.preprocess import to_working_stack
from lvvol.roi import DETECTOR_FILE, CascadeProposer, WindowScorer, locate, read_detector
from lvvol.roi.square import Squares, labelled_square, overlap
from lvvol.train import Selection, train_detector
from lvvol.train.sampling import random_rotations
from tests.support.real_studies import DSB2, STUDIES, SUNNYBROOK, read_contours

RIGHT_IOU = 0.5
N_PHANTOMS = 100
DOCS = Path(__file__).parents[2] / "docs"

# The cavity in the middle slice of the studies without contours, judged by eye: row and column of
# its centre, height and width.
BY_EYE_MM = {"1": (195.7, 180.0, 55.0, 62.7), "501": (178.3, 127.0, 63.0, 65.7)}


@dataclass(frozen=True)
class Case:
    """A working stack, and the square of the LV in its middle slice."""

    name: str
    stack: CineStack
    square: Squares


def labelled_cases(stacks: Iterable[LabelledStack]) -> Iterator[Case]:
    """Yield a case for each stack whose middle slice is labelled."""
    for labels in stacks:
        z = labels.stack.n_slices // 2
        square = labelled_square(labels.masks[z, 0])
        if square is not None and labels.labelled[z, 0]:
            yield Case(labels.patient, labels.stack, square)


def turned(cases: Iterable[Case], seed: int) -> Iterator[Case]:
    """Rotate each stack about its square by a random angle; mirror half of them."""
    rng = np.random.default_rng(seed)
    for case in cases:
        turn = random_rotations(1, rng)[0]
        centre = case.square[:2] + case.square[2] / 2 - 0.5
        matrix = np.column_stack([turn, centre - turn @ centre])
        images = case.stack.images
        planes = images.reshape(-1, *images.shape[2:])
        matrices = np.tile(matrix, (len(planes), 1, 1))
        moved = _core.resample(planes, matrices, images.shape[2:], edge="nearest")
        stack = CineStack(
            images=moved.reshape(images.shape),
            pixel_spacing_mm=case.stack.pixel_spacing_mm,
            positions_mm=case.stack.positions_mm,
            times_ms=case.stack.times_ms,
            affines=case.stack.affines,
        )
        yield Case(f"{case.name}, turned", stack, case.square)


def dicom_case(data: Path, study: str) -> Case:
    """Read a whole study; its square comes from contours, or from `BY_EYE_MM`."""
    stack = load_study(data / study)
    z, name = stack.n_slices // 2, study.rsplit("/", maxsplit=1)[-1]
    working = to_working_stack(stack)
    shape = working.images.shape[2:]
    if name in DSB2:
        row, column, height, width = BY_EYE_MM[name]
        rows, columns = np.indices(shape) + 0.5
        mask = np.hypot((rows - row) / height, (columns - column) / width) <= 0.5
    else:
        drawn = read_contours(data / "sunnybrook", name)
        covered = [
            _core.contour_coverage(drawn[uid], shape)
            for uid in stack.sop_instance_uids[z]
            if uid in drawn
        ]
        mask = max(covered, key=lambda coverage: float(coverage.sum())) >= 0.5
    square = labelled_square(mask)
    assert square is not None
    return Case(SUNNYBROOK.get(name, f"DSB2 {name}"), working, square)


def train_without(study: str, png: Path, data: Path, runs: Path) -> Path:
    """Train a detector like the shipped one, but without one study; return its file."""
    out = runs / study.replace("/", "_")
    if not (out / DETECTOR_FILE).exists():
        others = [data / other for other in STUDIES if other != study]
        train_detector(
            [png / "dsb2_png", png / "sunnybrook_png"],
            others,
            out,
            selection=Selection("shipped"),
            resume=True,
        )
    return out / DETECTOR_FILE


def look(case: Case, detector: _core.Cascade, model: Model) -> dict[str, Any]:
    """Compare the proposals and the square the search ends in with the labelled square."""
    proposer = CascadeProposer(detector)
    proposals = proposer(case.stack.images[case.stack.n_slices // 2])
    overlaps = overlap(proposals, case.square)
    right = np.flatnonzero(overlaps >= RIGHT_IOU)
    scorer = WindowScorer(case.stack, model.roi_classifier)
    report: dict[str, Any] = {
        "case": case.name,
        "proposals": len(proposals),
        "rank": int(right[0]) + 1 if len(right) else None,
        "best_overlap": float(overlaps.max(initial=0.0)),
    }
    try:
        rois = locate(scorer, proposer)
    except RoiNotFoundError as error:
        return {**report, "overlap": 0.0, "found_by": None, "refused": str(error)}
    square = rois.squares_mm[case.stack.n_slices // 2]
    return {
        **report,
        "overlap": float(overlap(square, case.square)),
        "found_by": str(rois.found_by),
        "start": rois.start,
    }


def summarise(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Return recall at each number of proposals, and how many searches end in the right square."""
    ranks = np.array([np.inf if entry["rank"] is None else entry["rank"] for entry in each])
    right = np.array([entry["overlap"] >= RIGHT_IOU for entry in each])
    most = max(entry["proposals"] for entry in each)
    return {
        "cases": len(each),
        "mean_proposals": float(np.mean([entry["proposals"] for entry in each])),
        "recall_percent": [float(100 * (ranks <= n).mean()) for n in range(1, most + 1)],
        "median_best_overlap": float(np.median([entry["best_overlap"] for entry in each])),
        "right_square_percent": float(100 * right.mean()),
        "by_detector_percent": float(
            100 * np.mean([entry["found_by"] == "detector" for entry in each])
        ),
        "not_proposed": [entry["case"] for entry in each if entry["rank"] is None],
        "wrong_square": [entry for entry, fine in zip(each, right, strict=True) if not fine],
    }


def draw(sets: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw recall against the number of proposals, one line per set."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Same figures, same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "lvvol", "svg.fonttype": "none"})
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (name, summary), marker in zip(sets.items(), "os^Dv*", strict=False):
        recall: npt.NDArray[np.float64] = np.array(summary["recall_percent"][:10])
        counts = np.arange(1, len(recall) + 1)
        axes.plot(counts, recall, marker=marker, label=f"{name} ({summary['cases']})", alpha=0.8)
    axes.axhline(99, color="grey", linewidth=0.8, linestyle="--")
    axes.set(
        xlabel="proposals looked at, the best first",
        ylabel=f"right square among them, % (IoU ≥ {RIGHT_IOU})",
        ylim=(min(90.0, axes.get_ylim()[0]), 100.4),
        xticks=range(1, 11),
    )
    axes.legend(loc="lower right", title="set (cases)")
    figure.savefig(path, metadata={"Date": None})


def main(png: Path, data: Path, runs: Path) -> dict[str, Any]:
    """Search every set, draw and print recall."""
    model = load_model()

    def each(cases: Iterable[Case]) -> list[dict[str, Any]]:
        return [look(case, model.detector, model) for case in cases]

    def of(dataset: str, part: Part) -> list[Case]:
        return list(labelled_cases(read_dataset(png / dataset, {part})))

    validation = of("dsb2_png", Part.VALIDATION)
    sunnybrook = of("sunnybrook_png", Part.VALIDATION)
    looked = {
        "DSB2, validation": each(validation),
        "DSB2, test": each(of("dsb2_png", Part.TEST)),
        "Sunnybrook, validation": each(sunnybrook),
        "validation, turned": each(turned([*validation, *sunnybrook] * 3, seed=1)),
        "whole DICOM studies, each left out": [
            look(
                dicom_case(data, study),
                read_detector(train_without(study, png, data, runs)),
                model,
            )
            for study in STUDIES
        ],
        "phantoms": each(labelled_cases(map(phantom_labels, range(1, N_PHANTOMS + 1)))),
    }
    sets = {name: summarise(entries) for name, entries in looked.items()}
    draw(sets, DOCS / "proposals.svg")
    for name, entries in looked.items():
        sets[name]["each"] = entries
    for name, summary in sets.items():
        recall = summary["recall_percent"]
        print(
            f"{name:36}{summary['cases']:5} cases, 1: {recall[0]:5.1f} %, 3: {recall[2]:5.1f} %, "
            f"all: {recall[-1]:5.1f} %, right square {summary['right_square_percent']:5.1f} %"
        )
    return {"right_iou": RIGHT_IOU, "sets": sets}


if __name__ == "__main__":
    run(main, __doc__, "PNG", "DATA", "RUNS", results="proposals")
