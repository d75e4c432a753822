"""One training run: read the data, train the chosen networks, write the weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from lvvol.datasets import read_split
from lvvol.errors import OutputError, RecipeError
from lvvol.train.device import Compute, DeviceName, choose_device
from lvvol.train.distributed import local_rank, process_group
from lvvol.train.examples import read_training_data
from lvvol.train.folder import RunFolder
from lvvol.train.history import BlockReport
from lvvol.train.recipe import Recipe
from lvvol.train.selection import Selection
from lvvol.train.stages import CLASSIFIER, FIRST_ROUND, HFCN, Run
from lvvol.typing import Progress, StrPath

NETWORK_STAGES = (CLASSIFIER, HFCN)


def train_networks(
    seg: Sequence[StrPath],
    vol: Sequence[StrPath],
    out: StrPath,
    recipe: Recipe | None = None,
    *,
    stages: Sequence[str] = NETWORK_STAGES,
    selection: Selection | None = None,
    init: StrPath | None = None,
    repick: bool = False,
    device: DeviceName = "auto",
    tensorboard: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    on_block: Callable[[BlockReport], None] | None = None,
) -> None:
    """Train the ROI classifier, HFCN or both.

    Parameters
    ----------
    seg : sequence of str or path-like
        Datasets with masks to learn from; none to train HFCN on volumes only.
    vol : sequence of str or path-like
        Datasets with volumes to learn from, perhaps whole cines without masks or phases; none to
        train on masks only.
    out : str or path-like
        Folder for ``recipe.json``, ``run.json``, the weights, and a checkpoint and a history of
        each network.
    recipe : Recipe, optional
        Settings; the default recipe if omitted.
    stages : sequence of {"classifier", "hfcn"}
        What to train; the classifier comes first.
    selection : Selection, optional
        Patients to learn from, and to validate on; everybody and nobody by default.
    init : str or path-like, optional
        Folder of a run whose weights to begin with.
    repick : bool
        Train HFCN twice: the second time with the phases that the first model measures as largest
        and smallest, where a dataset doesn't say them (paper III-I).
    device : {"auto", "cpu", "cuda"}
        Where to train.
    tensorboard : bool
        Write TensorBoard's event files too.
    resume : bool
        Continue from the checkpoints in `out`. Otherwise a folder with checkpoints is refused.
    progress : callable, optional
        Called with the stage, the epochs done and the number of epochs.
    on_block : callable, optional
        Called with a `BlockReport` after each epoch or block.

    Raises
    ------
    DatasetError
        If a dataset or split is unreadable, or the patients do not fill a batch.
    OutputError
        If `out` cannot be written, or holds another run's checkpoints.
    RecipeError
        If a checkpoint is damaged or belongs to another recipe or other data, or the recipe's
        network cannot learn from volumes.
    WeightsError
        If the weights of `init` are missing, damaged or of another network.
    ValueError
        If the stages and datasets do not go together, or there is no such device.
    """
    recipe, selection = recipe or Recipe(), selection or Selection()
    _check(seg, vol, stages, recipe, repick)
    compute = Compute(choose_device(device, local_rank()), recipe.bfloat16)
    report: Progress = progress or (lambda stage, done, total: None)
    with process_group(compute.device) as ranks:
        folder = RunFolder(Path(out), writes=ranks.first)
        names = [HFCN, FIRST_ROUND] if repick and HFCN in stages else []
        folder.prepare([*stages, *names], recipe, resume)
        split = None if selection.split is None else read_split(selection.split)
        data = read_training_data(seg, vol, report, split, selection.learned, selection.validation)
        text = "" if split is None else split.to_json()
        facts = {
            "seg": [str(place) for place in seg],
            "vol": [str(place) for place in vol],
            "split": None if split is None else split.place,
            "split_sha256": hashlib.sha256(text.encode()).hexdigest() if text else None,
            "part": selection.learned,
            "validation": selection.validation,
            "init": None if init is None else str(init),
            "device": str(compute),
            "processes": ranks.world,
        }
        run = Run(
            folder=folder,
            recipe=recipe,
            data=data,
            compute=compute,
            ranks=ranks,
            init=None if init is None else Path(init),
            report=report,
            on_block=on_block or (lambda block: None),
            tensorboard=tensorboard,
            facts=facts,
        )
        try:
            run.train(stages, repick)
        except OSError as error:
            raise OutputError(f"{out}: expected a folder to write to, got {error}") from error


def _check(
    seg: Sequence[StrPath],
    vol: Sequence[StrPath],
    stages: Sequence[str],
    recipe: Recipe,
    repick: bool,
) -> None:
    """Refuse what cannot be trained."""
    if not stages or not set(stages) <= set(NETWORK_STAGES):
        raise ValueError(f"stages: expected some of {', '.join(NETWORK_STAGES)}, got {stages}")
    if CLASSIFIER in stages and not seg:
        raise ValueError("seg: expected datasets with masks, from which the classifier learns")
    if HFCN in stages and not (seg or vol):
        raise ValueError("seg, vol: expected datasets with masks, with volumes or both")
    if repick and (HFCN not in stages or not vol):
        raise ValueError("repick: expected volumes to train HFCN on")
    if vol and HFCN in stages and recipe.segmentation.network == "fcn":
        raise RecipeError(
            "network: expected one that learns from volumes, got fcn, whose area has no gradient; "
            "train it on masks only"
        )
