"""A study measured as published code does it: a loop of pydicom, OpenCV, and torch as it is.

It has the weights of lvvol and scores the same windows: the search that chooses them, the cascade
and the choice of opposite phases are lvvol's own, which costs the plain pipeline less than parts of
its own would. Everything else is what a researcher writes in an afternoon.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
import torch
from pydicom import config

from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.files import HFCN_FILE, SECOND_HFCN_FILE, SHIPPED
from lvvol.networks.weights import load_hfcn_module, load_roi_classifier_module
from lvvol.patches import opposite_phases
from lvvol.roi import WINDOW_SIZE, CascadeProposer, locate, read_detector
from lvvol.roi.phases import window_phases
from lvvol.volume import cone_volume_ml, tapered_areas_mm2

Floats = npt.NDArray[np.float32]

FIELD_MM = 184.0
GREY_LEVELS = 1024
STAGES = ("read", "resample", "roi", "segment", "volume")


def files_of(study: Path) -> list[Path]:
    """Return the files of a study that may be images, in order of their names."""
    return sorted(p for p in study.rglob("*") if p.is_file() and p.suffix in ("", ".dcm"))


class PlainPipeline:
    """Networks and cascade, loaded once, and the number of threads for all libraries."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._detector = read_detector(SHIPPED / "detector.xml")
        self._classifier = load_roi_classifier_module().eval()
        self._segmenters = [
            load_hfcn_module(SHIPPED / name).eval() for name in (HFCN_FILE, SECOND_HFCN_FILE)
        ]
        self.timings_s: dict[str, float] = {}

    @torch.inference_mode()
    def __call__(self, study: Path) -> tuple[float, float]:
        """Return EDV and ESV in mL."""
        cv2.setNumThreads(self._threads)
        torch.set_num_threads(self._threads)
        began = [time.perf_counter()]
        images, spacing_mm, positions_mm = read(study)
        began.append(time.perf_counter())
        working = on_pixels_of_1_mm(images, spacing_mm)
        began.append(time.perf_counter())
        squares = self._squares(working)
        began.append(time.perf_counter())
        areas_mm2 = self._areas(working, squares)
        began.append(time.perf_counter())
        volumes_ml = cone_volume_ml(tapered_areas_mm2(areas_mm2).T, positions_mm)
        began.append(time.perf_counter())
        self.timings_s = dict(zip(STAGES, np.diff(began).tolist(), strict=True))
        return float(volumes_ml.max()), float(volumes_ml.min())

    def _squares(self, working: Floats) -> npt.NDArray[np.float64]:
        """Search the stack for the LV's square in each slice, with this pipeline's scores."""
        n_slices, n_phases = working.shape[:2]
        stack = SimpleNamespace(images=working, n_slices=n_slices, n_phases=n_phases)
        phases = window_phases(n_phases)

        class Scorer:
            """The classifier on the stack, as `lvvol.roi.locate` calls it."""

            def __init__(self, classifier: torch.nn.Module) -> None:
                self.stack, self._classifier = stack, classifier

            def __call__(self, z: int, squares: npt.NDArray[np.float64]) -> npt.NDArray:
                cut = np.stack([windows(working[z, phases], s, WINDOW_SIZE) for s in squares])
                cut -= cut.mean(axis=(1, 2, 3), keepdims=True)
                logits = self._classifier(torch.from_numpy(cut))
                return logits.double().softmax(dim=1)[:, 0].numpy()

        detector = CascadeProposer(self._detector, threads=self._threads)
        return locate(Scorer(self._classifier), detector).squares_mm  # type: ignore[arg-type]

    def _areas(self, working: Floats, squares: npt.NDArray[np.float64]) -> npt.NDArray:
        """Segment every slice at all phases; return areas, (slice, phase)."""
        opposite = opposite_phases(working, squares, threads=self._threads)
        areas_mm2 = np.empty(working.shape[:2])
        for z, square in enumerate(squares):
            planes = np.zeros((3, len(opposite), PATCH_SIZE, PATCH_SIZE), np.float32)
            for plane, near in zip(planes, (z, z - 1, z + 1), strict=True):
                if 0 <= near < len(working):
                    cut = windows(working[near], square, PATCH_SIZE)
                    cut -= cut.mean(axis=(1, 2), keepdims=True)
                    plane[:] = cut / np.maximum(cut.std(axis=(1, 2), keepdims=True), 1e-6)
            alone = planes.swapaxes(0, 1)
            patches = torch.from_numpy(np.concatenate([alone, alone[opposite]], axis=1))
            shares = []
            for network in self._segmenters:
                logits, area_map = network(patches[:, : network.config.channels].contiguous())
                logits.softmax(dim=1)  # P, which lvvol returns too
                shares.append(area_map.double().mean(dim=(1, 2, 3)))
            areas_mm2[z] = torch.stack(shares).mean(dim=0).clamp_min(0).numpy() * square[2] ** 2
        return areas_mm2


def read(study: Path) -> tuple[Floats, tuple[float, float], npt.NDArray[np.float64]]:
    """Return images (slice, phase, row, column), pixel spacing, and positions of the slices."""
    pixels, headers = {}, []
    with config.disable_value_validation():  # its warnings would cost time
        for path in files_of(study):
            ds = pydicom.dcmread(path)
            pixels[ds.SOPInstanceUID] = ds.pixel_array
            headers.append(ds)
    slices, positions_mm = sorted_stack(headers)
    images = [[pixels[ds.SOPInstanceUID] for ds in phases] for phases in slices]
    row_mm, column_mm = map(float, slices[0][0].PixelSpacing)
    return np.array(images, np.float32), (row_mm, column_mm), positions_mm


def sorted_stack(
    headers: list[pydicom.Dataset],
) -> tuple[list[list[pydicom.Dataset]], npt.NDArray[np.float64]]:
    """Return the images of every slice by time, and the positions of the slices.

    The stack is the orientation with most images. Of series at the same position, the one with the
    highest number counts.
    """
    orientations: dict[tuple[float, ...], list[pydicom.Dataset]] = defaultdict(list)
    for ds in headers:
        cosines = np.array(ds.ImageOrientationPatient, float)
        orientations[tuple(cosines.round(2))].append(ds)
    stack = max(orientations.values(), key=len)
    cosines = np.array(stack[0].ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    series: dict[float, dict[int, list[pydicom.Dataset]]] = defaultdict(lambda: defaultdict(list))
    for ds in stack:
        position_mm = round(float(normal @ np.array(ds.ImagePositionPatient, float)), 1)
        series[position_mm][int(ds.SeriesNumber)].append(ds)
    positions_mm = sorted(series)
    last = [series[position_mm][max(series[position_mm])] for position_mm in positions_mm]
    slices = [sorted(phases, key=lambda ds: float(ds.TriggerTime)) for phases in last]
    return slices, np.array(positions_mm)


def on_pixels_of_1_mm(images: Floats, spacing_mm: tuple[float, float]) -> Floats:
    """Equalise the histogram of each slice's middle, then resize every image with OpenCV."""
    rows, columns = images.shape[2:]
    half_row, half_column = (max(1, round(FIELD_MM / mm / 2)) for mm in spacing_mm)
    middle = (
        slice(None),
        slice(max(0, rows // 2 - half_row), rows // 2 + half_row),
        slice(max(0, columns // 2 - half_column), columns // 2 + half_column),
    )
    size = (round(columns * spacing_mm[1]), round(rows * spacing_mm[0]))
    how = cv2.INTER_LINEAR if min(spacing_mm) >= 1 else cv2.INTER_AREA
    resized = np.empty((*images.shape[:2], size[1], size[0]), np.float32)
    for phases, out in zip(images, resized, strict=True):
        low, high = np.percentile(phases[middle], (0.1, 99.9))
        levels = (phases - low) * ((GREY_LEVELS - 1) / (high - low))
        levels = np.clip(levels, 0, GREY_LEVELS - 1).astype(np.uint16)
        counts = np.bincount(levels[middle].ravel(), minlength=GREY_LEVELS)
        ranks = (np.cumsum(counts) / counts.sum()).astype(np.float32)
        for image, plane in zip(ranks[levels], out, strict=True):
            cv2.resize(image, size, dst=plane, interpolation=how)
    return resized


def windows(images: Floats, square: npt.NDArray[np.float64], size: int) -> Floats:
    """Cut one square from images (phase, row, column), smoothed where it shrinks."""
    top, left, side = square
    # Samples at half the output's pixels or finer, of which each output pixel is the mean.
    fine = 2 * size if side > size else size
    step = side / fine
    matrix = np.array([[step, 0, left + step / 2 - 0.5], [0, step, top + step / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = np.empty((len(images), size, size), np.float32)
    for image, out in zip(images, cut, strict=True):
        sampled = cv2.warpAffine(
            image, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        cv2.resize(sampled, (size, size), dst=out, interpolation=cv2.INTER_AREA)
    return cut
