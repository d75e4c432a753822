"""Whole studies and training on a GPU, compared with the CPU of the same machine.

``python -m benchmarks.gpu.product`` measures phantoms by the core and by the kernels (float32,
float16, bfloat16), says how far ROIs, P and volumes lie apart, measures 64 stacks in a row, and
takes the optimizer steps of one epoch on either. It writes ``results/gpu_product.json``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.command import run
from lvvol.cine import CineStack
from lvvol.kernels.path import forced
from lvvol.model import Model, files_of, load_model
from lvvol.networks.configs import PATCH_SIZE, HfcnConfig
from lvvol.networks.files import SHIPPED
from lvvol.networks.gpu import choose_gpu, load_on_gpu
from lvvol.networks.hfcn import HFCN
from lvvol.phantom import make_phantom
from lvvol.train.device import Compute
from lvvol.train.stage import Optimisation, Stage

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
SEEDS = (2, 8, 11, 12)
STUDIES = 64
STEPS, BATCH = 32, 32
P_WITHIN, VOLUMES_WITHIN_PERCENT = 2e-3, 0.1
"""Parity that a dtype must keep before ``--device cuda`` may offer it."""


def model_on_gpu(dtype: torch.dtype) -> Model:
    """Return the shipped model on the first GPU."""
    _, classifier, *segmenters = files_of(SHIPPED)
    gpu, roi_classifier, segmenter = load_on_gpu(classifier, segmenters, dtype)
    engine = f"{gpu}, {str(dtype).removeprefix('torch.')}"
    return replace(load_model(), roi_classifier=roi_classifier, hfcn=segmenter, engine=engine)


def compare(stacks: Sequence[CineStack], dtypes: Sequence[torch.dtype] = DTYPES) -> dict[str, Any]:
    """Measure stacks by the core and by the kernels: largest differences, and times."""
    by_core = load_model()
    expected = [by_core.predict(stack) for stack in stacks]
    rows = []
    for dtype in dtypes:
        began = time.perf_counter()
        model = model_on_gpu(dtype)
        loading_s = time.perf_counter() - began
        model.predict(stacks[0])  # compiles what loading did not
        found = [model.predict(stack) for stack in stacks]
        pairs = list(zip(found, expected, strict=True))
        same = [np.array_equal(a.rois.squares_mm, b.rois.squares_mm) for a, b in pairs]
        p = [np.abs(a.lv_probability - b.lv_probability).max() for a, b in pairs]
        apart = [np.abs(a.volumes_ml / b.volumes_ml - 1).max() * 100 for a, b in pairs]
        rows.append(
            {
                "engine": model.engine,
                "loading_s": loading_s,
                "same_rois": sum(same),
                "studies": len(same),
                "largest_p_apart": float(max(p)),
                "largest_volume_apart_percent": float(max(apart)),
                "parity": all(same) and max(p) <= P_WITHIN and max(apart) <= VOLUMES_WITHIN_PERCENT,
                "timings_s": median_timings([each.timings_s for each in found]),
            }
        )
        print(rows[-1], flush=True)
    return {
        "core_timings_s": median_timings([each.timings_s for each in expected]),
        "engines": rows,
    }


def median_timings(timings: Sequence[Any]) -> dict[str, float]:
    """Return the median of each stage's time."""
    return {stage: float(np.median([each[stage] for each in timings])) for stage in timings[0]}


def in_a_row(stacks: Sequence[CineStack], studies: int) -> dict[str, float]:
    """Return studies per second, one after the other: by the core on all cores, by the kernels."""
    rates = {}
    for model in (load_model(), model_on_gpu(torch.float32)):
        began = time.perf_counter()
        for number in range(studies):
            model.predict(stacks[number % len(stacks)])
        rates[model.engine] = studies / (time.perf_counter() - began)
        print(f"{model.engine}: {rates[model.engine]:.2f} studies per second", flush=True)
    return rates


def epoch_s(device: torch.device, context: bool, path: Any, steps: int, batch: int) -> float:
    """Return the seconds of an epoch's optimizer steps, after two that are not timed."""
    torch.manual_seed(0)
    network = HFCN(HfcnConfig(context=context))
    stage = Stage(
        "hfcn", network, {}, 0, steps + 2, Optimisation(1e-3, 0.0), compute=Compute(device)
    )
    patches = torch.randn(batch, network.config.channels, PATCH_SIZE, PATCH_SIZE, device=device)
    masks = (torch.rand(batch, PATCH_SIZE, PATCH_SIZE, device=device) < 0.3).float()
    step = partial(_step, stage, patches, masks)
    with forced(path):
        for _ in range(2):
            step()
        _wait(device)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        _wait(device)
    return time.perf_counter() - began


def _step(stage: Stage, patches: Tensor, masks: Tensor) -> None:
    logits, area_map = stage.outputs(patches)
    entropy = functional.cross_entropy(logits, torch.stack([masks, 1 - masks], dim=1))
    stage.optimizer_step(entropy + 2 * functional.mse_loss(area_map[:, 0], masks))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def train(steps: int = STEPS, batch: int = BATCH) -> list[dict[str, Any]]:
    """Time an epoch of HFCN and of the one with context: CPU, reference and kernel on the GPU."""
    gpu, cpu = choose_gpu(), torch.device("cpu")
    rows = []
    for context in (False, True):
        row: dict[str, Any] = {"context": context, "steps": steps, "batch": batch}
        row["cpu_reference_s"] = epoch_s(cpu, context, "reference", steps, batch)
        row["gpu_reference_s"] = epoch_s(gpu, context, "reference", steps, batch)
        row["gpu_kernel_s"] = epoch_s(gpu, context, "triton", steps, batch)
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> dict[str, Any]:
    """Measure on the first GPU."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device; tests/networks/test_gpu.py runs the same path in an interpreter")
    stacks = [make_phantom(seed).to_cine_stack() for seed in SEEDS]
    return {
        "card": torch.cuda.get_device_name(),
        "parity": compare(stacks),
        "studies": STUDIES,
        "studies_per_s": in_a_row(stacks, STUDIES),
        "epochs": train(),
    }


if __name__ == "__main__":
    run(main, __doc__, results="gpu_product")
