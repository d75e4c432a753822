"""Weights on disk: what is written comes back, and nothing else is taken for it."""

import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lvvol.errors import WeightsError
from lvvol.networks.hfcn import HFCN, HfcnConfig
from lvvol.networks.roi_classifier import RoiClassifier, RoiClassifierConfig
from lvvol.networks.weights import load_hfcn, load_roi_classifier, save_weights

CONFIG = HfcnConfig(stage_widths=(4, 8), stage_depths=(1, 2), head_channels=3, area_channels=5)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = HFCN(CONFIG)
    network(torch.randn(2, 1, 8, 8))  # moves the running statistics
    path = tmp_path / "hfcn.safetensors"
    save_weights(network, path)
    return network, path


def metadata_of(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_hfcn_comes_back_with_its_config_and_statistics(saved):
    network, path = saved
    loaded = load_hfcn(path)
    assert loaded.config == CONFIG
    assert not loaded.training
    expected = network.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert list(path.parent.iterdir()) == [path]


def test_roi_classifier_comes_back_even_from_channels_last(tmp_path):
    network = RoiClassifier(RoiClassifierConfig(width=8)).to(memory_format=torch.channels_last)
    save_weights(network, tmp_path / "roi.safetensors")
    loaded = load_roi_classifier(tmp_path / "roi.safetensors")
    windows = torch.randn(3, 6, 25, 25)
    torch.testing.assert_close(loaded(windows), network.eval()(windows))


def test_the_file_says_what_it_is(saved):
    metadata = metadata_of(saved[1])
    assert metadata["format"] == "lvvol-1"
    assert metadata["network"] == "HFCN"
    assert metadata["normalisation"] == "patch mean 0, variance 1"
    assert json.loads(metadata["config"])["stage_widths"] == [4, 8]


def refused(path, load=load_hfcn):
    with pytest.raises(WeightsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_weights_of_another_network_are_refused(saved):
    message = refused(saved[1], load_roi_classifier)
    assert "network: expected 'RoiClassifier', got 'HFCN'" in message


def test_missing_weights_are_named(tmp_path):
    assert "got no file" in refused(tmp_path / "none.safetensors")
    assert "got no file" in refused(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 200, -40])
def test_truncated_weights_are_refused(saved, kept):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:kept])
    refused(path)


def test_a_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "weights.safetensors"
    torch.save({"network": Bomb()}, path)
    refused(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": "lvvol-2"}, "format: expected 'lvvol-1', got 'lvvol-2'"),
        ({"format": None}, "format: expected 'lvvol-1', got None"),
        ({"normalisation": "none"}, "normalisation: expected 'patch mean 0, variance 1'"),
        ({"config": None}, "config: expected JSON"),
        ({"config": "{"}, "config: expected JSON"),
        ({"config": "[1]"}, "config: expected an object"),
        ({"config": '{"depth": 3}'}, "expected weights of HFCN"),
        ({"config": '{"stage_widths": [4], "stage_depths": [1, 2]}'}, "one entry a stage"),
        ({"config": '{"stage_widths": ["a"], "stage_depths": [1]}'}, "expected weights of HFCN"),
        ({"config": "{}"}, "size mismatch"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(saved, changes, complaint):
    path = saved[1]
    changed = {k: v for k, v in {**metadata_of(path), **changes}.items() if v is not None}
    tensors = load_file(path)
    save_file(tensors, path, changed)
    assert complaint in refused(path)


def test_missing_and_foreign_tensors_are_refused(saved):
    path = saved[1]
    metadata, tensors = metadata_of(path), load_file(path)
    del tensors["likelihood.weight"]
    save_file(tensors, path, metadata)
    assert "likelihood.weight" in refused(path)
    save_file({**load_file(path), "extra": torch.zeros(1)}, path, metadata)
    assert "extra" in refused(path)
