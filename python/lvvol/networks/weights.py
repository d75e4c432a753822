"""Weights of the torch modules, written to and read from disk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch
    from safetensors.torch import save
    from torch import nn

from lvvol.networks.configs import FcnConfig, HfcnConfig, RoiClassifierConfig
from lvvol.networks.fcn import FCN
from lvvol.networks.files import (
    HFCN_FILE,
    ROI_CLASSIFIER_FILE,
    SHIPPED,
    describe,
    network_in,
    read_weights,
)
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.output import write_file
from lvvol.typing import StrPath

Network = TypeVar("Network", bound=nn.Module)


def save_weights(network: HFCN | FCN | RoiClassifier, path: StrPath) -> None:
    """Write a network's weights to a file, whole or not at all.

    Parameters
    ----------
    network : HFCN, FCN or RoiClassifier
        As trained, batch normalisation not folded.
    path : str or path-like
        File to write: safetensors, with the network's name, config and input normalisation as
        metadata.
    """
    write_file(Path(path), weights_content(network))


def weights_content(
    network: HFCN | FCN | RoiClassifier, state: Mapping[str, torch.Tensor] | None = None
) -> bytes:
    """Return the content of a weights file.

    Parameters
    ----------
    network : HFCN, FCN or RoiClassifier
        As in `save_weights`.
    state : mapping of str to Tensor, optional
        Weights of such a network to write instead of its own.

    Returns
    -------
    bytes
        The same for the same weights.
    """
    metadata = {
        **describe(type(network.config)),
        "config": json.dumps(dataclasses.asdict(network.config)),
    }
    state = network.state_dict() if state is None else state
    tensors = {name: value.contiguous().cpu() for name, value in state.items()}
    return _in_fixed_order(save(tensors, metadata))


def _in_fixed_order(content: bytes) -> bytes:
    """Sort the metadata of a safetensors file, whose order is random, so that equal runs are equal.

    The file is the length of a header, 8 bytes little endian, the header in JSON, and the data.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[start:]


def load_hfcn_module(path: StrPath = SHIPPED / HFCN_FILE) -> HFCN:
    """Load HFCN as a torch module.

    Parameters
    ----------
    path : str or path-like
        From `save_weights`, of HFCN in any configuration.

    Returns
    -------
    HFCN
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, holds another network or normalisation, or its weights do
        not fit its config.
    """
    return _load(Path(path), HFCN, HfcnConfig)


def load_fcn_module(path: StrPath) -> FCN:
    """Load FCN as a torch module.

    Parameters
    ----------
    path : str or path-like
        From `save_weights`, of FCN in any configuration.

    Returns
    -------
    FCN
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        As in `load_hfcn_module`.
    """
    return _load(Path(path), FCN, FcnConfig)


def load_segmenter_module(path: StrPath = SHIPPED / HFCN_FILE) -> HFCN | FCN:
    """Load HFCN or FCN, whichever a file holds, as a torch module; see `load_hfcn_module`."""
    if network_in(path) == "FCN":
        return load_fcn_module(path)
    return load_hfcn_module(path)


def load_roi_classifier_module(path: StrPath = SHIPPED / ROI_CLASSIFIER_FILE) -> RoiClassifier:
    """Load the ROI classifier as a torch module.

    Parameters
    ----------
    path : str or path-like
        From `save_weights`, of a RoiClassifier in any configuration.

    Returns
    -------
    RoiClassifier
        On the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        As in `load_hfcn_module`.
    """
    return _load(Path(path), RoiClassifier, RoiClassifierConfig)


def _load(path: Path, kind: type[Network], config_kind: type[Any]) -> Network:
    """Load the network that a file describes."""
    config, tensors = read_weights(path, config_kind)
    # The meta device skips the initial values, which would cost time and random numbers.
    with torch.device("meta"):
        network = kind(config)
    network.load_state_dict(
        {name: torch.from_numpy(value) for name, value in tensors.items()}, assign=True
    )
    return network.eval()
