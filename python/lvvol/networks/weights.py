"""Weights on disk: safetensors, with what the network is and what it expects inside the file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from lvvol.errors import WeightsError
from lvvol.networks.hfcn import HFCN, HfcnConfig
from lvvol.networks.roi_classifier import RoiClassifier, RoiClassifierConfig

SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that come with lvvol."""

HFCN_FILE = "hfcn.safetensors"
ROI_CLASSIFIER_FILE = "roi_classifier.safetensors"

Network = TypeVar("Network", bound=nn.Module)

_FORMAT = "lvvol-1"
_NORMALISATION = {"HFCN": "patch mean 0, variance 1", "RoiClassifier": "window mean 0"}


def save_weights(network: HFCN | RoiClassifier, path: Path) -> None:
    """Write a network's weights beside their place, then move them there.

    Parameters
    ----------
    network : HFCN or RoiClassifier
        As trained, batch normalisation not folded.
    path : Path
        File to write.
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

    Raises
    ------
    WeightsError
        If the file is missing or damaged, or holds another network or normalisation.
    """
    values, tensors = _read(path, "HFCN")
    return _fill(HFCN, HfcnConfig, values, tensors, path)


def load_roi_classifier(path: Path = SHIPPED / ROI_CLASSIFIER_FILE) -> RoiClassifier:
    """Return the ROI classifier with weights from a file.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, or holds another network or normalisation.
    """
    values, tensors = _read(path, "RoiClassifier")
    return _fill(RoiClassifier, RoiClassifierConfig, values, tensors, path)


def _read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration and the tensors of a file that says it holds this kind."""
    try:
        if not path.is_file():
            raise WeightsError(f"{path}: expected weights of {kind}, got no file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
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


def _fill(
    kind: type[Network],
    config: type[Any],
    values: dict[str, Any],
    tensors: dict[str, Any],
    path: Path,
) -> Network:
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        network = kind(config(**values))
        network.load_state_dict(tensors)
    except (TypeError, ValueError, RuntimeError) as error:
        message = " ".join(str(error).split())
        raise WeightsError(f"{path}: expected weights of {kind.__name__}, got {message}") from error
    return network.eval()
