"""Weights on disk: they round-trip, and anything else is refused."""

import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lvvol.errors import WeightsError
from lvvol.networks.configs import WIDE_HFCN, FcnConfig, HfcnConfig, RoiClassifierConfig
from lvvol.networks.fcn import FCN
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import (
    load_fcn_module,
    load_hfcn_module,
    load_roi_classifier_module,
    save_weights,
)

CONFIG = HfcnConfig(stage_widths=(4, 8), stage_depths=(1, 2), head_channels=3, area_channels=5)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = HFCN(CONFIG)
    network(torch.randn(2, 1, 8, 8))  # changes the running statistics
    path = tmp_path / "hfcn.safetensors"
    save_weights(network, path)
    return network, path


def metadata_of(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_hfcn_round_trips_with_its_config_and_statistics(saved):
    network, path = saved
    loaded = load_hfcn_module(path)
    assert loaded.config == CONFIG
    assert not loaded.training
    expected = network.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert list(path.parent.iterdir()) == [path]


def test_roi_classifier_round_trips_from_channels_last(tmp_path):
    network = RoiClassifier(RoiClassifierConfig(width=8)).to(memory_format=torch.channels_last)
    save_weights(network, tmp_path / "roi.safetensors")
    loaded = load_roi_classifier_module(tmp_path / "roi.safetensors")
    windows = torch.randn(3, 6, 25, 25)
    torch.testing.assert_close(loaded(windows), network.eval()(windows))


@pytest.mark.parametrize(
    ("network", "load"),
    [
        (HFCN(), load_hfcn_module),
        (HFCN(WIDE_HFCN), load_hfcn_module),
        (HFCN(HfcnConfig((4, 8), (1, 1), 3, 0, (5,), "bilinear")), load_hfcn_module),
        (FCN(), load_fcn_module),
        (FCN(FcnConfig((3, 4), (5, 1), "bilinear")), load_fcn_module),
    ],
)
def test_every_network_round_trips_with_the_same_outputs(network, load, tmp_path):
    patches = torch.randn(2, 1, 16, 16)
    network.train()(patches)  # changes the running statistics
    save_weights(network.eval(), tmp_path / "network.safetensors")
    loaded = load(tmp_path / "network.safetensors")
    assert loaded.config == network.config
    assert all(torch.equal(*pair) for pair in zip(loaded(patches), network(patches), strict=True))


def test_loaded_weights_can_be_trained(saved):
    loaded = load_hfcn_module(saved[1])
    logits, area_map = loaded.train()(torch.randn(2, 1, 8, 8))
    (logits.sum() + area_map.sum()).backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_loading_does_not_use_random_numbers(saved):
    before = torch.get_rng_state()
    load_hfcn_module(saved[1])
    assert torch.equal(torch.get_rng_state(), before)


def test_loaded_weights_are_independent_of_the_file(saved):
    network, path = saved
    loaded = load_hfcn_module(path)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    expected = network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())


def test_a_config_older_than_a_field_gets_its_default(saved):
    path = saved[1]
    metadata = metadata_of(path)
    fields = json.loads(metadata["config"])
    for field in ("likelihood_widths", "upsampling"):
        del fields[field]
    save_file(load_file(path), path, {**metadata, "config": json.dumps(fields)})
    assert load_hfcn_module(path).config == CONFIG


def test_the_file_describes_itself(saved):
    metadata = metadata_of(saved[1])
    assert metadata["format"] == "lvvol-1"
    assert metadata["network"] == "HFCN"
    assert metadata["normalisation"] == "patch mean 0, variance 1"
    assert json.loads(metadata["config"])["stage_widths"] == [4, 8]


def refused(path, load=load_hfcn_module):
    with pytest.raises(WeightsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_weights_of_another_network_are_refused(saved):
    message = refused(saved[1], load_roi_classifier_module)
    assert "network: expected 'RoiClassifier', got 'HFCN'" in message


def test_missing_weights_are_named(tmp_path):
    assert "got no file" in refused(tmp_path / "none.safetensors")
    assert "got no file" in refused(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 200, -40])
def test_truncated_weights_are_refused(saved, kept):
    path = saved[1]
    path.write_bytes(path.read_bytes()[:kept])
    refused(path)


def test_a_pickle_is_never_executed(tmp_path):
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
        ({"config": "[" * 100_000}, "config: expected JSON"),
        ({"config": "[1]"}, "config: expected an object"),
        ({"config": '{"depth": 3}'}, "expected weights of HFCN"),
        ({"config": '{"stage_widths": [4], "stage_depths": [1, 2]}'}, "one entry per stage"),
        ({"config": '{"stage_widths": ["a"], "stage_depths": [1]}'}, "expected weights of HFCN"),
        ({"config": "{}"}, "missing tensors ['heads.2.0.weight', "),
        ({"config": '{"stage_widths": 4}'}, "stage_widths: expected a tuple, got 4"),
        ({"config": '{"head_channels": null}'}, "head_channels: expected a whole number"),
        ({"config": '{"upsampling": "cubic"}'}, "upsampling: expected one of nearest, bilinear"),
    ],
)
def test_invalid_metadata_is_refused(saved, changes, complaint):
    path = saved[1]
    changed = {k: v for k, v in {**metadata_of(path), **changes}.items() if v is not None}
    tensors = load_file(path)
    save_file(tensors, path, changed)
    assert complaint in refused(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"area_channels": 0},
            "missing tensors [], unknown tensors ['area.2.bias', 'area.2.weight']",
        ),
        ({"likelihood_widths": [6]}, "missing tensors ['between.0.0.weight', 'between.0.1.bias'"),
        ({"stage_depths": [1, 1]}, "missing tensors [], unknown tensors ['stages.1.3.weight'"),
        ({"head_channels": 4}, "size mismatch for area.0.weight: (5, 8, 3, 3), not (5, 10, 3, 3)"),
    ],
)
def test_weights_of_another_config_are_refused(saved, change, complaint):
    path = saved[1]
    metadata = metadata_of(path)
    fields = {**json.loads(metadata["config"]), **change}
    save_file(load_file(path), path, {**metadata, "config": json.dumps(fields)})
    assert f"expected weights of HFCN, got {complaint}" in refused(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (torch.Tensor.double, "of type float64, not float32"),
        (torch.Tensor.half, "of type float16, not float32"),
        (lambda value: value * float("nan"), "values that are not finite"),
        (lambda value: value / 0, "values that are not finite"),
    ],
)
def test_values_that_are_not_finite_float32_are_refused(saved, change, complaint):
    path = saved[1]
    metadata, tensors = metadata_of(path), load_file(path)
    tensors["heads.1.0.weight"] = change(tensors["heads.1.0.weight"])
    save_file(tensors, path, metadata)
    assert "heads.1.0.weight" in (message := refused(path))
    assert complaint in message


def test_missing_and_unknown_tensors_are_refused(saved):
    path = saved[1]
    metadata, tensors = metadata_of(path), load_file(path)
    del tensors["likelihood.weight"]
    save_file(tensors, path, metadata)
    assert "likelihood.weight" in refused(path)
    save_file({**load_file(path), "extra": torch.zeros(1)}, path, metadata)
    assert "extra" in refused(path)
