"""Training of the cascade that proposes the LV's square (paper III-C)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lvvol.cascade import (
    Cascade,
    TrainingStep,
    cascade_to_xml,
    read_cascade,
    train_cascade,
)
from lvvol.datasets import LabelledStack, open_dataset, read_split
from lvvol.errors import DatasetError, OutputError, RecipeError
from lvvol.output import write_file
from lvvol.roi.detect import (
    DETECTION_PIXEL_MM,
    DETECTOR_FILE,
    LARGEST_WINDOW,
    detection_images,
)
from lvvol.roi.square import Squares, labelled_square
from lvvol.train.fingerprint import fingerprint
from lvvol.train.recipe import DetectorRecipe, Recipe
from lvvol.train.sampling import jitter, random_rotations, sample_squares
from lvvol.train.selection import Selection
from lvvol.typing import Progress, StrPath, UInt8

CASCADE_SIZE = 24
"""Rows and columns of the cascade's window at scale 1."""

CHECKPOINT_FILE = "detector.checkpoint"

_FIRST_PHANTOM_SEED = 10_000
"""Seeds below are reserved for evaluation."""

# How far a positive's square strays from the labelled one: less than neighbouring windows do.
_SHIFT, _SCALES = 0.04, (0.92, 1.08)
# Coarser than in detection, for fewer and less similar windows per image.
_SCALE_FACTOR = 1.15


@dataclass
class DetectorData:
    """Windows that show the LV, and images with the squares where it is.

    Parameters
    ----------
    positives : list of ndarray of uint8, shape (n, 24, 24)
        Windows.
    images : list of ndarray of uint8, shape (row, column)
        Images to draw negatives from, as returned by `detection_images`.
    squares : list of ndarray of float64, shape (n, 3)
        Squares of each image that are not negatives, in its pixels.
    """

    positives: list[UInt8] = field(default_factory=list)
    images: list[UInt8] = field(default_factory=list)
    squares: list[Squares] = field(default_factory=list)

    def add_image(self, image: UInt8, squares: Squares, rng: np.random.Generator) -> None:
        """Add an image in one of its eight orientations, if it holds a window."""
        if min(image.shape) < CASCADE_SIZE:
            return
        transpose, flip_rows, flip_columns = rng.integers(2, size=3, dtype=bool)
        if transpose:
            image, squares = image.T, squares[:, [1, 0, 2]]
        for axis, flip in enumerate((flip_rows, flip_columns)):
            if flip:
                image, squares = np.flip(image, axis), squares.copy()
                squares[:, axis] = image.shape[axis] - squares[:, axis] - squares[:, 2]
        self.images.append(np.ascontiguousarray(image))
        self.squares.append(np.ascontiguousarray(squares, dtype=np.float64))

    def fingerprint(self) -> str:
        """Return a hash of the data."""
        return fingerprint([*self.positives, *self.images, *self.squares])


def train_detector(
    seg: Sequence[StrPath],
    surroundings: Sequence[StrPath],
    out: StrPath,
    recipe: Recipe | None = None,
    *,
    selection: Selection | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> None:
    """Train the detector.

    Parameters
    ----------
    seg : sequence of str or path-like
        Datasets whose masks show where the LV is.
    surroundings : sequence of str or path-like
        DICOM studies whose surroundings of the heart serve as negatives.
    out : str or path-like
        Folder for ``detector.xml``, ``detector_recipe.json`` and, after each stage, a checkpoint.
    recipe : Recipe, optional
        Settings; the default recipe if omitted.
    selection : Selection, optional
        Patients to learn from; everybody by default.
    resume : bool
        Continue from the checkpoint in `out`. Otherwise a folder with a checkpoint is refused.
    progress : callable, optional
        Called with the stage, the steps done and the number of steps.

    Raises
    ------
    DatasetError
        If a dataset is unreadable, holds no labelled training patient, or too few data.
    LvvolError
        If a study cannot be read.
    OutputError
        If `out` cannot be written, or holds another run's checkpoint.
    RecipeError
        If the checkpoint is damaged or belongs to another recipe or other data.
    """
    out = Path(out)
    recipe = recipe or Recipe()
    report: Progress = progress or (lambda stage, done, total: None)
    checkpoint = out / CHECKPOINT_FILE
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if checkpoint.exists() and not resume:
            raise OutputError(f"{out}: expected an empty folder or resume, got an earlier run")
    data = gather(seg, [Path(p) for p in surroundings], recipe, report, selection)
    cascade = _train(data, recipe, checkpoint, report)
    settings = {"seed": recipe.seed, **dataclasses.asdict(recipe.detector)}
    write_file(out / "detector_recipe.json", json.dumps(settings, indent=2).encode())
    write_file(out / DETECTOR_FILE, cascade_to_xml(cascade))


def gather(
    seg: Sequence[StrPath],
    surroundings: Sequence[Path],
    recipe: Recipe,
    report: Progress,
    selection: Selection | None = None,
) -> DetectorData:
    """Read the training data.

    Parameters
    ----------
    seg, surroundings, selection
        As in `train_detector`.
    recipe : Recipe
        Gives the number of phantoms and the seed of every random choice.
    report : callable
        Called with "read" or "phantoms", the steps done and the number of steps.

    Returns
    -------
    DetectorData

    Raises
    ------
    DatasetError
        If no dataset gives a positive.
    """
    # These load pydicom, which training the networks does not need.
    from lvvol.datasets.phantoms import phantom_labels
    from lvvol.datasets.surroundings import read_surroundings

    rng = np.random.default_rng(recipe.seed)
    data = DetectorData()
    part = recipe.detector
    selection = selection or Selection()
    split = None if selection.split is None else read_split(selection.split)
    places, strips = list(dict.fromkeys(map(str, seg))), list(dict.fromkeys(surroundings))
    n_sources = len(places) + len(strips)
    for number, place in enumerate(places):
        report("read", number, n_sources)
        for labels in open_dataset(place).part(split, selection.learned):
            if labels.phases is not None:
                pair = labels if labels.stack.n_phases == 2 else labels.at(*labels.phases)
                _add_positives(data, pair, part, rng)
                _add_negatives(data, pair, rng)
    for number, source in enumerate(strips, len(places)):
        report("read", number, n_sources)
        for strip in read_surroundings(source):
            for image in detection_images(strip) if strip.size else ():
                data.add_image(image, np.empty((0, 3)), rng)
    report("read", n_sources, n_sources)
    if not data.positives:
        raise DatasetError("seg: expected training patients with a labelled LV, got none")
    for number in range(part.phantoms):
        report("phantoms", number, part.phantoms)
        _add_negatives(data, phantom_labels(_FIRST_PHANTOM_SEED + number), rng)
    report("phantoms", part.phantoms, part.phantoms)
    return data


def _add_positives(
    data: DetectorData, labels: LabelledStack, part: DetectorRecipe, rng: np.random.Generator
) -> None:
    """Add windows around the labelled squares of the middle slices."""
    middle, beside = len(labels.masks) // 2, part.slices_beside_middle
    for z in range(max(0, middle - beside), min(len(labels.masks), middle + beside + 1)):
        square = labelled_square(labels.masks[z, 0])
        if square is None or not labels.labelled[z, 0]:
            continue
        planes = detection_images(labels.stack.images[z, :1])
        base = np.repeat(square[None] / DETECTION_PIXEL_MM, part.copies, axis=0)
        squares = jitter(base, rng, _SHIFT, _SCALES)
        sources = np.zeros(part.copies, dtype=np.int64)
        windows = sample_squares(
            planes, sources, squares, random_rotations(part.copies, rng), CASCADE_SIZE
        )
        data.positives.append(np.rint(windows).clip(0, 255).astype(np.uint8))


def _add_negatives(data: DetectorData, labels: LabelledStack, rng: np.random.Generator) -> None:
    """Add every slice labelled at ED, with the squares that must not become negatives."""
    squares = [labelled_square(mask) for mask in labels.masks[:, 0]]
    for z, image in enumerate(detection_images(labels.stack.images[:, 0])):
        if labels.labelled[z, 0]:
            # The LV continues into neighbouring slices, drawn or not.
            near = [s for s in squares[max(0, z - 1) : z + 2] if s is not None]
            data.add_image(image, np.array(near).reshape(-1, 3) / DETECTION_PIXEL_MM, rng)


def _train(data: DetectorData, recipe: Recipe, checkpoint: Path, report: Progress) -> Cascade:
    """Train stage by stage, with a checkpoint after each."""
    part = recipe.detector
    identity = {
        "seed": recipe.seed,
        "recipe": dataclasses.asdict(part),
        "data": data.fingerprint(),
    }
    start = _restore(checkpoint, identity)

    def after(step: TrainingStep) -> None:
        if step.cascade is not None:
            text = json.dumps({**identity, "cascade": cascade_to_xml(step.cascade).decode()})
            write_file(checkpoint, text.encode())
            report("detector", len(step.cascade.stage_sizes), part.stages)

    report("detector", len(start.stage_sizes) if start else 0, part.stages)
    try:
        cascade = train_cascade(
            np.concatenate(data.positives),
            data.images,
            squares=data.squares,
            start=start,
            stages=part.stages,
            min_hit_rate=part.min_hit_rate,
            max_false_alarm_rate=part.max_false_alarm_rate,
            held_out=part.held_out,
            max_trees=part.max_trees,
            negatives=part.negatives,
            scale_factor=_SCALE_FACTOR,
            max_size=(LARGEST_WINDOW, LARGEST_WINDOW),
            seed=recipe.seed,
            progress=after,
        )
    except ValueError as error:  # the recipe is valid, so the data are at fault
        raise DatasetError(f"seg, surroundings: {error}") from error
    report("detector", part.stages, part.stages)
    return cascade


def _restore(checkpoint: Path, identity: dict[str, object]) -> Cascade | None:
    """Return the stages of an earlier run with the same recipe and data."""
    if not checkpoint.exists():
        return None
    try:
        state = json.loads(checkpoint.read_bytes())
        if {key: state[key] for key in identity} != identity:
            raise RecipeError(f"{checkpoint}: expected a checkpoint of this recipe and these data")
        return read_cascade(state["cascade"].encode())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise RecipeError(f"{checkpoint}: expected a checkpoint, got {error!r}") from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a failure to write into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: expected a folder to write to, got {error}") from error
