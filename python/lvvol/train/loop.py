"""`Stage`, shared by the trained networks: schedule, optimizer step and checkpoint."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lvvol.errors import RecipeError
from lvvol.output import write_file


def scheduled_rate(step: int, steps: int, highest: float, warmup: float = 0.05) -> float:
    """Return the learning rate of a step: a short linear rise, then a cosine to 0.

    Examples
    --------
    >>> scheduled_rate(5, 100, 1.0), scheduled_rate(100, 100, 1.0)
    (1.0, 0.0)
    """
    rise = max(1.0, warmup * steps)
    if step < rise:
        return highest * (step + 1) / (rise + 1)
    return (
        highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, steps - rise))))
    )


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
        Of sampling, dropout and initial weights.
    steps : int
        Number of steps of the whole run, spanned by the schedule.
    learning_rate, weight_decay : float
        Parameters of AdamW.
    data : str
        Fingerprint of the training data; a checkpoint of a run with others is refused.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        recipe: dict[str, Any],
        seed: int,
        steps: int,
        learning_rate: float,
        weight_decay: float,
        data: str = "",
    ) -> None:
        self.name = name
        self.network = network.to(  # type: ignore[call-overload]
            memory_format=torch.channels_last
        )
        self.recipe = recipe
        self.steps = steps
        self.data = data
        self.step = 0
        self.epoch = 0
        self.rng = np.random.default_rng(seed)
        self.history: list[dict[str, float]] = []
        self._highest = learning_rate
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=learning_rate, weight_decay=weight_decay
        )

    def optimizer_step(self, loss: torch.Tensor) -> float:
        """Take one optimizer step on a loss and return its value."""
        for group in self._optimizer.param_groups:
            group["lr"] = scheduled_rate(self.step, self.steps, self._highest)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(
            {
                "name": self.name,
                "recipe": self.recipe,
                "network": self.network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "step": self.step,
                "steps": self.steps,
                "data": self.data,
                "epoch": self.epoch,
                "history": self.history,
                "random": self.rng.bit_generator.state,
                "torch_random": torch.get_rng_state(),
            },
            buffer,
        )
        write_file(path, buffer.getvalue())

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises
        ------
        RecipeError
            If it is damaged, or belongs to another stage, recipe, network or other data.
        """
        try:
            state = torch.load(path, weights_only=True)
        except Exception as error:  # torch.load raises anything on damaged files
            raise RecipeError(f"{path}: expected a checkpoint, got a damaged file") from error
        try:
            if state["name"] != self.name or state["recipe"] != self.recipe:
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
            self.network.load_state_dict(state["network"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.step, self.epoch = state["step"], state["epoch"]
            self.history = state["history"]
            self.rng.bit_generator.state = state["random"]
            torch.set_rng_state(state["torch_random"])
        except (KeyError, TypeError, IndexError, ValueError, RuntimeError) as error:
            message = " ".join(str(error).split())
            raise RecipeError(
                f"{path}: expected a checkpoint of {self.name}, got {message}"
            ) from error
