"""One training run: read the data, train the classifier, train HFCN, write the weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.errors import DatasetError, OutputError
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import save_weights
from lvvol.output import write_file
from lvvol.train import classifier, segmentation
from lvvol.train.fingerprint import stacks_fingerprint
from lvvol.train.loop import Stage
from lvvol.train.recipe import Recipe
from lvvol.typing import Progress, StrPath

_CLASSIFIER, _HFCN = "classifier", "hfcn"


def train_networks(
    seg: Sequence[StrPath],
    vol: Sequence[StrPath],
    out: StrPath,
    recipe: Recipe | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> None:
    """Train the ROI classifier and HFCN on the split's training patients.

    Parameters
    ----------
    seg : sequence of str or path-like
        Datasets with masks to learn from.
    vol : sequence of str or path-like
        Datasets with volumes to learn from.
    out : str or path-like
        Folder for ``recipe.json``, the weights, and a checkpoint and a history of each network.
    recipe : Recipe, optional
        Settings; the default recipe if omitted.
    resume : bool
        Continue from the checkpoints in `out`. Otherwise a folder with checkpoints is refused.
    progress : callable, optional
        Called with the stage, the epochs done and the number of epochs.

    Raises
    ------
    DatasetError
        If a dataset is unreadable, or the training patients do not fill a batch.
    OutputError
        If `out` cannot be written, or holds another run's checkpoints.
    RecipeError
        If a checkpoint is damaged or belongs to another recipe or other data.
    """
    out = Path(out)
    recipe = recipe or Recipe()
    report: Progress = progress or (lambda stage, done, total: None)
    _prepare(out, recipe, resume)
    read: dict[Path, list[LabelledStack]] = {}
    seg_folders, vol_folders = (list(dict.fromkeys(map(Path, some))) for some in (seg, vol))
    folders = dict.fromkeys([*seg_folders, *vol_folders])
    for number, folder in enumerate(folders):
        report("read", number, len(folders))
        read[folder] = [s for s in read_dataset(folder, {Part.TRAIN}) if s.masks[:, 0].any()]
    report("read", len(read), len(read))
    seg_stacks = [stack for folder in seg_folders for stack in read[folder]]
    vol_stacks = [
        stack
        for folder in vol_folders
        for stack in read[folder]
        if stack.phase_volumes_ml is not None
    ]
    for name, stacks in (("seg", seg_stacks), ("vol", vol_stacks)):
        if not stacks:
            raise DatasetError(f"{name}: expected training patients, got none")
    _check_batches(seg_stacks, vol_stacks, recipe)
    data = stacks_fingerprint(seg_stacks, vol_stacks)
    try:
        _train_classifier(seg_stacks, out, recipe, report, data)
        _train_hfcn(seg_stacks, vol_stacks, out, recipe, report, data)
    except OSError as error:
        raise OutputError(f"{out}: expected a folder to write to, got {error}") from error


def _check_batches(
    seg: Sequence[LabelledStack], vol: Sequence[LabelledStack], recipe: Recipe
) -> None:
    """Refuse data that do not fill one batch, from which nothing would be learned."""
    part = recipe.segmentation
    seg_steps, vol_steps = segmentation.steps_per_block(seg, vol, part.batch, part.studies)
    for name, steps, batch in (
        ("seg", classifier.steps_per_epoch(seg, recipe.classifier.batch), "one batch of windows"),
        ("seg", seg_steps, "one batch of patches"),
        ("vol", vol_steps, f"{part.studies} studies"),
    ):
        if not steps:
            raise DatasetError(
                f"{name}: expected training patients for at least {batch}, got fewer"
            )


def _prepare(out: Path, recipe: Recipe, resume: bool) -> None:
    """Create the folder; an earlier ``recipe.json`` stays until its checkpoints are checked."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        # The detector, which is trained separately, may share the folder.
        earlier = any((out / f"{name}.checkpoint").exists() for name in (_CLASSIFIER, _HFCN))
        if earlier and not resume:
            raise OutputError(f"{out}: expected an empty folder or resume, got an earlier run")
        if not earlier:
            write_file(out / "recipe.json", json.dumps(recipe.to_dict(), indent=2).encode())
    except OSError as error:
        raise OutputError(f"{out}: expected a folder to write to, got {error}") from error


def _train_classifier(
    stacks: Sequence[LabelledStack], out: Path, recipe: Recipe, report: Progress, data: str
) -> None:
    part = recipe.classifier
    torch.manual_seed(recipe.seed)
    network = RoiClassifier()
    stage = Stage(
        _CLASSIFIER,
        network,
        recipe.to_dict(),
        recipe.seed,
        part.epochs * classifier.steps_per_epoch(stacks, part.batch),
        part.learning_rate,
        part.weight_decay,
        data,
    )

    def epoch() -> dict[str, float]:
        loss = classifier.train_epoch(stage, network, stacks, part.batch, recipe.bfloat16)
        return {"loss": loss}

    _repeat(stage, part.epochs, epoch, out, report)
    save_weights(network, out / ROI_CLASSIFIER_FILE)


def _train_hfcn(
    seg: Sequence[LabelledStack],
    vol: Sequence[LabelledStack],
    out: Path,
    recipe: Recipe,
    report: Progress,
    data: str,
) -> None:
    part = recipe.segmentation
    seg_steps, vol_steps = segmentation.steps_per_block(seg, vol, part.batch, part.studies)
    steps = seg_steps * (part.blocks - part.volume_only_blocks)
    steps += vol_steps * (part.blocks - part.warmup_blocks)
    torch.manual_seed(recipe.seed)
    network = HFCN()
    stage = Stage(
        _HFCN,
        network,
        recipe.to_dict(),
        recipe.seed,
        steps,
        part.learning_rate,
        part.weight_decay,
        data,
    )

    def block() -> dict[str, float]:
        figures = {}
        if stage.epoch < part.blocks - part.volume_only_blocks:
            figures["cross_entropy"] = segmentation.train_segmentation_epoch(
                stage, network, seg, part.batch, recipe.bfloat16
            )
        if stage.epoch >= part.warmup_blocks:
            figures["volume_error"] = segmentation.train_volume_epoch(
                stage, network, vol, part.studies, part.volume_weight, recipe.bfloat16
            )
        return figures

    _repeat(stage, part.blocks, block, out, report)
    save_weights(network, out / HFCN_FILE)


def _repeat(
    stage: Stage, epochs: int, epoch: Callable[[], dict[str, float]], out: Path, report: Progress
) -> None:
    """Run the remaining epochs, with a checkpoint and an entry of the history after each."""
    checkpoint = out / f"{stage.name}.checkpoint"
    if checkpoint.exists():
        stage.restore(checkpoint)
    report(stage.name, stage.epoch, epochs)
    while stage.epoch < epochs:
        stage.history.append(epoch())
        stage.epoch += 1
        stage.save(checkpoint)
        history = json.dumps(stage.history, indent=1).encode()
        write_file(out / f"{stage.name}_history.json", history)
        report(stage.name, stage.epoch, epochs)
