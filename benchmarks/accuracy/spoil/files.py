"""Spoil the set of files: some are missing, and others lie among them."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from pydicom.dataset import Dataset

from benchmarks.accuracy.spoil.pixels import store, stored
from benchmarks.accuracy.spoil.study import SlicedStudy, copies

REAL_TIME_STEP_MS, REAL_TIME_IMAGES = 50.0, 60


def lose_base(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove the 1 to 4 last slices."""
    n_lost = int(rng.integers(1, 5))
    del study.slices[-n_lost:]
    return f"{n_lost} slices missing at the base"


def lose_apex(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove the 1 to 4 first slices."""
    n_lost = int(rng.integers(1, 5))
    del study.slices[:n_lost]
    return f"{n_lost} slices missing at the apex"


def lose_middle(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove 1 to 4 slices around the middle."""
    n_lost = int(rng.integers(1, 5))
    first = (len(study.slices) - n_lost) // 2
    del study.slices[first : first + n_lost]
    return f"{n_lost} slices missing in the middle"


def lose_phases(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove the phases around ED, of every slice or of half of them."""
    n_phases = len(study.slices[0])
    around = int(rng.integers(0, n_phases // 5 + 1))
    lost = {(study.ed_phase + t) % n_phases for t in range(-around, around + 1)}
    every = bool(rng.random() < 0.5)
    for z, phases in enumerate(study.slices):
        if every or z % 2:
            phases[:] = [image for t, image in enumerate(phases) if t not in lost]
    return f"{len(lost)} phases around ED missing in {'every' if every else 'every second'} slice"


def lose_images(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove a tenth to three quarters of the images, anywhere."""
    share = rng.uniform(0.1, 0.75)
    for phases in study.slices:
        phases[:] = [image for image in phases if rng.random() >= share]
    return f"{share:.0%} of the images missing"


def keep_quarter(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Remove all but the first quarter of the cycle."""
    kept = len(study.slices[0]) // 4
    for phases in study.slices:
        del phases[kept:]
    return f"only the first {kept} phases"


def mix_patients(study: SlicedStudy, other: SlicedStudy) -> str:
    """Add another patient's stack and empty the identifiers of both."""
    study.extra += other.images
    for image in study.images:
        image.PatientID = image.StudyInstanceUID = ""
    return f"with {other.name}, without identifiers"


def mix_series(study: SlicedStudy, other: SlicedStudy, rng: np.random.Generator) -> str:
    """Add 2 to 5 slices of another patient under the identifiers of this one."""
    first, count = int(rng.integers(0, 4)), int(rng.integers(2, 6))
    own = study.slices[0][0]
    for phases in other.slices[first : first + count]:
        for image in phases:
            _identify(image, own)
            study.extra.append(image)
    return f"with {count} slices of {other.name}"


def add_derived(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Add a filtered copy of every slice, of 2 to 4 pixels' blur, as a later series."""
    sigma = float(rng.uniform(2.0, 4.0))
    for image in _copies_of_all(study, 100):
        image.ImageType = ["DERIVED", "SECONDARY", *list(image.get("ImageType", []))[2:]]
        store(image, np.asarray(cv2.GaussianBlur(stored(image), (0, 0), sigma)))
        study.extra.append(image)
    return f"with a derived copy, blurred by {sigma:.1f} pixels"


def add_components(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Add the real part, the imaginary part and the phase of every image, as later series."""
    turns = rng.uniform(-3, 3, size=2)
    rows, columns = stored(study.slices[0][0]).shape
    r, c = np.mgrid[:rows, :columns]
    angle = 2 * np.pi * (turns[0] * r / rows + turns[1] * c / columns)
    for number, (name, part) in enumerate((("R", np.cos), ("I", np.sin), ("P", None)), 1):
        for image in _copies_of_all(study, 100 * number):
            image.ImageType = ["ORIGINAL", "PRIMARY", name]
            pixels = stored(image)
            values = angle % (2 * np.pi) / np.pi - 1 if part is None else pixels * part(angle)
            top = 1.0 if part is None else float(pixels.max())
            store(image, np.asarray(1000 * (values / top + 1.0), dtype=np.float32))
            study.extra.append(image)
    return "with the real part, the imaginary part and the phase"


def add_real_time(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Add an ungated scan of every slice, which starts anywhere in the beat."""
    timed = bool(rng.random() < 0.5)
    for z, phases in enumerate(study.slices):
        times_ms = np.array([float(image.TriggerTime) for image in phases])
        step_ms = float(np.median(np.diff(times_ms)))
        since_ms = rng.uniform(0, step_ms * len(phases))
        shown = [
            phases[int((since_ms + REAL_TIME_STEP_MS * k) / step_ms) % len(phases)]
            for k in range(REAL_TIME_IMAGES)
        ]
        for k, source in enumerate(shown):
            (image,) = copies([source], 200 + z)
            image.SOPInstanceUID = f"{image.SOPInstanceUID[:50]}.{k + 1}"
            seconds = 60.0 * z + 1e-3 * REAL_TIME_STEP_MS * k
            image.AcquisitionTime = f"12{seconds // 60:02.0f}{seconds % 60:09.6f}"
            image.InstanceNumber, image.TriggerTime = k + 1, REAL_TIME_STEP_MS * k
            untold = ["NominalInterval", "TemporalPositionIdentifier", "CardiacNumberOfImages"]
            for keyword in untold + ["TriggerTime"] * (not timed):
                if keyword in image:
                    delattr(image, keyword)
            study.extra.append(image)
    return f"with an ungated scan{' and its Trigger Times' if timed else ''}"


def only_real_time(study: SlicedStudy, rng: np.random.Generator) -> str:
    """Replace the stack by an ungated scan of it."""
    what = add_real_time(study, rng)
    study.slices.clear()
    return what.replace("with", "only", 1)


def _copies_of_all(study: SlicedStudy, beyond: int) -> Iterable[Dataset]:
    """Yield copies of all slices, each a series whose number is larger by `beyond`."""
    for phases in study.slices:
        yield from copies(phases, int(phases[0].get("SeriesNumber") or 0) + beyond)


def _identify(image: Dataset, own: Dataset) -> None:
    """Give an image the identifiers of another patient, study and frame of reference."""
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        if keyword in own:
            image[keyword] = own[keyword]
        elif keyword in image:
            delattr(image, keyword)
