"""The core's networks beside torch, on what one study needs.

``python -m benchmarks.speed.inference [STUDY]`` scores 2000 windows and segments 270 patches (of a
phantom, or of a study) on one thread and on two, the ways in turn, and writes
``results/inference.json``: medians, ratios to plain torch with their spread, the largest
differences from torch in float64, and the share of the processor's multiply-adds that is reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.command import read_paths
from benchmarks.machine import write_results
from benchmarks.speed.peak import multiply_adds_per_second
from lvvol import _core, load_study, predict
from lvvol.networks import inference
from lvvol.networks.configs import PATCH_SIZE, HfcnConfig, RoiClassifierConfig
from lvvol.networks.files import layers_of
from lvvol.networks.folding import ready
from lvvol.networks.weights import load_hfcn, load_roi_classifier
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from lvvol.roi.phases import window_phases

REPEATS = 15
THREADS = (1, 2)
PATCHES, WINDOWS = 270, 2000
BATCH_PATCHES, BATCH_WINDOWS = 64, 512  # of torch; larger ones are no faster

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Way:
    """One way to run the networks."""

    segment: Callable[[Floats, int], tuple[Floats, Floats]]
    score: Callable[[Floats, int], Floats]


def inputs(study: Path | None, patches: int, windows: int) -> tuple[Floats, Floats]:
    """Return patches and windows at and around the squares found in a study or a phantom."""
    stack = load_study(study) if study else make_phantom(2).to_cine_stack()
    working, squares = to_working_stack(stack), predict(stack).squares
    z, phases = np.arange(len(squares)), np.arange(stack.n_phases)
    cut = _core.extract_windows(
        working.images, z, squares, phases, PATCH_SIZE, normalise="mean_std"
    ).reshape(-1, PATCH_SIZE, PATCH_SIZE)
    around = [_core.propose_windows(square) for square in squares]
    proposed = _core.extract_windows(
        working.images,
        np.repeat(z, [len(each) for each in around]),
        np.concatenate(around),
        window_phases(stack.n_phases),
        25,
        normalise="mean",
    )
    return (
        np.ascontiguousarray(np.resize(cut, (patches, *cut.shape[1:]))),
        np.ascontiguousarray(np.resize(proposed, (windows, *proposed.shape[1:]))),
    )


def torch_way(dtype: torch.dtype, folded: bool) -> Way:
    """Return torch's modules: as trained, or folded and channels-last."""
    hfcn, classifier = load_hfcn(), load_roi_classifier()
    layout = torch.contiguous_format
    if folded:
        ready(hfcn)
        ready(classifier)
        layout = torch.channels_last
    hfcn.to(dtype)
    classifier.to(dtype)

    def batches(given: Floats, size: int, threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        parts = torch.from_numpy(given).split(size)
        return [part.to(dtype).contiguous(memory_format=layout) for part in parts]

    @torch.inference_mode()
    def segment(patches: Floats, threads: int) -> tuple[Floats, Floats]:
        likelihood, fractions = [], []
        for batch in batches(patches[:, None], BATCH_PATCHES, threads):
            logits, area_map = hfcn(batch)
            likelihood.append(logits.double().softmax(dim=1)[:, 0])
            fractions.append(area_map.double().mean(dim=(1, 2, 3)))
        return torch.cat(likelihood).numpy(), torch.cat(fractions).numpy()

    @torch.inference_mode()
    def score(windows: Floats, threads: int) -> Floats:
        parts = batches(windows, BATCH_WINDOWS, threads)
        return torch.cat([classifier(x).double().softmax(dim=1)[:, 0] for x in parts]).numpy()

    return Way(segment, score)


def core_way() -> Way:
    """Return the core's networks."""
    hfcn, classifier = inference.load_hfcn(), inference.load_roi_classifier()
    return Way(
        lambda patches, threads: hfcn(patches, threads=threads),
        lambda windows, threads: classifier(windows, threads=threads),
    )


def ways() -> dict[str, Way]:
    """Return every way by its name; the first is plain torch."""
    return {
        "torch": torch_way(torch.float32, folded=False),
        "torch, folded, channels-last": torch_way(torch.float32, folded=True),
        "torch, folded, channels-last, bfloat16": torch_way(torch.bfloat16, folded=True),
        "core": core_way(),
    }


def differences(way: Way, exact: Way, patches: Floats, windows: Floats) -> dict[str, float]:
    """Return the largest differences in P, the mean of O and scores."""
    likelihood, fractions = way.segment(patches, 1)
    expected, expected_fractions = exact.segment(patches, 1)
    scores, expected_scores = way.score(windows, 1), exact.score(windows, 1)
    return {
        "likelihood": float(abs(likelihood - expected).max()),
        "fraction": float(abs(fractions - expected_fractions).max()),
        "score": float(abs(scores - expected_scores).max()),
    }


def multiply_adds() -> tuple[int, int]:
    """Return how many a patch and a window take, by the definition of a convolution."""
    hfcn, size = 0, PATCH_SIZE
    for layer in layers_of(HfcnConfig()):
        kind, *place = layer.name.split(".")
        level = int(place[0]) if kind in ("stages", "heads") else 0
        hfcn += int(np.prod(layer.shape)) * (size >> level) ** 2
    config = RoiClassifierConfig()
    classifier, size = 0, config.size
    for layer in layers_of(config):
        classifier += int(np.prod(layer.shape)) * (size**2 if len(layer.shape) == 4 else 1)
        size //= 2
    return hfcn, classifier


def measure(
    patches: Floats, windows: Floats, repeats: int = REPEATS, threads: tuple[int, ...] = THREADS
) -> dict[str, Any]:
    """Check, then time all ways in turn."""
    each = ways()
    exact = torch_way(torch.float64, folded=False)
    report: dict[str, Any] = {
        "patches": len(patches),
        "windows": len(windows),
        "repeats": repeats,
        "largest_differences": {
            name: differences(way, exact, patches, windows) for name, way in each.items()
        },
    }
    for name, found in report["largest_differences"].items():
        if "bfloat16" not in name and max(found.values()) > 1e-4:
            raise AssertionError(f"{name} differs from float64: {found}")
    for count in threads:
        report[f"{count} thread{'s' * (count > 1)}"] = _timed(
            each, patches, windows, repeats, count
        )
    return report


def _timed(
    each: dict[str, Way], patches: Floats, windows: Floats, repeats: int, threads: int
) -> dict[str, Any]:
    """Return medians, and ratios of plain torch's time to each way's, run by run."""
    seconds = {name: np.empty((repeats, 2)) for name in each}
    peaks = []
    for i in range(repeats):
        for name, way in each.items():
            start = time.perf_counter()
            way.segment(patches, threads)
            middle = time.perf_counter()
            way.score(windows, threads)
            seconds[name][i] = middle - start, time.perf_counter() - middle
        peaks.append(multiply_adds_per_second(1))
    plain = next(iter(seconds.values())).sum(axis=1)
    rows: dict[str, Any] = {}
    for name, taken in seconds.items():
        ratios = plain / taken.sum(axis=1)
        rows[name] = {
            "segment_ms": 1000 * float(np.median(taken[:, 0])),
            "score_ms": 1000 * float(np.median(taken[:, 1])),
            "both_ms": 1000 * float(np.median(taken.sum(axis=1))),
            "fastest_both_ms": 1000 * float(taken.sum(axis=1).min()),
            "times_faster_than_plain": float(np.median(ratios)),
            "times_faster_20_80": np.quantile(ratios, (0.2, 0.8)).tolist(),
        }
    if None not in peaks:
        wanted = np.array(multiply_adds()) * (len(patches), len(windows))
        floors = wanted / (threads * max(peaks))
        rows["multiply_adds"] = {
            "peak_per_second_and_core": max(peaks),
            "segment_floor_ms": 1000 * float(floors[0]),
            "score_floor_ms": 1000 * float(floors[1]),
            "core_over_floor_segment": float(floors[0] / np.median(seconds["core"][:, 0])),
            "core_over_floor_score": float(floors[1] / np.median(seconds["core"][:, 1])),
        }
    return rows


def main(study: Path | None = None, patches: int = PATCHES, windows: int = WINDOWS) -> None:
    """Measure, write, print."""
    report = {
        "torch": torch.__version__,
        "inputs": study.name if study else "phantom",
        **measure(*inputs(study, patches, windows)),
    }
    print(write_results("inference", report).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(*read_paths(__doc__, "[STUDY]"))
