"""How fast this machine measures a study, on a phantom made on the spot."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from lvvol.errors import BenchmarkError
from lvvol.model import Model, load_model
from lvvol.networks.configs import RoiClassifierConfig
from lvvol.networks.files import ROI_CLASSIFIER_FILE, SHIPPED, read_weights
from lvvol.networks.inference import Instructions, build_roi_classifier
from lvvol.prediction import Prediction
from lvvol.typing import Progress

SCHEMA_VERSION = 1
SEED = 8

EDV_WITHIN_PERCENT, ESV_WITHIN_PERCENT = 30.0, 60.0
"""How far volumes may be from the phantom's; contours lie 1 to 2 mm outside its exact edge, which
is worth more where the cavity is small (docs/results.md)."""


@dataclass(frozen=True)
class Phantom:
    """A study of known volumes on disk.

    Parameters
    ----------
    folder : Path
        Its DICOM files.
    edv_ml, esv_ml : float
        True volumes.
    n_files : int
        Number of files in the folder, ``truth.json`` left out.
    """

    folder: Path
    edv_ml: float
    esv_ml: float
    n_files: int


def bench(
    *,
    repeats: int = 5,
    threads: int = 0,
    phases: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a phantom several times and say where the time goes.

    Parameters
    ----------
    repeats : int
        Measurements that are timed, 1 or more; one more comes before them.
    threads : int
        Largest number of threads; 0 for one per core.
    phases : int, optional
        Phases of the phantom, as ``lvvol phantom`` takes them.
    progress : callable, optional
        Called with "bench", the measurements done and their number.

    Returns
    -------
    dict
        Plain values: ``machine``, ``phantom``, ``model_s`` (loading it), ``study_s``, ``stages_s``
        and ``shares`` of each stage (medians over the repeats), ``studies_per_minute``,
        ``command_s`` (``lvvol predict`` in a new process) and ``peak_memory_mb`` of this process.

    Raises
    ------
    BenchmarkError
        If the phantom cannot be made; if its volumes are farther from the true ones than
        `EDV_WITHIN_PERCENT` and `ESV_WITHIN_PERCENT`; or if two measurements differ.
    ValueError
        If `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats: expected at least 1, got {repeats}")
    report = progress or (lambda stage, done, total: None)
    n_steps = repeats + 3
    with tempfile.TemporaryDirectory(prefix="lvvol-bench-") as folder:
        report("bench", 0, n_steps)
        phantom = make(Path(folder) / "study", phases)
        report("bench", 1, n_steps)
        began = time.perf_counter()
        _run("predict", str(phantom.folder), "--json")
        command_s = time.perf_counter() - began
        report("bench", 2, n_steps)
        began = time.perf_counter()
        model = load_model()
        model_s = time.perf_counter() - began
        first, _ = _measure(model, phantom, threads)
        check_volumes(first, phantom)
        report("bench", 3, n_steps)
        studies_s, stages_s = [], []
        for number in range(repeats):
            again, seconds = _measure(model, phantom, threads)
            check_same(first, again)
            studies_s.append(seconds)
            stages_s.append(again.timings_s)
            report("bench", number + 4, n_steps)
    study_s = median(studies_s)
    of_stages = {stage: median(each[stage] for each in stages_s) for stage in stages_s[0]}
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": {
            "processor": processor(),
            "cores": _cores(),
            "threads": threads or _cores(),
            "instructions": instructions(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "phantom": {
            "seed": SEED,
            "slices": first.stack.n_slices,
            "phases": first.stack.n_phases,
            "rows": first.stack.images.shape[2],
            "columns": first.stack.images.shape[3],
            "files": phantom.n_files,
            "true_edv_ml": phantom.edv_ml,
            "true_esv_ml": phantom.esv_ml,
        },
        "edv_ml": first.edv_ml,
        "esv_ml": first.esv_ml,
        "repeats": repeats,
        "model_s": model_s,
        "study_s": study_s,
        "stages_s": of_stages,
        "shares": {stage: seconds / study_s for stage, seconds in of_stages.items()},
        "studies_per_minute": 60.0 / study_s,
        "command_s": command_s,
        "peak_memory_mb": peak_memory_mb(),
    }


def make(folder: Path, phases: int | None = None) -> Phantom:
    """Write the phantom, in a process of its own, whose memory is not that of measuring.

    Raises
    ------
    BenchmarkError
        If it cannot be made.
    """
    sizes = ["--phases", str(phases)] if phases else []
    _run("phantom", str(folder), "--seed", str(SEED), *sizes)
    truth = json.loads((folder / "truth.json").read_bytes())
    n_files = len(list(folder.iterdir())) - 1
    return Phantom(folder, float(truth["edv_ml"]), float(truth["esv_ml"]), n_files)


def check_volumes(measured: Prediction, phantom: Phantom) -> None:
    """Refuse volumes that cannot be those of the phantom.

    Raises
    ------
    BenchmarkError
        If one is too far from the true one.
    """
    for name, of, true, within in (
        ("EDV", measured.edv_ml, phantom.edv_ml, EDV_WITHIN_PERCENT),
        ("ESV", measured.esv_ml, phantom.esv_ml, ESV_WITHIN_PERCENT),
    ):
        if not abs(of / true - 1.0) * 100.0 <= within:
            raise BenchmarkError(
                f"{name} of the phantom: expected {true:.1f} mL within {within:g} %, got {of:.1f}"
            )


def check_same(first: Prediction, again: Prediction) -> None:
    """Refuse a repeat that measured something else.

    Raises
    ------
    BenchmarkError
        If a volume differs by a bit.
    """
    volumes = [(each.edv_ml, each.esv_ml) for each in (first, again)]
    if volumes[0] != volumes[1]:
        raise BenchmarkError(
            f"repeats: expected equal volumes, got EDV and ESV {volumes[0]} and {volumes[1]} mL"
        )


def instructions() -> Instructions:
    """Return the instruction set that the networks run with: the fastest the processor has."""
    config, tensors = read_weights(SHIPPED / ROI_CLASSIFIER_FILE, RoiClassifierConfig)
    faster: tuple[Instructions, ...] = ("avx512", "avx2")
    for name in faster:
        try:
            build_roi_classifier(config, tensors, name)
        except ValueError:
            continue
        return name
    return "portable"


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def peak_memory_mb() -> float:
    """Return the largest memory of this process so far.

    On Linux, ``getrusage`` counts that of the process which started this one, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM:")) / 1024
    # In kilobytes, but in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _measure(model: Model, phantom: Phantom, threads: int) -> tuple[Prediction, float]:
    began = time.perf_counter()
    prediction = model.predict(phantom.folder, threads=threads)
    return prediction, time.perf_counter() - began


def _cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(*arguments: str) -> None:
    """Run a command of lvvol in a new process."""
    done = subprocess.run([sys.executable, "-m", "lvvol", *arguments], capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        raise BenchmarkError(f"lvvol {arguments[0]}: expected success, got {why}")
