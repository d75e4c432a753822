"""The stages of a run: the classifier, then HFCN, each in blocks with a checkpoint after each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lvvol.errors import DatasetError, WeightsError
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE, SHIPPED
from lvvol.networks.weights import weights_content
from lvvol.roi import DETECTOR_FILE
from lvvol.train.classifier import WindowTask, steps_per_epoch
from lvvol.train.device import Compute
from lvvol.train.distributed import Ranks
from lvvol.train.examples import Entry, Examples, TrainingData
from lvvol.train.folder import RunFolder
from lvvol.train.history import BlockReport, Board, open_board
from lvvol.train.loop import Task, train_blocks
from lvvol.train.networks import SegmentationNetwork, roi_classifier, segmentation_network
from lvvol.train.picks import find_missing, pick_again, with_picks
from lvvol.train.recipe import BestBy, Recipe, SegmentationRecipe
from lvvol.train.segmentation import MaskTask
from lvvol.train.stage import Optimisation, Stage
from lvvol.train.validation import score, validate
from lvvol.train.volumes import VolumeTask
from lvvol.typing import Progress

CLASSIFIER, HFCN = "classifier", "hfcn"

FIRST_ROUND = "hfcn_round1"
"""The training of HFCN before phases are picked again."""


@dataclass(eq=False)
class Run:
    """A training run with its data.

    Parameters
    ----------
    folder : RunFolder
        Where it writes.
    recipe : Recipe
        Its settings.
    data : TrainingData
        What it learns from.
    compute : Compute
        Where it computes.
    ranks : Ranks
        The processes that train together.
    init : Path or None
        Folder of a run whose weights it begins with.
    report : callable
        Progress.
    on_block : callable
        Called with a `BlockReport` after each epoch or block.
    tensorboard : bool
        Whether to write TensorBoard's event files.
    facts : dict
        What else ``run.json`` says of each stage.
    """

    folder: RunFolder
    recipe: Recipe
    data: TrainingData
    compute: Compute
    ranks: Ranks
    init: Path | None
    report: Progress
    on_block: Callable[[BlockReport], None]
    tensorboard: bool
    facts: dict[str, Any]

    def train(self, stages: Sequence[str], repick: bool) -> None:
        """Train stages in their order; with `repick`, HFCN twice."""
        self._check_batches(stages)
        if CLASSIFIER in stages:
            self._train_classifier()
        if HFCN not in stages:
            return
        self._provide_classifier()
        for name in ("vol", "held_out"):
            entries = getattr(self.data, name)
            found = None
            if self.ranks.first:
                found = find_missing(entries, self.folder.path, partial(self.report, "locate"))
            picks = self.ranks.from_first(found)
            assert picks is not None
            setattr(self.data, name, with_picks(entries, picks, self.data.dropped))
        self._check_batches(stages)
        if self.data.dropped:
            self.folder.write({"dropped.csv": self.data.dropped_csv()})
        if repick:
            self._pick_again(self._train_hfcn(FIRST_ROUND))
        self._train_hfcn(HFCN)

    def _check_batches(self, stages: Sequence[str]) -> None:
        """Refuse data that do not fill one batch, from which nothing would be learned."""
        seg, vol, part = Examples(self.data.seg), self.data.vol, self.recipe.segmentation
        steps = {
            "one batch of windows": ("seg", steps_per_epoch(seg, self.recipe.classifier.batch)),
            "one batch of patches": ("seg", seg.n_images // part.batch),
            f"{part.studies} studies": ("vol", len(vol) // part.studies),
        }
        if CLASSIFIER not in stages:
            del steps["one batch of windows"]
        if HFCN not in stages or not seg:
            del steps["one batch of patches"]
        if HFCN not in stages or not vol:
            del steps[f"{part.studies} studies"]
        for batch, (name, count) in steps.items():
            if not count:
                raise DatasetError(
                    f"{name}: expected training patients for at least {batch}, got fewer"
                )

    def _train_classifier(self) -> None:
        part, seg = self.recipe.classifier, Examples(self.data.seg)
        torch.manual_seed(self.recipe.seed)
        network = roi_classifier(self.init)
        stage = self._stage(
            CLASSIFIER,
            network,
            part.epochs * steps_per_epoch(seg, part.batch),
            Optimisation(part.learning_rate, part.weight_decay),
            self._identity(ROI_CLASSIFIER_FILE),
        )
        task = WindowTask(seg, part.batch, network.config.size)
        self._repeat(stage, part.epochs, lambda epoch: [task], ROI_CLASSIFIER_FILE, Examples([]))

    def _train_hfcn(self, name: str) -> Stage:
        part = self.recipe.segmentation
        seg, vol = Examples(self.data.seg), Examples(self.data.vol)
        torch.manual_seed(self.recipe.seed)
        network = segmentation_network(part.network, self.init)
        channels = network.config.channels
        masks = MaskTask(seg, part.batch, part.augmentation, channels, part.area_weight)
        volumes = VolumeTask(
            vol, part.studies, part.volume_loss, part.volume_weight, part.augmentation, channels
        )

        def tasks_of(block: int) -> list[Task]:
            tasks: list[Task] = []
            if seg and (not vol or block < part.blocks - part.volume_only_blocks):
                tasks.append(masks)
            if vol and (not seg or block >= part.warmup_blocks):
                tasks.append(volumes)
            return tasks

        steps = {id(masks): seg.n_images // part.batch, id(volumes): len(vol) // part.studies}
        stage = self._stage(
            name,
            network,
            sum(steps[id(task)] for block in range(part.blocks) for task in tasks_of(block)),
            _optimisation(part),
            self._identity(HFCN_FILE),
        )
        self._repeat(stage, part.blocks, tasks_of, HFCN_FILE, Examples(self.data.held_out))
        return stage

    def _stage(
        self,
        name: str,
        network: nn.Module,
        steps: int,
        optimisation: Optimisation,
        data: str,
    ) -> Stage:
        stage = Stage(
            name,
            network,
            self.recipe.to_dict(),
            self.recipe.seed,
            steps,
            optimisation,
            data,
            compute=self.compute,
            ranks=self.ranks,
        )
        if self.ranks.world > 1:  # the network is the same everywhere; what it drops is not
            torch.manual_seed(self.recipe.seed + self.ranks.rank)
        return stage

    def _identity(self, init_file: str) -> str:
        """Return a hash of everything but the recipe that a stage depends on."""
        digest = hashlib.sha256()
        for entries in (self.data.seg, self.data.vol, self.data.held_out):
            # Patients whose phases are not found yet are known by what is labelled.
            digest.update(Examples(entries).fingerprint().encode())
        if self.init is not None:
            digest.update((self.init / init_file).read_bytes())
        return digest.hexdigest()

    def _repeat(
        self,
        stage: Stage,
        epochs: int,
        tasks_of: Callable[[int], Sequence[Task]],
        weights_file: str,
        held_out: Examples,
    ) -> None:
        """Run the remaining epochs, with a checkpoint and an entry of the history after each."""
        checkpoint = self.folder.checkpoint(stage.name)
        if self.ranks.from_first(checkpoint.exists()):
            stage.restore(checkpoint)
        self.folder.record(stage.name, {**self.facts, **self._patients(), "data": stage.data})
        if stage.epoch:  # somebody may have removed what a finished stage had written
            weights = _weights(stage, weights_file, bool(held_out))
            self.folder.save(stage, weights, checkpoint=False)
        self.report(stage.name, stage.epoch, epochs)
        board = None
        if self.tensorboard and self.ranks.first:
            board = open_board(self.folder.path / "tensorboard" / stage.name)
        best_by, patience = self.recipe.segmentation.best_by, self.recipe.segmentation.patience

        def after(figures: dict[str, float]) -> bool:
            if held_out:
                figures.update(self._validate(stage, held_out))
            is_best = _note_best(stage, figures, best_by) if held_out else False
            stage.history.append(figures)
            self.folder.save(stage, _weights(stage, weights_file, bool(held_out)))
            self.folder.draw(stage, at_once=False)
            _show(board, stage)
            self.on_block(_block_report(stage, epochs, is_best))
            self.report(stage.name, stage.epoch, epochs)
            return _is_over(stage, patience)

        try:
            if not _is_over(stage, patience):
                train_blocks(stage, epochs, tasks_of, after)
        finally:
            if board is not None:
                board.close()
        self.folder.draw(stage, at_once=True)

    def _validate(self, stage: Stage, held_out: Examples) -> dict[str, float]:
        with stage.measuring() as network:
            assert isinstance(network, SegmentationNetwork)
            figures = validate(network, self.compute, held_out) if self.ranks.first else {}
        return self.ranks.from_first(figures)

    def _patients(self) -> dict[str, int]:
        return {
            "patients_with_masks": len(self.data.seg),
            "patients_with_volumes": len(self.data.vol),
            "patients_left_out": len(self.data.held_out),
        }

    def _provide_classifier(self) -> None:
        """Complete the folder for prediction: what is not trained here comes from elsewhere."""
        source = self.init or SHIPPED
        for name in (ROI_CLASSIFIER_FILE, DETECTOR_FILE):
            if name == DETECTOR_FILE and not (self.init and (self.init / name).exists()):
                continue  # prediction takes the shipped one
            if not (self.folder.path / name).exists():
                try:
                    self.folder.write({name: (source / name).read_bytes()})
                except FileNotFoundError as error:
                    raise WeightsError(f"{source / name}: expected weights, got no file") from error

    def _pick_again(self, stage: Stage) -> None:
        """Replace phases that were picked by those that the model measures."""
        network = segmentation_network(self.recipe.segmentation.network)
        network.load_state_dict(_best_state(stage))
        self.compute.place(network)
        tables: list[bytes] = []
        for name in ("vol", "held_out"):
            entries: list[Entry] = getattr(self.data, name)
            found = None
            if self.ranks.first:
                report = partial(self.report, "pick again")
                found = pick_again(entries, network, self.compute, report)
            again = self.ranks.from_first(found)
            assert again is not None
            picks, table = again
            setattr(self.data, name, with_picks(entries, picks, self.data.dropped))
            tables.append(table if not tables else table.partition(b"\n")[2])
        first = weights_content(network)
        self.folder.write({"phases.csv": b"".join(tables), f"{FIRST_ROUND}.safetensors": first})


def _optimisation(part: SegmentationRecipe) -> Optimisation:
    return Optimisation(
        learning_rate=part.learning_rate,
        weight_decay=part.weight_decay,
        optimizer=part.optimizer,
        momentum=part.momentum,
        clip_norm=part.clip_norm,
        schedule=part.schedule,
        step_blocks=part.step_blocks,
        step_factor=part.step_factor,
        ema_decay=part.ema_decay,
    )


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _best_state(stage: Stage) -> dict[str, torch.Tensor]:
    """Return the weights to measure with: the best, or the last where nothing says which is."""
    if stage.best:
        best: dict[str, torch.Tensor] = stage.best["network"]
        return best
    with stage.measuring() as network:
        return _state(network)


def _weights(stage: Stage, file: str, validated: bool) -> dict[str, bytes]:
    """Return weights files of a stage: the best, and with validation the last too."""
    network: Any = stage.network
    contents = {file: weights_content(network, _best_state(stage))}
    if validated:
        with stage.measuring() as last:
            contents[file.replace(".", "_last.")] = weights_content(network, last.state_dict())
    return contents


def _note_best(stage: Stage, figures: dict[str, float], best_by: BestBy) -> bool:
    """Keep the weights of the best epoch; return whether it is this one."""
    reached = score(figures, best_by)
    if reached is None or (stage.best and reached <= stage.best["score"]):
        return False
    with stage.measuring() as network:
        stage.best = {"score": reached, "epoch": stage.epoch, "network": _state(network)}
    return True


def _is_over(stage: Stage, patience: int) -> bool:
    """Return whether too many epochs have passed since the best one."""
    return bool(patience and stage.best and stage.epoch - stage.best["epoch"] >= patience)


def _show(board: Board | None, stage: Stage) -> None:
    if board is not None:
        for name, value in {**stage.history[-1], **stage.times[-1]}.items():
            board.add_scalar(name, value, stage.epoch)


def _block_report(stage: Stage, epochs: int, is_best: bool) -> BlockReport:
    spent_s = sum(times["seconds"] for times in stage.times)
    return BlockReport(
        stage=stage.name,
        done=stage.epoch,
        total=epochs,
        figures=stage.history[-1],
        is_best=is_best,
        seconds=stage.times[-1]["seconds"],
        waiting_share=stage.times[-1]["waiting_share"],
        left_s=spent_s / stage.step * (stage.steps - stage.step),
    )
