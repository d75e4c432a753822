"""Where training computes, and in which precision."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy.typing as npt
import torch
from torch import Tensor, nn

DeviceName = Literal["auto", "cpu", "cuda"]

_CPU = torch.device("cpu")


def choose_device(name: DeviceName = "auto", local_rank: int = 0) -> torch.device:
    """Return the device to train on.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        "auto" is a GPU where there is one, else the CPU.
    local_rank : int
        Number of this process on its machine: each takes a GPU of its own.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the name is unknown, or there is no GPU for this process.
    """
    if name not in get_args(DeviceName):
        raise ValueError(f"device: expected one of {', '.join(get_args(DeviceName))}, got {name!r}")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return _CPU
    if not torch.cuda.is_available():
        raise ValueError("device: expected a GPU that torch can use for 'cuda', got none")
    if local_rank >= torch.cuda.device_count():
        raise ValueError(
            f"device: expected a GPU for each process of this machine, got "
            f"{torch.cuda.device_count()} for process {local_rank + 1}"
        )
    return torch.device("cuda", local_rank)


@dataclass(frozen=True)
class Compute:
    """A device and a precision.

    Parameters
    ----------
    device : torch.device
        Where networks and batches are.
    bfloat16 : bool
        Compute in bfloat16 where torch considers it safe; weights stay float32.
    """

    device: torch.device = _CPU
    bfloat16: bool = False

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which networks run."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    @property
    def slow(self) -> bool:
        """Whether bfloat16, emulated by a processor without its instructions, is slow."""
        if not self.bfloat16 or self.device.type != "cpu":
            return False
        # Not part of torch's interface: where it is gone, nothing is said.
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return native is not None and platform.machine() in ("x86_64", "AMD64") and not native()

    def tensor(self, values: npt.NDArray[Any]) -> Tensor:
        """Return an array on the device; the copy to a GPU overlaps with what it computes."""
        tensor = torch.from_numpy(values)
        if self.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in place, with the memory layout that is fastest."""
        placed: nn.Module = network.to(  # type: ignore[call-overload]
            self.device, memory_format=torch.channels_last
        )
        return placed

    def __str__(self) -> str:
        name = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else self.device.type
        )
        return f"{name}, {'bfloat16' if self.bfloat16 else 'float32'}"
