"""How long training a cascade takes, and how well it then detects, on synthetic images.

``python -m benchmarks.speed.cascade_training`` trains 15 stages of 24 x 24 pixels from 900
positives and 9000 negatives per stage, on one thread and on two, each in a new process, and writes
``results/cascade_training.json``. If opencv_traincascade (OpenCV 3.4) is on the path, both programs
also train 12 stages from the same images; it would need too long to find negatives for the last of
15 stages. Cascades are tested on images from other seeds.

A positive is a bright disc in a dark ring, like a left ventricle in short axis, with clutter behind
it and noise. The clutter consists of similar shapes: bright and dark discs, rings, and discs with
half a ring.
"""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import call_apart, run
from lvvol import _core
from lvvol.cascade import TrainingStep, read_cascade, train_cascade

THREADS = (1, 2)
SETTINGS: tuple[dict[str, Any], ...] = ({}, {"held_out": 0.3, "max_trees": 60})
WINDOW = 24
IMAGE = 256
# The first seeds of images for training and for testing.
TRAINING, TESTING = 0, 1_000_000

Bytes = npt.NDArray[np.uint8]


def clutter(rng: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    """Draw discs, rings and discs with half a ring on grey."""
    picture = np.full((side, side), 110.0)
    for _ in range(max(2, side * side // 250)):
        radius = np.exp(rng.uniform(np.log(2), np.log(side / 4)))
        top, left = rng.uniform(-radius / 2, side + radius / 2, 2)
        first, last = (int(max(0, top - 2 * radius)), int(max(0, left - 2 * radius)))
        part = picture[first : int(top + 2 * radius) + 1, last : int(left + 2 * radius) + 1]
        rows, columns = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
        rows, columns = rows + first - top, columns + last - left
        distance = np.hypot(rows, columns) / radius
        grey = rng.uniform(30, 220)
        kind = rng.integers(4)
        if kind == 0:
            part[distance < 1] = grey
        elif kind == 1:
            part[(distance >= 1) & (distance < 1.4)] = grey
        else:
            angle = rng.uniform(0, 2 * np.pi)
            half = rows * np.sin(angle) + columns * np.cos(angle) > 0
            part[distance < 1] = grey
            part[(distance >= 1) & (distance < 1.4) & half] = 255 - grey
    return picture


def _photograph(rng: np.random.Generator, picture: npt.NDArray[np.float64]) -> Bytes:
    noise = rng.normal(0, rng.uniform(10, 30), picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def positive(seed: int) -> Bytes:
    """Draw one window with a disc in a ring."""
    rng = np.random.default_rng(seed)
    picture = clutter(rng, WINDOW)
    rows, columns = np.mgrid[:WINDOW, :WINDOW] + 0.5
    top, left = WINDOW / 2 + rng.normal(0, 0.8, 2)
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 1.25)
    along = (rows - top) * np.cos(angle) + (columns - left) * np.sin(angle)
    across = (columns - left) * np.cos(angle) - (rows - top) * np.sin(angle)
    distance = np.hypot(along * stretch, across / stretch) / rng.uniform(5.5, 7.5)
    ring = rng.uniform(40, 110)
    picture[distance < rng.uniform(1.25, 1.6)] = ring
    picture[distance < 1] = ring + rng.uniform(25, 110)
    return _photograph(rng, picture)


def image(seed: int) -> Bytes:
    """Draw one image with clutter alone, which holds a disc in a ring only by chance."""
    rng = np.random.default_rng(seed)
    return _photograph(rng, clutter(rng, IMAGE))


def train(n_positives: int, n_images: int, stages: int, options: dict[str, Any]) -> dict[str, Any]:
    """Train in this process; return times, memory, and figures of each stage."""
    positives = np.array([positive(TRAINING + i) for i in range(n_positives)])
    images = [image(TRAINING + i) for i in range(n_images)]
    ended: list[dict[str, float]] = []
    start, start_cpu = time.perf_counter(), time.process_time()

    def progress(step: TrainingStep) -> None:
        if step.cascade is not None:
            ended.append(
                {
                    "trees": step.trees,
                    "hit_rate": step.hit_rate,
                    "false_alarm_rate": step.false_alarm_rate,
                    "negatives": step.negatives,
                    "acceptance": step.acceptance,
                    "wall_s": time.perf_counter() - start,
                    "cpu_s": time.process_time() - start_cpu,
                }
            )

    cascade = train_cascade(positives, images, stages=stages, progress=progress, **options)
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "options": options,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "trees": sum(cascade.stage_sizes),
        "stages": ended,
        "tested": test(cascade, n_positives, max(1, n_images // 20)),
    }


def train_by_opencv(
    program: str, n_positives: int, n_images: int, stages: int, threads: int
) -> dict[str, Any]:
    """Train with opencv_traincascade on the same images."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (place / "positives.vec").open("wb") as vec:
            vec.write(struct.pack("<iihh", n_positives, WINDOW * WINDOW, 0, 0))
            for i in range(n_positives):
                vec.write(b"\0" + positive(TRAINING + i).astype("<i2").tobytes())
        for i in range(n_images):
            header = f"P5 {IMAGE} {IMAGE} 255\n".encode()
            (place / f"{i}.pgm").write_bytes(header + image(TRAINING + i).tobytes())
        names = "\n".join(str(place / f"{i}.pgm") for i in range(n_images))
        (place / "images.txt").write_text(names + "\n", encoding="utf-8")
        (place / "cascade").mkdir()
        # It replaces positives that a stage rejects by further ones from the file, and stops when
        # it runs out of them.
        used = int(n_positives / (1 + 0.005 * stages) - 1)
        arguments = {
            "data": "cascade", "vec": "positives.vec", "bg": "images.txt", "featureType": "LBP",
            "numPos": used, "numNeg": 10 * n_positives, "numStages": stages, "w": WINDOW,
            "h": WINDOW, "minHitRate": 0.995, "maxFalseAlarmRate": 0.5, "maxWeakCount": 200,
            "precalcValBufSize": 1024, "precalcIdxBufSize": 1024, "numThreads": threads,
        }  # fmt: skip
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [program, *(str(part) for k, v in arguments.items() for part in (f"-{k}", v))],
            cwd=place,
            capture_output=True,
            text=True,
            check=True,
        )
        wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cascade = read_cascade(place / "cascade" / "cascade.xml")
    return {
        "threads": threads,
        "positives": used,
        "wall_s": wall_s,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_memory_mb": after.ru_maxrss / 1024,
        "trees": list(cascade.stage_sizes),
        "end": done.stdout.strip().splitlines()[-3:],
        "tested": test(cascade, n_positives, max(1, n_images // 20)),
    }


def test(cascade: _core.Cascade, n_positives: int, n_images: int) -> dict[str, float]:
    """Measure hit rate and false alarm rate of a cascade on images it was not trained on."""
    hits = sum(
        len(_core.detect(positive(TESTING + i), cascade, min_neighbors=0, step=1)[0])
        for i in range(n_positives)
    )
    alarms = windows = 0
    for i in range(n_images):
        picture = image(TESTING + i)
        for stages in (0, None):
            found = _core.detect(picture, cascade, min_neighbors=0, step=1, min_stages=stages)[0]
            windows += len(found) if stages == 0 else 0
            alarms += len(found) if stages is None else 0
    return {"hit_rate": hits / n_positives, "false_alarm_rate": alarms / windows}


def main(n_positives: int = 900, n_images: int = 300, stages: int = 15) -> dict[str, Any]:
    """Train with every number of threads and setting, and print a line for each.

    Each training runs in a new process, so peak memory is that of training alone.
    """

    def measure(stages: int, options: dict[str, Any]) -> dict[str, Any]:
        return call_apart(train, n_positives, n_images, stages, options)

    load = os.getloadavg()[0]
    report: dict[str, Any] = {"trained": []}
    for options in SETTINGS:
        for threads in THREADS:
            report["trained"].append(measure(stages, {"threads": threads, **options}))
    beside = []
    program = shutil.which("opencv_traincascade")
    if program:
        threads = THREADS[-1]
        report["beside"] = measure(12, {"threads": threads})
        report["opencv"] = train_by_opencv(program, n_positives, n_images, 12, threads)
        beside = [report["beside"], report["opencv"]]
    for m in [*report["trained"], *beside]:
        print(f"{m.get('options', 'opencv')} {m['wall_s']:6.1f} s, CPU {m['cpu_s']:6.1f} s, "
              f"{m['peak_memory_mb']:5.0f} MB, trees {m['trees']}, {m['tested']}")  # fmt: skip
    return {"load_average": load, **report}


if __name__ == "__main__":
    run(main, __doc__, results="cascade_training")
