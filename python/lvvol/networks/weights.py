"""Weights on disk: safetensors, with what the network is and what it expects inside the file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lvvol.errors import WeightsError
from lvvol.networks.fcn import FCN, FcnConfig
from lvvol.networks.hfcn import HFCN, HfcnConfig
from lvvol.networks.roi_classifier import RoiClassifier, RoiClassifierConfig

SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that come with lvvol."""

HFCN_FILE = "hfcn.safetensors"
ROI_CLASSIFIER_FILE = "roi_classifier.safetensors"

Network = TypeVar("Network", bound=nn.Module)

_FORMAT = "lvvol-1"
_NORMALISATION = {
    "HFCN": "patch mean 0, variance 1",
    "FCN": "patch mean 0, variance 1",
    "RoiClassifier": "window mean 0",
}


def save_weights(network: HFCN | FCN | RoiClassifier, path: Path) -> None:
    """Write a network's weights beside their place, then move them there.

    Parameters
    ----------
    network : HFCN, FCN or RoiClassifier
        As trained, batch normalisation not folded.
    path : Path
        File to write: safetensors, with the network's name, its config and the normalisation of its
        input as text inside.
    """
    kind = type(network).__name__
    metadata = {
        "format": _FORMAT,
        "network": kind,
        "config": json.dumps(dataclasses.asdict(network.config)),
        "normalisation": _NORMALISATION[kind],
    }
    part = path.with_suffix(".part")
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    part.write_bytes(save(tensors, metadata))
    part.replace(path)


def load_hfcn(path: Path = SHIPPED / HFCN_FILE) -> HFCN:
    """Return HFCN with weights from a file.

    Parameters
    ----------
    path : Path
        From `save_weights`, of HFCN in any configuration.

    Returns
    -------
    HFCN
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, or holds another network, config or normalisation than
        it should, or weights that are not those of its config.
    """
    return _load(path, HFCN, HfcnConfig)


def load_fcn(path: Path) -> FCN:
    """Return FCN with weights from a file.

    Parameters
    ----------
    path : Path
        From `save_weights`, of FCN in any configuration.

    Returns
    -------
    FCN
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        As in `load_hfcn`.
    """
    return _load(path, FCN, FcnConfig)


def load_roi_classifier(path: Path = SHIPPED / ROI_CLASSIFIER_FILE) -> RoiClassifier:
    """Return the ROI classifier with weights from a file.

    Parameters
    ----------
    path : Path
        From `save_weights`, of a RoiClassifier in any configuration.

    Returns
    -------
    RoiClassifier
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        As in `load_hfcn`.
    """
    return _load(path, RoiClassifier, RoiClassifierConfig)


def _load(path: Path, kind: type[Network], config: type[Any]) -> Network:
    """Return the network that a file describes and fills."""
    values, tensors = _read(path, kind.__name__)
    # What a file does not say of its config is the default: so it is with files from before a field
    # was there, and so defaults must stay what they are.
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        # On no device: first values, which would be thrown away, cost random numbers and time.
        with torch.device("meta"):
            network = kind(config(**values))
        _check_tensors(network.state_dict(), tensors)
        network.load_state_dict(tensors, assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        message = " ".join(str(error).split())
        raise WeightsError(f"{path}: expected weights of {kind.__name__}, got {message}") from error
    return network.eval()


def _read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the tensors of a file that says it holds this kind."""
    try:
        if not path.is_file():
            raise WeightsError(f"{path}: expected weights of {kind}, got no file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Cloned, lest they change with the file where it is mapped into memory.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: expected a safetensors file, got {error}") from error
    expected = {"format": _FORMAT, "network": kind, "normalisation": _NORMALISATION[kind]}
    for key, value in expected.items():
        if metadata.get(key) != value:
            raise WeightsError(f"{path}: {key}: expected {value!r}, got {metadata.get(key)!r}")
    try:
        config = json.loads(metadata["config"])
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: config: expected JSON, got {error}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path}: config: expected an object, got {config!r}")
    return config, tensors


def _check_tensors(expected: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    """Refuse tensors that are not those of a network's state, or hold what is no number."""
    missing, unknown = (
        sorted(expected.keys() - given.keys()),
        sorted(given.keys() - expected.keys()),
    )
    if missing or unknown:
        raise ValueError(f"missing tensors {missing[:3]}, unknown tensors {unknown[:3]}")
    for name, value in sorted(given.items()):
        wanted = expected[name]
        if value.shape != wanted.shape:
            raise ValueError(
                f"size mismatch for {name}: {tuple(value.shape)}, not {tuple(wanted.shape)}"
            )
        if value.dtype != wanted.dtype:
            raise ValueError(f"{name} of type {value.dtype}, not {wanted.dtype}")
        if not value.isfinite().all():
            raise ValueError(f"{name} with values that are not finite")
