"""Whole studies and training on a GPU, compared with the CPU of the same machine.

Phantoms are measured by the core and by the kernels, in float32 and float16, with and without CUDA
graphs, which says how far ROIs, P and volumes lie apart; then 64 stacks in a row and several at
once, and the optimizer steps of one epoch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.gpu.card import milliseconds, name_of
from benchmarks.gpu.hypercolumn import head_maps
from lvvol.cine import CineStack
from lvvol.kernels.hypercolumn import hypercolumn
from lvvol.kernels.path import forced
from lvvol.model import Model, files_of, load_model
from lvvol.networks.configs import PATCH_SIZE, HfcnConfig
from lvvol.networks.files import SHIPPED
from lvvol.networks.gpu import load_on_gpu
from lvvol.networks.hfcn import HFCN
from lvvol.phantom import make_phantom
from lvvol.train.device import Compute
from lvvol.train.stage import Optimisation, Stage

DTYPES = (torch.float32, torch.float16)
SEEDS = (2, 8, 11, 12)
STUDIES = 64
STEPS, BATCH = 32, 32
P_WITHIN, VOLUMES_WITHIN_PERCENT = 2e-3, 0.1
"""Parity that a dtype must keep before ``--device cuda`` may offer it."""


def model_on_gpu(dtype: torch.dtype, *, graphs: bool = False) -> Model:
    """Return the shipped model on the first GPU."""
    _, classifier, *segmenters = files_of(SHIPPED)
    gpu, roi_classifier, segmenter = load_on_gpu(classifier, segmenters, dtype, graphs=graphs)
    engine = f"{gpu}, {name_of(dtype)}" + ", graphs" * graphs
    return replace(load_model(), roi_classifier=roi_classifier, hfcn=segmenter, engine=engine)


def compare(stacks: Sequence[CineStack]) -> dict[str, Any]:
    """Measure stacks by the core and by the kernels: largest differences, and times."""
    by_core = load_model()
    expected = [by_core.predict(stack) for stack in stacks]
    rows = []
    ways = [(dtype, graphs) for dtype in DTYPES for graphs in (False, True)]
    for dtype, graphs in ways:
        began = time.perf_counter()
        model = model_on_gpu(dtype, graphs=graphs)
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


def studies_per_s(stacks: Sequence[CineStack], studies: int) -> list[dict[str, Any]]:
    """Return studies per second by core and kernels: one after the other, and one a thread.

    The core takes all threads for each study of a row; studies side by side take one each, and on
    a GPU those that wait are segmented together.
    """
    rows = []
    threads = len(os.sched_getaffinity(0))
    for model in (load_model(), model_on_gpu(torch.float32)):
        for workers, of_study in ((1, 0), (threads + 1, 1)):
            began = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                numbers = range(studies)
                work = partial(_predict, model, stacks, of_study)
                list(pool.map(work, numbers))
            rate = studies / (time.perf_counter() - began)
            rows.append({"engine": model.engine, "at_once": workers, "studies_per_s": rate})
            print(rows[-1], flush=True)
    return rows


def _predict(model: Model, stacks: Sequence[CineStack], threads: int, number: int) -> None:
    model.predict(stacks[number % len(stacks)], threads=threads)


def epoch_s(
    compute: Compute, context: bool, path: Any, steps: int = STEPS, batch: int = BATCH
) -> float:
    """Return the seconds of an epoch's optimizer steps, after two that are not timed."""
    torch.manual_seed(0)
    network = HFCN(HfcnConfig(context=context))
    device = compute.device
    stage = Stage("hfcn", network, {}, 0, steps + 2, Optimisation(1e-3, 0.0), compute=compute)
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


def hypercolumn_ms(compute: Compute, path: Any, batch: int) -> float:
    """Return the milliseconds of the hypercolumn in a step, forward and backward."""
    dtype = torch.bfloat16 if compute.bfloat16 else torch.float32
    maps = head_maps(batch, dtype, torch.channels_last, compute.device)
    gradient = torch.randn_like(hypercolumn(maps, path=path))

    def both_ways() -> object:
        return torch.autograd.grad(hypercolumn(maps, path=path), maps, gradient)

    return milliseconds(both_ways, compute.device).median


def train(gpu: torch.device, steps: int = STEPS, batch: int = BATCH) -> list[dict[str, Any]]:
    """Time an epoch of HFCN and of the one with context, and the hypercolumn's share of it."""
    ways = [
        (Compute(torch.device("cpu")), "reference"),
        *((Compute(gpu, half), path) for half in (False, True) for path in ("reference", "triton")),
    ]
    rows = []
    for context in (False, True):
        for compute, path in ways:
            taken = epoch_s(compute, context, path, steps, batch)
            share = hypercolumn_ms(compute, path, batch) * steps / (1e3 * taken)
            row = {"context": context, "compute": str(compute), "path": path, "steps": steps}
            row |= {"batch": batch, "epoch_s": taken, "hypercolumn_share": share}
            rows.append(row)
            print(row, flush=True)
    return rows


def measure(device: torch.device) -> dict[str, Any]:
    """Measure all of it on a GPU."""
    stacks = [make_phantom(seed).to_cine_stack() for seed in SEEDS]
    return {
        "parity": compare(stacks),
        "studies": STUDIES,
        "speed": studies_per_s(stacks, STUDIES),
        "epochs": train(device),
    }
