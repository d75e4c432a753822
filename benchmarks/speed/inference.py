"""How long the networks of the core take for one study, compared with torch.

``python -m benchmarks.speed.inference [STUDY]`` scores 2000 windows and segments 270 patches of a
study, or of a phantom, on one thread and on two, every way in each repeat. It writes
``results/inference.json``: medians, ratios to plain torch with their spread, the largest
differences from torch in float64, and the fraction of the processor's multiply-adds that is used.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.command import run
from benchmarks.speed.peak import multiply_adds_per_second
from benchmarks.timing import times_ms
from lvvol import _core, load_study, predict
from lvvol.networks import inference
from lvvol.networks.configs import PATCH_SIZE, HfcnConfig, RoiClassifierConfig
from lvvol.networks.files import HFCN_FILE, SHIPPED, layers_of, read_weights
from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.weights import load_hfcn_module, load_roi_classifier_module
from lvvol.patches import iterate_patches
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from lvvol.roi.phases import window_phases

REPEATS = 15
THREADS = (1, 2)
PATCHES, WINDOWS = 270, 2000
BATCH_PATCHES, BATCH_WINDOWS = 64, 512  # in torch; larger batches are no faster

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Way:
    """One way to run the networks."""

    segment: Callable[[Floats, int], tuple[Floats, Floats]]
    score: Callable[[Floats, int], Floats]


def inputs(study: Path | None, patches: int, windows: int) -> tuple[Floats, Floats]:
    """Return patches at the squares of a study or phantom, and windows around them."""
    stack = load_study(study) if study else make_phantom(2).to_cine_stack()
    working, squares = to_working_stack(stack), predict(stack).rois.squares_mm
    channels = inference.load_hfcn().channels
    cut = np.concatenate(list(iterate_patches(working.images, squares, channels)))
    around = [_core.propose_windows(square) for square in squares]
    proposed = _core.extract_windows(
        working.images,
        np.repeat(np.arange(len(squares)), [len(each) for each in around]),
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
    """Return the torch modules: as trained, or folded and channels-last."""
    hfcn, classifier = load_hfcn_module(), load_roi_classifier_module()
    layout = torch.contiguous_format
    if folded:
        fold_batch_norm(hfcn)
        fold_batch_norm(classifier)
        layout = torch.channels_last
    hfcn.to(dtype)
    classifier.to(dtype)

    def prepared(x: Tensor) -> Tensor:
        return x.to(dtype).contiguous(memory_format=layout)

    return _way_of(
        lambda x: hfcn(prepared(x)), lambda x: classifier(prepared(x)), _set_torch_threads
    )


def core_way() -> Way:
    """Return the networks of the core."""
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


def compiled_way() -> Way:
    """Return the torch modules behind `torch.compile`; compiled for the first count of threads."""
    hfcn, classifier = load_hfcn_module().eval(), load_roi_classifier_module().eval()
    return _way_of(torch.compile(hfcn), torch.compile(classifier), _set_torch_threads)


def onnxruntime_way() -> Way:
    """Return the networks in ONNX Runtime, which folds batch normalisation itself."""
    import onnxruntime

    def opened(model: bytes, threads: int) -> Callable[[Tensor], list[Tensor]]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda x: [torch.from_numpy(y) for y in session.run(None, {"x": x.numpy()})]

    return _exported_way(opened)


def openvino_way() -> Way:
    """Return the networks in OpenVINO, in float32 as all others."""
    import openvino

    core = openvino.Core()

    def opened(model: bytes, threads: int) -> Callable[[Tensor], list[Tensor]]:
        settings = {
            "INFERENCE_NUM_THREADS": str(threads),
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = core.compile_model(core.read_model(model), "CPU", settings)
        return lambda x: [torch.from_numpy(y.copy()) for y in compiled([x.numpy()]).values()]

    return _exported_way(opened)


PEERS = {
    "torch.compile": compiled_way,
    "ONNX Runtime": onnxruntime_way,
    "OpenVINO": openvino_way,
}
"""Further ways that take long to prepare, or packages of the group `bench`."""


def _exported_way(opened: Callable[[bytes, int], Callable[[Tensor], list[Tensor]]]) -> Way:
    """Return the networks in another runtime, which opens ONNX for a number of threads."""

    @cache
    def network(name: str, threads: int) -> Callable[[Tensor], list[Tensor]]:
        return opened(_onnx(name), threads)

    current = 1

    def set_threads(threads: int) -> None:
        nonlocal current
        current = threads

    return _way_of(
        lambda x: network("hfcn", current)(x),
        lambda x: network("classifier", current)(x)[0],
        set_threads,
    )


@cache
def _onnx(name: str) -> bytes:
    """Return a shipped network as ONNX, for any number of patches or windows."""
    if name == "hfcn":
        module, example = load_hfcn_module(), torch.zeros(2, 1, PATCH_SIZE, PATCH_SIZE)
    else:
        module, example = load_roi_classifier_module(), torch.zeros(2, 6, 25, 25)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter without torch.export is called legacy; it needs seconds instead of minutes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (example,), content, dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )  # fmt: skip
    return content.getvalue()


def _set_torch_threads(threads: int) -> None:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def _way_of(
    hfcn: Callable[[Tensor], Any],
    classifier: Callable[[Tensor], Tensor],
    set_threads: Callable[[int], None],
) -> Way:
    """Return a way that runs float32 batches through two networks."""

    @torch.inference_mode()
    def segment(patches: Floats, threads: int) -> tuple[Floats, Floats]:
        set_threads(threads)
        likelihood, fractions = [], []
        for batch in torch.from_numpy(patches).split(BATCH_PATCHES):
            logits, area_map = hfcn(batch)
            likelihood.append(logits.double().softmax(dim=1)[:, 0])
            fractions.append(area_map.double().mean(dim=(1, 2, 3)))
        return torch.cat(likelihood).numpy(), torch.cat(fractions).numpy()

    @torch.inference_mode()
    def score(windows: Floats, threads: int) -> Floats:
        set_threads(threads)
        parts = torch.from_numpy(windows).split(BATCH_WINDOWS)
        return torch.cat([classifier(x).double().softmax(dim=1)[:, 0] for x in parts]).numpy()

    return Way(segment, score)


def differences(way: Way, exact: Way, patches: Floats, windows: Floats) -> dict[str, float]:
    """Return the largest differences in P, in the mean of O and in scores."""
    likelihood, fractions = way.segment(patches, 1)
    expected, expected_fractions = exact.segment(patches, 1)
    scores, expected_scores = way.score(windows, 1), exact.score(windows, 1)
    return {
        "likelihood": float(abs(likelihood - expected).max()),
        "fraction": float(abs(fractions - expected_fractions).max()),
        "score": float(abs(scores - expected_scores).max()),
    }


def multiply_adds() -> tuple[int, int]:
    """Return the multiply-adds of one patch and of one window, from the layers' shapes."""
    config = RoiClassifierConfig()
    classifier, size = 0, config.size
    for layer in layers_of(config):
        classifier += int(np.prod(layer.shape)) * (size**2 if len(layer.shape) == 4 else 1)
        size //= 2
    return multiply_adds_of_patch(SHIPPED / HFCN_FILE), classifier


def multiply_adds_of_patch(weights: Path) -> int:
    """Return the multiply-adds of one patch in a segmentation network on disk."""
    total = 0
    for layer in layers_of(read_weights(weights, HfcnConfig)[0]):
        kind, *place = layer.name.split(".")
        level = int(place[0]) if kind in ("stages", "heads") else 0
        total += int(np.prod(layer.shape)) * (PATCH_SIZE >> level) ** 2
    return total


def measure(
    patches: Floats, windows: Floats, repeats: int = REPEATS, threads: tuple[int, ...] = THREADS
) -> dict[str, Any]:
    """Check all ways, then time them alternately."""
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
    """Return medians, and how many times faster than plain torch each way is."""
    work: dict[tuple[str, str], Callable[[], object]] = {}
    for name, way in each.items():
        work[name, "segment"] = partial(way.segment, patches, threads)
        work[name, "score"] = partial(way.score, windows, threads)
    # The processor's clock varies, so its peak is measured in every repeat; its time means nothing.
    peaks: list[float | None] = []
    work["", "peak"] = lambda: peaks.append(multiply_adds_per_second(1))
    times = times_ms(work, repeats)
    both = {name: times[name, "segment"] + times[name, "score"] for name in each}
    plain = next(iter(both.values()))
    rows: dict[str, Any] = {
        name: {
            **times[name, "segment"].summary("segment_ms"),
            **times[name, "score"].summary("score_ms"),
            **both[name].summary("both_ms"),
            "fastest_both_ms": both[name].smallest,
            "times_faster_than_plain": (plain / both[name]).median,
            "times_faster_20_80": (plain / both[name]).quantiles_20_80,
        }
        for name in each
    }
    if None not in peaks:
        wanted = np.array(multiply_adds()) * (len(patches), len(windows))
        segment_ms, score_ms = 1000 * wanted / (threads * max(peaks))
        rows["multiply_adds"] = {
            "peak_per_second_and_core": max(peaks),
            "segment_floor_ms": float(segment_ms),
            "score_floor_ms": float(score_ms),
            "core_over_floor_segment": float(segment_ms / times["core", "segment"].median),
            "core_over_floor_score": float(score_ms / times["core", "score"].median),
        }
    return rows


def main(
    study: Path | None = None, patches: int = PATCHES, windows: int = WINDOWS
) -> dict[str, Any]:
    """Measure all ways and print the report."""
    report = {
        "torch": torch.__version__,
        "inputs": study.name if study else "phantom",
        **measure(*inputs(study, patches, windows)),
    }
    print(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    run(main, __doc__, "[STUDY]", results="inference")
