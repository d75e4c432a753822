"""`Stage`, a network in training: optimizer steps, and checkpoints that continue them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lvvol.errors import RecipeError
from lvvol.networks.hfcn import HFCN
from lvvol.output import write_file
from lvvol.train.device import Compute
from lvvol.train.distributed import Ranks
from lvvol.train.recipe import OptimizerName, ScheduleName
from lvvol.train.recipe_file import recipe_of
from lvvol.train.schedule import cosine_rate, stepped_rate


@dataclass(frozen=True)
class Optimisation:
    """How a stage's weights follow its gradients; the fields are those of `SegmentationRecipe`."""

    learning_rate: float
    weight_decay: float
    optimizer: OptimizerName = "adamw"
    momentum: float = 0.9
    clip_norm: float = 1.0
    schedule: ScheduleName = "cosine"
    step_blocks: int = 70
    step_factor: float = 0.1
    ema_decay: float = 0.0


class _Output(nn.Module):
    """One output of a network: the others then take no part in the backward pass."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, number: int | None) -> Tensor | tuple[Tensor, ...]:
        result: Tensor | tuple[Tensor, ...] = self.network(inputs)
        return result if number is None else result[number]


class Stage:
    """A network in training, with everything a resumed run needs to equal an unbroken one.

    Parameters
    ----------
    name : str
        Name in checkpoints and progress.
    network : Module
        The network, trained in place.
    recipe : dict
        The recipe as plain values; a checkpoint of another one is refused.
    seed : int
        Of sampling.
    steps : int
        Number of steps of the whole run, spanned by the schedule.
    optimisation : Optimisation
        Optimizer and schedule.
    data : str
        Fingerprint of the training data; a checkpoint of a run with others is refused.
    compute : Compute
        Device and precision.
    ranks : Ranks
        The processes that train together.

    Attributes
    ----------
    step, epoch : int
        Steps and epochs done; for HFCN an epoch is a block.
    history : list of dict
        Figures of each epoch.
    times : list of dict
        Seconds of each epoch, and the share of them in which no batch was ready.
    best : dict
        Score, epoch and weights of the best epoch so far; empty without validation.
    rng : Generator
        Random numbers of the next epoch's batches.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        recipe: dict[str, Any],
        seed: int,
        steps: int,
        optimisation: Optimisation,
        data: str = "",
        *,
        compute: Compute | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.name = name
        self.compute = compute or Compute()
        self.ranks = ranks or Ranks()
        self.network = self.compute.place(
            self.ranks.with_shared_statistics(network, self.compute.device)
        )
        self.recipe = recipe
        self.steps = steps
        self.data = data
        self.step = 0
        self.epoch = 0
        self.rng = np.random.default_rng(seed)
        self.history: list[dict[str, float]] = []
        self.times: list[dict[str, float]] = []
        self.best: dict[str, Any] = {}
        self._optimisation = optimisation
        self._optimizer = _optimizer(self.network, optimisation)
        self._model = self.ranks.together(_Output(self.network), isinstance(network, HFCN))
        self._average: dict[str, Tensor] = {}
        if optimisation.ema_decay:
            self._average = {n: p.detach().clone() for n, p in self.network.named_parameters()}

    def output(self, inputs: Tensor, number: int | None = None) -> Tensor:
        """Run the network, with gradients.

        Parameters
        ----------
        inputs : Tensor, shape (batch, channel, row, column)
            On the stage's device.
        number : int, optional
            Which output, of a network that has several.

        Returns
        -------
        Tensor of float32
        """
        result = self._run(inputs, number)
        assert isinstance(result, Tensor)
        return result.float()

    def outputs(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Run a network with several outputs, and return all of them; see `output`."""
        return tuple(result.float() for result in self._run(inputs, None))

    def _run(self, inputs: Tensor, number: int | None) -> Tensor | tuple[Tensor, ...]:
        with self.compute.autocast():
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            result: Tensor | tuple[Tensor, ...] = self._model(inputs, number)
        return result

    def optimizer_step(self, loss: Tensor) -> None:
        """Take one optimizer step on a loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._optimisation.clip_norm)
        self._optimizer.step()
        self.step += 1
        decay = self._optimisation.ema_decay
        for name, value in self.network.named_parameters() if decay else ():
            self._average[name].lerp_(value.detach(), 1 - decay)

    def _rate(self) -> float:
        how = self._optimisation
        if how.schedule == "step":
            return stepped_rate(self.epoch, how.learning_rate, how.step_factor, how.step_blocks)
        return cosine_rate(self.step, self.steps, how.learning_rate)

    @contextmanager
    def measuring(self) -> Iterator[nn.Module]:
        """Lend the network as it is to measure: averaged, if the recipe says so."""
        trained = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        try:
            self._set_parameters(self._average)
            yield self.network
        finally:
            if self._average:
                self._set_parameters(trained)

    def _set_parameters(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.network.named_parameters() if values else ():
                parameter.copy_(values[name])

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        write_file(path, self.checkpoint())

    def checkpoint(self) -> bytes:
        """Return the content of a checkpoint."""
        buffer = io.BytesIO()
        state = {
            "name": self.name,
            "recipe": self.recipe,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "steps": self.steps,
            "data": self.data,
            "epoch": self.epoch,
            "history": self.history,
            "times": self.times,
            "best": self.best,
            "average": self._average,
            "random": self.rng.bit_generator.state,
            "torch_random": torch.get_rng_state(),
        }
        if self.compute.device.type == "cuda":
            state["cuda_random"] = torch.cuda.get_rng_state(self.compute.device)
        torch.save(state, buffer)
        return buffer.getvalue()

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint, which only the first process need have.

        Raises
        ------
        RecipeError
            If it is damaged, or belongs to another stage, recipe, network or other data.
        """
        state = self.ranks.from_first(self._read(path) if self.ranks.first else None)
        try:
            assert state is not None
            self.network.load_state_dict(state["network"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.step, self.epoch = state["step"], state["epoch"]
            self.history = state["history"]
            self.times = state.get("times", [])
            self.best = state.get("best", {})
            device = self.compute.device
            self._average = {
                name: value.to(device) for name, value in state.get("average", {}).items()
            }
            self.rng.bit_generator.state = state["random"]
            if self.ranks.first:  # others have random states of their own
                torch.set_rng_state(state["torch_random"])
                if device.type == "cuda" and "cuda_random" in state:
                    torch.cuda.set_rng_state(state["cuda_random"], device)
        except (KeyError, TypeError, IndexError, ValueError, RuntimeError) as error:
            raise self._not_ours(path, error) from error

    def _read(self, path: Path) -> dict[str, Any]:
        """Read a checkpoint, if it is of this run."""
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:  # torch.load raises anything on damaged files
            raise RecipeError(f"{path}: expected a checkpoint, got a damaged file") from error
        try:
            if state["name"] != self.name or not self._is_recipe(state["recipe"], path):
                raise RecipeError(f"{path}: expected a checkpoint of this recipe's {self.name}")
            if state["steps"] != self.steps:
                raise RecipeError(
                    f"{path}: expected a checkpoint of a run of {self.steps} steps, "
                    f"got one of {state['steps']}: the data are not the same"
                )
            if state["data"] != self.data:
                raise RecipeError(
                    f"{path}: expected a checkpoint of a run with these data, got one with others: "
                    "images, labels or volumes have changed since"
                )
        except (KeyError, TypeError, IndexError, ValueError, RuntimeError) as error:
            raise self._not_ours(path, error) from error
        return state

    def _is_recipe(self, values: dict[str, Any], path: Path) -> bool:
        """Return whether a recipe is this one; one of an older version lacks fields."""
        if values == self.recipe:
            return True
        try:
            return recipe_of(values, str(path)).to_dict() == self.recipe
        except RecipeError:
            return False

    def _not_ours(self, path: Path, error: Exception) -> RecipeError:
        message = " ".join(str(error).split())
        return RecipeError(f"{path}: expected a checkpoint of {self.name}, got {message}")


def _optimizer(network: nn.Module, how: Optimisation) -> torch.optim.Optimizer:
    if how.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            lr=how.learning_rate,
            momentum=how.momentum,
            weight_decay=how.weight_decay,
        )
    return torch.optim.AdamW(
        network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay
    )
