"""How long `load_study` takes, compared with a plain loop of `dcmread` and `pixel_array`.

``python -m benchmarks.speed.reading DATA`` measures the five whole studies, alternately both ways,
in new processes that may use one core or two, and writes ``results/reading.json``. The files are in
the disk cache. Stages are timed in separate runs, in which "rest" is the time outside all of them.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from pydicom import config

from benchmarks.command import call_apart, run
from benchmarks.speed.plain_pipeline import files_of, sorted_stack
from benchmarks.timing import Samples, times_ms
from lvvol import CineStack, load_study
from lvvol.dicom import load
from lvvol.dicom.files import read
from tests.support.real_studies import STUDIES

REPEATS = 15
CORES = (1, 2)

# The functions of `load_study` that take the time, each with everything it calls.
STAGES = {
    "read files": (read, "_content"),
    "parse headers": (read, "parse"),
    "take facts": (read, "images_of"),
    "find the stack": (load, "find_stack"),
    "find the grid": (load, "common_grid"),
    "decode pixels": (load, "_decode_stack"),
}


def plain_loop(study: Path) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Read every file; return pixels by SOP Instance UID, and stacked by image size."""
    images = {}
    with config.disable_value_validation():  # its warnings would cost the loop, not lvvol
        for path in files_of(study):
            ds = pydicom.dcmread(path)
            images[str(ds.SOPInstanceUID)] = ds.pixel_array
    matrices = defaultdict(list)
    for pixels in images.values():
        matrices[pixels.shape].append(pixels)
    return images, [np.stack(same) for same in matrices.values()]


def by_simpleitk(study: Path) -> dict[str, np.ndarray]:
    """Read every file with GDCM through SimpleITK; return pixels by SOP Instance UID."""
    reader, images = sitk.ImageFileReader(), {}
    reader.SetImageIO("GDCMImageIO")
    for path in files_of(study):
        reader.SetFileName(str(path))
        image = reader.Execute()
        images[reader.GetMetaData("0008|0018").strip("\0 ")] = sitk.GetArrayFromImage(image)[0]
    return images


def by_dicom2nifti(study: Path) -> list[np.ndarray]:
    """Read every file with pydicom and convert each phase of the stack to one volume.

    dicom2nifti knows no cine, so that files must be sorted by phase for it.
    """
    from dicom2nifti import convert_generic

    with config.disable_value_validation():
        slices, _ = sorted_stack([pydicom.dcmread(path) for path in files_of(study)])
        converted = [
            convert_generic.dicom_to_nifti(list(phase), None)["NII"]
            for phase in zip(*slices, strict=True)
        ]
    return [np.asanyarray(volume.dataobj) for volume in converted]


def check(stack: CineStack, images: dict[str, np.ndarray]) -> None:
    """Raise AssertionError unless the stack holds the pixels that the loop read."""
    for uids, phases in zip(stack.sop_instance_uids, stack.images, strict=True):
        for uid, image in zip(uids, phases, strict=True):
            np.testing.assert_array_equal(image, images[uid])


@contextmanager
def timed_stages() -> Iterator[dict[str, float]]:
    """Sum the seconds spent in each stage within the block."""
    seconds = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, function: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds[stage] += time.perf_counter() - start

        return run

    with ExitStack() as patches:
        for stage, (module, name) in STAGES.items():
            function = getattr(module, name)
            patches.enter_context(mock.patch.object(module, name, timed(stage, function)))
        yield seconds


def measure(study: Path, repeats: int) -> dict[str, Any]:
    """Check both ways, then time them alternately; return medians, ratios and stages."""
    images, _ = plain_loop(study)
    check(load_study(study), images)
    stages_s: list[dict[str, float]] = []

    def load_in_stages() -> CineStack:
        with timed_stages() as seconds:
            stack = load_study(study)
        stages_s.append(seconds)
        return stack

    times = times_ms(
        {
            "plain loop": partial(plain_loop, study),
            "load_study": partial(load_study, study),
            "in stages": load_in_stages,
        },
        repeats,
        warm_ups=0,  # both have run for the check
    )
    stages = {
        stage: Samples(1000 * np.array([seconds[stage] for seconds in stages_s]))
        for stage in STAGES
    }
    stages["rest"] = Samples(times["in stages"].values - sum(s.values for s in stages.values()))
    return {
        "files": len(images),
        **times["plain loop"].summary("plain_loop_ms"),
        **times["load_study"].summary("load_study_ms"),
        **(times["load_study"] / times["plain loop"]).summary("ratio"),
        "stages_ms": {stage: taken.median for stage, taken in stages.items()},
    }


def measure_on(cores: int, study: Path, repeats: int) -> dict[str, Any]:
    """Measure in a new process that may use only so many cores."""
    return call_apart(_measure_here, cores, str(study), repeats)


def _measure_here(cores: int, study: str, repeats: int) -> dict[str, Any]:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    return measure(Path(study), repeats)


def main(data: Path) -> dict[str, Any]:
    """Measure all studies and print a table."""
    report = {
        f"{cores} core{'s' * (cores > 1)}": {
            study: measure_on(cores, data / study, REPEATS) for study in STUDIES
        }
        for cores in CORES
    }
    for cores, studies in report.items():
        for study, m in studies.items():
            print(f"{cores:8} {study:36} {m['plain_loop_ms']:6.0f} {m['load_study_ms']:6.0f} ms "
                  f"{m['ratio']:5.2f}")  # fmt: skip
    return report


if __name__ == "__main__":
    run(main, __doc__, "DATA", results="reading")
