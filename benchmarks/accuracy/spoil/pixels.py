"""Spoil pixels: noise, blur, ghosts, a wrong slope, and images that stand still."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from pydicom.dataset import Dataset

from benchmarks.accuracy.spoil.study import SlicedStudy, pick
from lvvol.typing import Float32

SLOPES = (1e-3, 10.0, 100.0, 1e4)


def add_noise(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Add noise of 0.05 to 0.4 of the brightest tissue to every image, as magnitudes have it."""
    share = rng.uniform(0.05, 0.4)
    brightest = np.percentile([stored(image) for image in study.slices[0]], 99.5)

    def change(pixels: Float32) -> Float32:
        real, imaginary = share * brightest * rng.standard_normal((2, *pixels.shape))
        return np.asarray(np.hypot(pixels + real, imaginary), dtype=np.float32)

    _change_all(study, change)
    return f"noise of {share:.2f} of the brightest"


def blur(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Blur every image with a Gaussian of 1 to 4 pixels."""
    sigma = float(rng.uniform(1.0, 4.0))
    _change_all(study, lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma)))
    return f"blurred by {sigma:.1f} pixels"


def add_ghosts(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Add a copy of every image, half a field away along the phase-encoding direction."""
    share = rng.uniform(0.15, 0.6)
    for image in study.images:
        axis = 1 if image.get("InPlanePhaseEncodingDirection") == "ROW" else 0
        pixels = stored(image)
        store(image, pixels + share * np.roll(pixels, pixels.shape[axis] // 2, axis))
    return f"ghosts of {share:.2f}"


def spoil_slope(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Give one image an absurd Rescale Slope."""
    slope = float(rng.choice(SLOPES))
    (z,) = pick(study, rng, 1)
    t = int(rng.integers(len(study.slices[z])))
    study.slices[z][t].RescaleIntercept, study.slices[z][t].RescaleSlope = "0", f"{slope:g}"
    return f"Rescale Slope {slope:g} in slice {z}, phase {t}"


def freeze(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Repeat one image over all phases, of every slice or of 2 to 5."""
    t = int(rng.integers(len(study.slices[0])))
    chosen = range(len(study.slices)) if rng.random() < 0.5 else pick(study, rng, 5)
    for z in chosen:
        for image in study.slices[z]:
            image.PixelData = study.slices[z][t].PixelData
    return f"slices {list(chosen)} frozen in phase {t}"


def stored(image: Dataset) -> Float32:
    """Return the stored values of an uncompressed image."""
    kind = "<i2" if image.PixelRepresentation else "<u2"
    pixels = np.frombuffer(image.PixelData, kind, image.Rows * image.Columns)
    return pixels.reshape(image.Rows, image.Columns).astype(np.float32)


def store(image: Dataset, pixels: Float32) -> None:
    """Store values from 0 on, cut at the largest that the header allows."""
    top = 2 ** (image.BitsStored - image.PixelRepresentation) - 1
    image.PixelData = np.clip(np.rint(pixels), 0, top).astype("<u2").tobytes()


def _change_all(study: SlicedStudy, change: Callable[[Float32], Float32]) -> None:
    for image in study.images:
        store(image, change(stored(image)))
