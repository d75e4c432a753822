"""Weights files: safetensors with the network's name, config and input normalisation.

Reading one needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from lvvol.errors import WeightsError
from lvvol.networks.configs import FcnConfig, HfcnConfig, RoiClassifierConfig
from lvvol.typing import StrPath

SHIPPED = Path(__file__).parents[1] / "weights"
"""Folder of the weights that ship with lvvol."""

HFCN_FILE = "hfcn.safetensors"
"""Name of the segmentation network in a folder of weights, HFCN or FCN."""

SECOND_HFCN_FILE = "hfcn_context.safetensors"
"""Name of a second one, which a folder may lack; results are the mean of both."""

ROI_CLASSIFIER_FILE = "roi_classifier.safetensors"

Tensors = dict[str, npt.NDArray[Any]]
"""Arrays by their names in a network's state."""

Config = TypeVar("Config", HfcnConfig, FcnConfig, RoiClassifierConfig)

_FORMAT = "lvvol-1"
_NETWORKS: dict[type, str] = {
    HfcnConfig: "HFCN",
    FcnConfig: "FCN",
    RoiClassifierConfig: "RoiClassifier",
}
_NORMALISATION = {
    "HFCN": "patch mean 0, variance 1",
    "FCN": "patch mean 0, variance 1",
    "RoiClassifier": "window mean 0",
}


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Parameters
    ----------
    name : str
        Its name in the network.
    shape : tuple of int
        Shape of its weight: channels out, channels in, and the kernel's rows and columns, if any.
    norm : str, optional
        Name of the batch normalisation behind it; a layer without one has a bias.
    """

    name: str
    shape: tuple[int, ...]
    norm: str | None = None

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...], npt.DTypeLike]]:
        """Yield name, shape and dtype of each of its tensors."""
        yield f"{self.name}.weight", self.shape, np.float32
        if self.norm is None:
            yield f"{self.name}.bias", self.shape[:1], np.float32
            return
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{self.norm}.{part}", self.shape[:1], np.float32
        yield f"{self.norm}.num_batches_tracked", (), np.int64


def describe(kind: type) -> dict[str, str]:
    """Return the metadata of a weights file, except the config.

    Parameters
    ----------
    kind : type
        The type of config that the network has.

    Returns
    -------
    dict of str
        Format of the file, the network's name and the normalisation of its input.
    """
    network = _NETWORKS[kind]
    return {"format": _FORMAT, "network": network, "normalisation": _NORMALISATION[network]}


def network_in(path: StrPath) -> str | None:
    """Return the name of the network in a weights file; None where the file does not say."""
    path = Path(path)
    if not path.is_file():  # a pipe would hang
        return None
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get("network")
    except (SafetensorError, OSError):
        return None


def read_weights(path: StrPath, kind: type[Config]) -> tuple[Config, Tensors]:
    """Read and check a weights file.

    Parameters
    ----------
    path : str or path-like
        From `lvvol.networks.weights.save_weights`.
    kind : type
        The type of config that the network has.

    Returns
    -------
    config : HfcnConfig, FcnConfig or RoiClassifierConfig
        Of the network.
    tensors : dict of ndarray
        Its state; the arrays own their memory.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, holds another network or normalisation, or its weights do
        not fit its config.
    """
    path = Path(path)
    network = _NETWORKS[kind]
    try:
        if not path.is_file():
            raise WeightsError(f"{path}: expected weights of {network}, got no file")
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: NumPy lacks the dtype
        raise WeightsError(f"{path}: expected a safetensors file, got {error}") from error
    for key, value in describe(kind).items():
        if metadata.get(key) != value:
            raise WeightsError(f"{path}: {key}: expected {value!r}, got {metadata.get(key)!r}")
    try:
        values = json.loads(metadata["config"])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: config: expected JSON, got {error}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path}: config: expected an object, got {values!r}")
    # Missing fields take their defaults, so that older files stay readable. Therefore defaults must
    # never change.
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        config = kind(**values)
        _check_tensors(config, tensors)
    except (TypeError, ValueError) as error:
        message = " ".join(str(error).split())
        raise WeightsError(f"{path}: expected weights of {network}, got {message}") from error
    return config, tensors


def layers_of(config: HfcnConfig | FcnConfig | RoiClassifierConfig) -> Iterator[Layer]:
    """Yield every layer with weights, in the order in which the network runs them.

    Parameters
    ----------
    config : HfcnConfig, FcnConfig or RoiClassifierConfig
        The network's.

    Yields
    ------
    Layer
        Named as in the modules of `lvvol.networks`.

    Examples
    --------
    >>> [layer.name for layer in layers_of(RoiClassifierConfig())]
    ['layers.0', 'layers.5', 'layers.10', 'layers.15']
    """
    if isinstance(config, RoiClassifierConfig):
        channels = config.phases
        for place, kernel in ((0, 5), (5, 5), (10, 3)):
            yield Layer(
                f"layers.{place}", (config.width, channels, kernel, kernel), f"layers.{place + 1}"
            )
            channels = config.width
        yield Layer("layers.15", (2, channels))
    elif isinstance(config, FcnConfig):
        channels = 1
        for i, (width, kernel) in enumerate(
            zip(config.stage_widths, config.stage_kernels, strict=True)
        ):
            yield Layer(f"stages.{i}.0", (width, channels, kernel, kernel), f"stages.{i}.1")
            yield Layer(f"heads.{i}", (2, width, 1, 1))
            channels = width
    else:
        yield from _hfcn_layers(config)


def _hfcn_layers(config: HfcnConfig) -> Iterator[Layer]:
    """Yield the layers of HFCN."""
    channels = config.channels
    for i, (width, depth) in enumerate(zip(config.stage_widths, config.stage_depths, strict=True)):
        for j in range(depth):
            yield Layer(f"stages.{i}.{3 * j}", (width, channels, 3, 3), f"stages.{i}.{3 * j + 1}")
            channels = width
        yield Layer(f"heads.{i}.0", (config.head_channels, width, 1, 1), f"heads.{i}.1")
    channels = known = config.head_channels * len(config.stage_widths)
    for i, width in enumerate(config.likelihood_widths):
        yield Layer(f"between.{i}.0", (width, channels, 3, 3), f"between.{i}.1")
        channels = width
        known += width
    yield Layer("likelihood", (2, channels, 3, 3))
    if config.area_channels == 0:
        yield Layer("area.0", (1, known + 2, 1, 1))
    else:
        yield Layer("area.0", (config.area_channels, known + 2, 3, 3))
        yield Layer("area.2", (1, config.area_channels, 1, 1))


def _check_tensors(config: HfcnConfig | FcnConfig | RoiClassifierConfig, tensors: Tensors) -> None:
    """Refuse tensors that do not form the network's state, are not finite, or hold only zeros."""
    expected = {
        name: (shape, np.dtype(dtype))
        for layer in layers_of(config)
        for name, shape, dtype in layer.tensors()
    }
    missing, unknown = (
        sorted(expected.keys() - tensors.keys()),
        sorted(tensors.keys() - expected.keys()),
    )
    if missing or unknown:
        raise ValueError(f"missing tensors {missing[:3]}, unknown tensors {unknown[:3]}")
    for name, value in sorted(tensors.items()):
        shape, dtype = expected[name]
        if value.shape != shape:
            raise ValueError(f"size mismatch for {name}: {value.shape}, not {shape}")
        if value.dtype != dtype:
            raise ValueError(f"{name} of type {value.dtype}, not {dtype}")
        if not np.isfinite(value).all():
            raise ValueError(f"{name} with values that are not finite")
        if name.endswith("running_var") and (value < 0).any():
            raise ValueError(f"{name} with variances below 0")
    for layer in layers_of(config):
        # Its result would not depend on the images, which no training leads to.
        if not tensors[f"{layer.name}.weight"].any():
            raise ValueError(f"{layer.name}.weight with zeros only")
