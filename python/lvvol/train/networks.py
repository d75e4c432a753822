"""The segmentation networks that a recipe names."""

from __future__ import annotations

from pathlib import Path

from lvvol.errors import WeightsError
from lvvol.networks.configs import CONTEXT_HFCN, WIDE_HFCN
from lvvol.networks.fcn import FCN
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import load_roi_classifier_module, load_segmenter_module
from lvvol.train.recipe import NetworkName

SegmentationNetwork = HFCN | FCN


def segmentation_network(name: NetworkName, init: Path | None = None) -> SegmentationNetwork:
    """Return a network, with random weights or those of a run.

    Parameters
    ----------
    name : {"hfcn", "hfcn_wide", "hfcn_context", "fcn"}
        As in `SegmentationRecipe`.
    init : Path, optional
        Folder of a run whose weights to begin with.

    Raises
    ------
    WeightsError
        If that run's weights are missing or damaged, or of another network.
    """
    config = {"hfcn_wide": WIDE_HFCN, "hfcn_context": CONTEXT_HFCN}.get(name)
    network: SegmentationNetwork = FCN() if name == "fcn" else HFCN(config)
    if init is not None:
        trained = load_segmenter_module(init / HFCN_FILE)
        if trained.config != network.config:
            raise WeightsError(
                f"{init / HFCN_FILE}: expected weights of the recipe's network {name}, got those "
                f"of {type(trained).__name__} with {trained.config}"
            )
        network.load_state_dict(trained.state_dict())
    return network


def roi_classifier(init: Path | None = None) -> RoiClassifier:
    """Return the classifier, with random weights or those of a run; see `segmentation_network`."""
    network = RoiClassifier()
    if init is not None:
        trained = load_roi_classifier_module(init / ROI_CLASSIFIER_FILE)
        if trained.config != network.config:
            raise WeightsError(
                f"{init / ROI_CLASSIFIER_FILE}: expected {network.config}, got {trained.config}"
            )
        network.load_state_dict(trained.state_dict())
    return network
