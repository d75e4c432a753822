"""Networks as modules: their weights written to disk and read again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch
    from safetensors.torch import save
    from torch import nn

from lvvol.networks.configs import FcnConfig, HfcnConfig, RoiClassifierConfig
from lvvol.networks.fcn import FCN
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE, SHIPPED, describe, read_weights
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier

Network = TypeVar("Network", bound=nn.Module)


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
    metadata = {
        **describe(type(network.config)),
        "config": json.dumps(dataclasses.asdict(network.config)),
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


def _load(path: Path, kind: type[Network], config_kind: type[Any]) -> Network:
    """Return the network that a file describes and fills."""
    config, tensors = read_weights(path, config_kind)
    # On no device: first values, which would be thrown away, cost random numbers and time.
    with torch.device("meta"):
        network = kind(config)
    network.load_state_dict(
        {name: torch.from_numpy(value) for name, value in tensors.items()}, assign=True
    )
    return network.eval()
