"""The same work by lvvol and by others on the same input: every contest of the suite, once.

A contest names its ways before anything is loaded, so that a table knows what is missing. `enter`
makes the input, and returns a way's call and its check.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed import detection, inference, reading, resampling, windows
from benchmarks.speed.plain_pipeline import PlainPipeline
from lvvol import load_study
from lvvol.model import load_model
from lvvol.networks.files import SHIPPED
from lvvol.roi import DETECTOR_FILE

OURS = "lvvol"

VOLUMES_WITHIN = 0.01
"""By how much of themselves the volumes of the plain pipeline may differ from lvvol's."""

NEEDS = {
    "scipy.ndimage": ("scipy", "scipy"),
    "ONNX Runtime": ("onnxruntime", "onnxruntime"),
    "OpenVINO": ("openvino", "openvino"),
    "dicom2nifti": ("dicom2nifti", "dicom2nifti"),
}
"""Ways that need a module, and the package of the dependency group `bench` that has it."""


@dataclass(frozen=True)
class Settings:
    """Sizes of the inputs.

    Parameters
    ----------
    study : Path
        DICOM files of one study.
    short : bool
        Tiny inputs, one round, and no way that takes long to prepare.
    """

    study: Path
    short: bool

    @property
    def rounds(self) -> int:
        """How often each way is timed."""
        return 1 if self.short else 7

    @property
    def warm_ups(self) -> int:
        """How often each runs before that, untimed; its check has run it already."""
        return 0 if self.short else 1


@dataclass(frozen=True)
class Entry:
    """A way that is ready to run.

    Parameters
    ----------
    run : callable
        Does the work once.
    check : callable
        Takes what `run` returned; raises AssertionError where it is wrong.
    """

    run: Callable[[], Any]
    check: Callable[[Any], object]


Entries = dict[str, Callable[[], Entry]]


@dataclass(frozen=True)
class Contest:
    """One table of the suite.

    Parameters
    ----------
    group : str
        What is done, with the variant.
    threads : int
        Largest number of threads of every way.
    ways : sequence of str
        `OURS` first.
    open : callable
        Makes the input from settings and threads; returns what makes each way ready.
    """

    group: str
    threads: int
    ways: Sequence[str]
    open: Callable[[Settings, int], Entries]


def missing(way: str, settings: Settings) -> str | None:
    """Return why a way cannot run here; None where it can."""
    if settings.short and way == "torch.compile":
        return "torch.compile needs minutes to compile, and runs in the full mode alone"
    if way == "OpenCV 4":
        try:
            detection.opencv4()
        except ModuleNotFoundError as error:
            return str(error)
    module, package = NEEDS.get(way, (None, None))
    if module is not None:
        try:
            importlib.import_module(module)
            if way in ("ONNX Runtime", "OpenVINO"):
                module = package = "onnx"  # how they get the networks
                importlib.import_module("onnx")
        except ImportError:
            return f"{package} is not installed (pip install --group bench)"
    return None


@lru_cache(maxsize=1)  # inputs are large
def _opened(contest: Contest, settings: Settings) -> Entries:
    return contest.open(settings, contest.threads)


def enter(contest: Contest, way: str, settings: Settings) -> Entry:
    """Return a way of a contest, ready to run."""
    return _opened(contest, settings)[way]()


def _resampling(name: str, settings: Settings, threads: int) -> Entries:
    shape = (2, 3, 32, 32) if settings.short else resampling.SHAPE
    (case,) = (c for c in resampling.cases(shape[0], shape[2]) if c.name == name)
    noise = np.random.default_rng(0).integers(0, resampling.BRIGHTEST, shape, np.uint16)
    contest = resampling.Contest(noise.astype(np.float32), case, threads)

    def entry(library: str) -> Entry:
        return Entry(getattr(contest, library), lambda _: contest.check_one(library))

    return {
        OURS: partial(entry, "lvvol"),
        "OpenCV": partial(entry, "opencv"),
        # What the others are compared with.
        "SimpleITK": lambda: Entry(contest.simpleitk, lambda _: contest.check_one("lvvol")),
        "scipy.ndimage": partial(entry, "scipy"),
    }


def _windows(kind: str, settings: Settings, threads: int) -> Entries:
    if kind == "classifier":
        images = windows.planes(*(2, 6) if settings.short else (11, 30))
        case = windows.classifier_case(images, 160 if settings.short else 5000)
    else:
        case = windows.segmentation_case(windows.planes(*(2, 6) if settings.short else (11, 30)))
    ours, theirs = case.empty(np.float32), case.empty(np.float32)
    windows.by_lvvol(case, ours, threads)

    def entry(way: Callable[..., None]) -> Entry:
        return Entry(
            partial(way, case, theirs, threads), lambda _: windows.check_theirs(case, theirs, ours)
        )

    return {
        OURS: lambda: Entry(
            partial(windows.by_lvvol, case, ours, threads),
            lambda _: windows.check_ours(case, ours),
        ),
        "OpenCV": partial(entry, windows.by_opencv),
        "torch grid_sample": partial(entry, windows.by_grid_sample),
    }


def _cascade(picture: str, settings: Settings, threads: int) -> Entries:
    ours, theirs = detection.searches(
        SHIPPED / DETECTOR_FILE, detection.pictures()[picture], threads
    )

    def check(_: Any) -> None:
        for min_neighbors in (0, 3):
            detection.check(ours(min_neighbors), theirs(min_neighbors))

    return {OURS: lambda: Entry(ours, check), "OpenCV 4": lambda: Entry(theirs, check)}


NETWORK_WAYS = {
    "torch, as trained": "torch",
    "torch, folded": "torch, folded, channels-last",
}


def _networks(part: str, settings: Settings, threads: int) -> Entries:
    counts = (3, 5) if settings.short else (inference.PATCHES, inference.WINDOWS)
    patches, squares = inference.inputs(settings.study, *counts)
    given = patches if part == "segment" else squares
    exact = inference.torch_way(inference.torch.float64, folded=False)
    expected = getattr(exact, part)(given, threads)

    def check(found: Any) -> None:
        pairs = zip(found, expected, strict=True) if part == "segment" else [(found, expected)]
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)

    def entry(make: Callable[[], inference.Way]) -> Entry:
        return Entry(partial(getattr(make(), part), given, threads), check)

    torch_way = partial(inference.torch_way, inference.torch.float32)
    return {
        OURS: partial(entry, inference.core_way),
        "torch, as trained": partial(entry, partial(torch_way, folded=False)),
        "torch, folded": partial(entry, partial(torch_way, folded=True)),
        **{name: partial(entry, make) for name, make in inference.PEERS.items()},
    }


def _reading(settings: Settings, threads: int) -> Entries:
    study = settings.study
    images, _ = reading.plain_loop(study)
    stack = load_study(study)

    def same(found: dict[str, Any]) -> None:
        reading.check(stack, found)

    def same_volumes(volumes: list[Any]) -> None:
        # NIfTI turns axes; a volume has the grey values of one phase all the same.
        for phase, volume in zip(stack.images.swapaxes(0, 1), volumes, strict=True):
            np.testing.assert_array_equal(np.sort(phase, axis=None), np.sort(volume, axis=None))

    return {
        OURS: lambda: Entry(partial(load_study, study), lambda s: reading.check(s, images)),
        "pydicom": lambda: Entry(partial(reading.plain_loop, study), lambda found: same(found[0])),
        "SimpleITK (GDCM)": lambda: Entry(partial(reading.by_simpleitk, study), same),
        "dicom2nifti": lambda: Entry(partial(reading.by_dicom2nifti, study), same_volumes),
    }


def _whole_study(settings: Settings, threads: int) -> Entries:
    model, plain = load_model(), PlainPipeline(threads)
    expected = model.predict(settings.study, threads=threads)
    volumes_ml = (expected.edv_uncalibrated_ml, expected.esv_uncalibrated_ml)

    def ours() -> tuple[float, float]:
        found = model.predict(settings.study, threads=threads)
        return found.edv_uncalibrated_ml, found.esv_uncalibrated_ml

    def check(within: float, found: tuple[float, float]) -> None:
        np.testing.assert_allclose(found, volumes_ml, rtol=within)

    return {
        OURS: lambda: Entry(ours, partial(check, 0)),
        "pydicom, OpenCV, torch": lambda: Entry(
            partial(plain, settings.study), partial(check, VOLUMES_WITHIN)
        ),
    }


def _declare() -> list[Contest]:
    named: list[tuple[str, Sequence[str], Callable[[Settings, int], Entries]]] = [
        ("whole study", (OURS, "pydicom, OpenCV, torch"), _whole_study),
    ]
    named += [
        (f"resampling, {case.name}", (OURS, "OpenCV", "SimpleITK", "scipy.ndimage"),
         partial(_resampling, case.name))
        for case in resampling.cases(1, 2)
    ]  # fmt: skip
    named += [
        (f"windows, {kind}", (OURS, "OpenCV", "torch grid_sample"), partial(_windows, kind))
        for kind in ("classifier", "segmentation")
    ]
    named += [
        (f"cascade, {picture}", (OURS, "OpenCV 4"), partial(_cascade, picture))
        for picture in ("noise", "phantom")
    ]
    named += [
        (f"networks, {kind}", (OURS, *NETWORK_WAYS, *inference.PEERS), partial(_networks, part))
        for kind, part in (("segmentation", "segment"), ("classifier", "score"))
    ]
    both = [
        Contest(group, threads, ways, make) for group, ways, make in named for threads in (1, 2)
    ]
    # Readers choose their threads themselves.
    read = (OURS, "pydicom", "SimpleITK (GDCM)", "dicom2nifti")
    return [*both, Contest("reading", 0, read, _reading)]


CONTESTS = _declare()
