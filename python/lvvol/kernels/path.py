"""Which implementation of an operation runs: its reference, the core or its Triton kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch

Path = Literal["auto", "reference", "core", "triton"]

_PATHS = get_args(Path)
_of_auto: Path = "auto"


def choose(
    path: Path, device: torch.device, *, core: bool = False
) -> Literal["reference", "core", "triton"]:
    """Return which implementation runs for tensors on a device.

    Parameters
    ----------
    path : {"auto", "reference", "core", "triton"}
        "auto" takes Triton on a CUDA device, the core on a CPU if the operation has it there, and
        the reference elsewhere, unless `forced` says otherwise; the other three are taken as they
        are. On the CPU, "triton" works only through Triton's interpreter (TRITON_INTERPRET=1 before
        triton is first imported).
    device : torch.device
        Where the operation's tensors are.
    core : bool
        Whether the operation has a path through `lvvol._core`.

    Returns
    -------
    {"reference", "core", "triton"}
        What runs. There is no falling back: if that then cannot run, it is an error.

    Raises
    ------
    ValueError
        If `path` is none of the four, or the core's where the operation has none.

    Examples
    --------
    >>> choose("auto", torch.device("cpu"))
    'reference'
    >>> choose("auto", torch.device("cpu"), core=True)
    'core'
    >>> choose("auto", torch.device("cuda"), core=True)
    'triton'
    """
    if path not in _PATHS:
        raise ValueError(f"path: expected one of {', '.join(map(repr, _PATHS))}, got {path!r}")
    if path == "auto":
        path = _of_auto
    if path == "core" and not core:
        raise ValueError(
            "path: expected 'reference' or 'triton' of this operation, which the core does not "
            "have, got 'core'"
        )
    if path != "auto":
        return path
    if device.type == "cuda":
        return "triton"
    return "core" if core and device.type == "cpu" else "reference"


@contextmanager
def forced(path: Path) -> Iterator[None]:
    """Let "auto" mean `path`, in the whole process, until the block ends.

    Parameters
    ----------
    path : {"auto", "reference", "core", "triton"}
        For calls deep inside a network, where no argument can be given.

    Raises
    ------
    ValueError
        If `path` is none of the four.

    Examples
    --------
    >>> with forced("reference"):
    ...     choose("auto", torch.device("cuda"))
    'reference'
    """
    global _of_auto
    choose(path, torch.device("cpu"), core=True)
    before, _of_auto = _of_auto, path
    try:
        yield
    finally:
        _of_auto = before


def check_device(device: torch.device) -> None:
    """Refuse to launch a kernel where Triton cannot run it.

    Parameters
    ----------
    device : torch.device
        Of the kernel's tensors.

    Raises
    ------
    ValueError
        If it is neither a CUDA device nor, with Triton's interpreter asked for, the CPU.
    """
    interpreted = device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    if device.type != "cuda" and not interpreted:
        raise ValueError(
            "path: 'triton' expected tensors on a CUDA device, or on the CPU with "
            f"TRITON_INTERPRET=1 set before triton is imported, got {device}"
        )
