"""The core's networks, built from weights on disk without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from lvvol import _core
from lvvol.errors import WeightsError
from lvvol.networks.configs import HfcnConfig, RoiClassifierConfig
from lvvol.networks.ensemble import Ensemble, Segmenter
from lvvol.networks.files import (
    HFCN_FILE,
    ROI_CLASSIFIER_FILE,
    SHIPPED,
    Layer,
    Tensors,
    layers_of,
    network_in,
    read_weights,
)
from lvvol.typing import Float32, Float64, StrPath

if TYPE_CHECKING:
    from lvvol.networks.fcn_inference import FcnSegmenter

Instructions = Literal["auto", "portable", "avx2", "avx512"]

_EPSILON = 1e-5
"""The value that torch's batch normalisation adds to the variance."""


def load_hfcn(path: StrPath = SHIPPED / HFCN_FILE) -> _core.Hfcn:
    """Load HFCN for inference by the core.

    Parameters
    ----------
    path : str or path-like
        From `lvvol.networks.weights.save_weights`, of HFCN in any configuration.

    Returns
    -------
    Hfcn
        Maps patches to P and to the share of each that is LV cavity.

    Raises
    ------
    WeightsError
        As `lvvol.networks.files.read_weights`.

    Examples
    --------
    >>> likelihood, fractions = load_hfcn()(np.zeros((2, 1, 48, 48), np.float32))
    >>> likelihood.shape, fractions.shape
    ((2, 48, 48), (2,))
    """
    config, tensors = read_weights(path, HfcnConfig)
    with _naming(Path(path)):
        return build_hfcn(config, tensors)


def load_segmenters(paths: Sequence[StrPath]) -> Segmenter:
    """Load the networks that segment patches together.

    Parameters
    ----------
    paths : sequence of str or path-like
        One or more files, as in `load_segmenter`.

    Returns
    -------
    Segmenter
        The one network, or the mean of all.

    Raises
    ------
    WeightsError
        As `lvvol.networks.files.read_weights`.
    MissingExtraError
        As `load_segmenter`.
    """
    members = [load_segmenter(path) for path in paths]
    return members[0] if len(members) == 1 else Ensemble(members)


def load_segmenter(path: StrPath = SHIPPED / HFCN_FILE) -> _core.Hfcn | FcnSegmenter:
    """Load the network that segments patches, HFCN or FCN, whichever a file holds.

    Parameters
    ----------
    path : str or path-like
        From `lvvol.networks.weights.save_weights`.

    Returns
    -------
    Hfcn or FcnSegmenter
        Maps patches to P and to the share of each that is LV cavity.

    Raises
    ------
    WeightsError
        As `lvvol.networks.files.read_weights`.
    MissingExtraError
        If it is FCN, which runs in torch, and torch is not installed.
    """
    if network_in(path) != "FCN":
        return load_hfcn(path)
    from lvvol.networks.fcn_inference import FcnSegmenter

    return FcnSegmenter(Path(path))


def load_roi_classifier(path: StrPath = SHIPPED / ROI_CLASSIFIER_FILE) -> _core.RoiClassifier:
    """Load the ROI classifier for inference by the core.

    Parameters
    ----------
    path : str or path-like
        From `lvvol.networks.weights.save_weights`, of a RoiClassifier in any configuration.

    Returns
    -------
    RoiClassifier
        Maps windows to the probability that each is the LV's square.

    Raises
    ------
    WeightsError
        As `lvvol.networks.files.read_weights`.

    Examples
    --------
    >>> load_roi_classifier()(np.zeros((3, 6, 25, 25), np.float32)).shape
    (3,)
    """
    config, tensors = read_weights(path, RoiClassifierConfig)
    with _naming(Path(path)):
        return build_roi_classifier(config, tensors)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file whose weights the core refuses, such as ones too large once folded."""
    try:
        yield
    except ValueError as error:
        raise WeightsError(f"{path}: expected weights to compute with, got {error}") from error


def build_hfcn(
    config: HfcnConfig, tensors: Tensors, instructions: Instructions = "auto"
) -> _core.Hfcn:
    """Return HFCN for inference.

    Parameters
    ----------
    config : HfcnConfig
        Sizes of its layers.
    tensors : dict of ndarray
        The state of a network of that config; batch normalisation is folded here.
    instructions : {"auto", "portable", "avx2", "avx512"}
        Instruction set; by default the best the processor has.

    Returns
    -------
    Hfcn
        The core's network.

    Raises
    ------
    ValueError
        If the tensors do not fit the config, or the processor lacks the instructions.
    """
    layers = {layer.name: folded(layer, tensors) for layer in layers_of(config)}
    stages = range(len(config.stage_widths))
    return _core.Hfcn(
        stages=[
            [layers[f"stages.{i}.{3 * j}"] for j in range(config.stage_depths[i])] for i in stages
        ],
        heads=[layers[f"heads.{i}.0"] for i in stages],
        between=[layers[f"between.{i}.0"] for i in range(len(config.likelihood_widths))],
        likelihood=layers["likelihood"],
        area=[layers[name] for name in ("area.0", "area.2") if name in layers],
        upsampling=config.upsampling,
        instructions=instructions,
    )


def build_roi_classifier(
    config: RoiClassifierConfig, tensors: Tensors, instructions: Instructions = "auto"
) -> _core.RoiClassifier:
    """Return the ROI classifier for inference.

    Parameters
    ----------
    config : RoiClassifierConfig
        Sizes of its layers.
    tensors : dict of ndarray
        As in `build_hfcn`.
    instructions : {"auto", "portable", "avx2", "avx512"}
        As in `build_hfcn`.

    Returns
    -------
    RoiClassifier
        The core's network.

    Raises
    ------
    ValueError
        As `build_hfcn`.
    """
    *convolutions, linear = (folded(layer, tensors) for layer in layers_of(config))
    return _core.RoiClassifier(
        convolutions=convolutions, linear=linear, instructions=instructions, size=config.size
    )


def folded(layer: Layer, tensors: Tensors) -> tuple[Float32, Float32]:
    """Return a layer's weight and bias, with the batch normalisation behind it folded in.

    Parameters
    ----------
    layer : Layer
        The layer.
    tensors : dict of ndarray
        The network's state.

    Returns
    -------
    weight : ndarray of float32
        Of the layer's shape.
    bias : ndarray of float32, shape (channel out,)

    Raises
    ------
    ValueError
        If a tensor of the layer is missing, or a folded value exceeds float32.
    """
    missing = [name for name, _, _ in layer.tensors() if name not in tensors]
    if missing:
        raise ValueError(f"tensors: expected those of {layer.name}, got none named {missing[0]}")

    def exact(name: str) -> Float64:
        return tensors[name].astype(np.float64)

    weight = exact(f"{layer.name}.weight")
    if layer.norm is None:
        bias = exact(f"{layer.name}.bias")
    else:
        scale = exact(f"{layer.norm}.weight") / np.sqrt(
            exact(f"{layer.norm}.running_var") + _EPSILON
        )
        weight *= scale.reshape(-1, *[1] * (weight.ndim - 1))
        bias = exact(f"{layer.norm}.bias") - exact(f"{layer.norm}.running_mean") * scale
    with np.errstate(over="ignore"):
        single = weight.astype(np.float32), bias.astype(np.float32)
    if not all(np.isfinite(values).all() for values in single):
        raise ValueError(f"{layer.name} with values beyond float32 once folded")
    return single
