"""Choice of an operation's implementation: its reference, the core or its Triton kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch

Path = Literal["auto", "reference", "core", "triton"]

_PATHS = get_args(Path)
_auto: Path = "auto"


def choose(
    path: Path, device: torch.device, *, core: bool = False
) -> Literal["reference", "core", "triton"]:
    """Choose the implementation for tensors on a device.

    Parameters
    ----------
    path : {"auto", "reference", "core", "triton"}
        "auto" is Triton on a CUDA device, the core on a CPU if it implements the operation, and the
        reference otherwise, unless changed by `forced`. The other three are returned unchanged. On
        the CPU, "triton" needs Triton's interpreter (TRITON_INTERPRET=1 before triton is first
        imported).
    device : torch.device
        Device of the operation's tensors.
    core : bool
        Whether the core implements the operation.

    Returns
    -------
    {"reference", "core", "triton"}
        Implementation to run. There is no fallback: if it cannot run, it raises.

    Raises
    ------
    ValueError
        If `path` is unknown, or "core" and the core does not implement the operation.

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
        path = _auto
    if path == "core" and not core:
        raise ValueError(
            "path: expected 'reference' or 'triton', as the core does not have this operation, "
            "got 'core'"
        )
    if path != "auto":
        return path
    if device.type == "cuda":
        return "triton"
    return "core" if core and device.type == "cpu" else "reference"


@contextmanager
def forced(path: Path) -> Iterator[None]:
    """Make "auto" mean `path` in the whole process until the block ends.

    Parameters
    ----------
    path : {"auto", "reference", "core", "triton"}
        Implementation for calls inside a network, which do not pass a path.

    Raises
    ------
    ValueError
        If `path` is unknown.

    Examples
    --------
    >>> with forced("reference"):
    ...     choose("auto", torch.device("cuda"))
    'reference'
    """
    global _auto
    choose(path, torch.device("cpu"), core=True)
    before, _auto = _auto, path
    try:
        yield
    finally:
        _auto = before


def is_interpreted() -> bool:
    """Return whether Triton's interpreter runs the kernels, on a CPU too: TRITON_INTERPRET=1."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def check_device(device: torch.device) -> None:
    """Raise if Triton cannot run a kernel on a device.

    Parameters
    ----------
    device : torch.device
        Device of the kernel's tensors.

    Raises
    ------
    ValueError
        Unless it is a CUDA device, or the CPU with Triton's interpreter enabled.
    """
    interpreted = device.type == "cpu" and is_interpreted()
    if device.type != "cuda" and not interpreted:
        raise ValueError(
            "path: 'triton' expected tensors on a CUDA device, or on the CPU with "
            f"TRITON_INTERPRET=1 set before triton is imported, got {device}"
        )
