"""The core's networks, compared with the torch modules in float64."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from lvvol import _core
from lvvol.errors import WeightsError
from lvvol.networks.configs import (
    CONTEXT_HFCN,
    WIDE_HFCN,
    FcnConfig,
    HfcnConfig,
    RoiClassifierConfig,
)
from lvvol.networks.fcn import FCN
from lvvol.networks.files import layers_of
from lvvol.networks.hfcn import HFCN
from lvvol.networks.inference import (
    build_hfcn,
    build_roi_classifier,
    load_hfcn,
    load_roi_classifier,
)
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import load_hfcn_module, load_roi_classifier_module, save_weights

HFCNS = {
    "published": HfcnConfig(),
    "wide": WIDE_HFCN,
    "wide, linear O": HfcnConfig(head_channels=3, area_channels=0, likelihood_widths=(7,)),
    "bilinear": HfcnConfig(stage_widths=(5, 9, 17), stage_depths=(1, 2, 1), upsampling="bilinear"),
    "one stage": HfcnConfig(stage_widths=(33,), stage_depths=(2,), head_channels=1),
    "narrow": HfcnConfig((1, 1), (1, 1), head_channels=1, area_channels=1, likelihood_widths=(1,)),
    "context": CONTEXT_HFCN,
    "uneven": HfcnConfig((40, 6), (2, 1), head_channels=19, area_channels=33),
}
CLASSIFIERS = {
    "published": RoiClassifierConfig(),
    "narrow": RoiClassifierConfig(phases=1, size=4, width=1),
    "uneven": RoiClassifierConfig(phases=3, size=14, width=18),
    "large": RoiClassifierConfig(phases=2, size=39, width=5),
}
INSTRUCTIONS = ["portable", "avx2", "avx512"]


def arrays(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def available(instructions):
    try:
        build_roi_classifier(
            RoiClassifierConfig(width=1),
            arrays(RoiClassifier(RoiClassifierConfig(width=1))),
            instructions,
        )
    except ValueError as error:
        if not str(error).startswith("instructions: "):
            raise
        pytest.skip(f"this processor has no {instructions}")


def patches_of(count, rows=48, columns=48, channels=1, seed=0):
    patches = np.random.default_rng(seed).normal(size=(count, channels, rows, columns))
    return patches.astype(np.float32)


def windows_of(count, config, seed=0):
    shape = (count, config.phases, config.size, config.size)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def segmented(network, patches):
    """P and area fractions by torch in float64."""
    with torch.inference_mode():
        logits, area_map = network.double()(torch.from_numpy(patches).double())
    return logits.softmax(dim=1)[:, 0].numpy(), area_map.mean(dim=(1, 2, 3)).numpy()


def scored(network, windows):
    """Scores by torch in float64."""
    with torch.inference_mode():
        return network.double()(torch.from_numpy(windows).double()).softmax(dim=1)[:, 0].numpy()


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("config", HFCNS.values(), ids=HFCNS)
def test_hfcn_matches_the_module(config, instructions, with_random_statistics):
    available(instructions)
    torch.manual_seed(3)
    network = with_random_statistics(HFCN(config))
    core = build_hfcn(config, arrays(network), instructions)
    assert core.channels == config.channels
    sizes = [(8, 8), (24, 40)] if config != HfcnConfig() else [(48, 48), (8, 56)]
    for rows, columns in sizes:
        patches = patches_of(2, rows, columns, config.channels)
        likelihood, fractions = core(patches)
        expected, expected_fractions = segmented(network, patches)
        assert (likelihood.dtype, fractions.dtype) == (np.float32, np.float64)
        # A few times float32's rounding, over a dozen layers.
        np.testing.assert_allclose(likelihood, expected, rtol=0, atol=5e-6)
        np.testing.assert_allclose(fractions, expected_fractions, rtol=0, atol=5e-6)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("config", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_roi_classifier_matches_the_module(config, instructions, with_random_statistics):
    available(instructions)
    torch.manual_seed(4)
    network = with_random_statistics(RoiClassifier(config))
    core = build_roi_classifier(config, arrays(network), instructions)
    windows = windows_of(11, config)
    scores = core(windows)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, scored(network, windows), rtol=0, atol=5e-6)


def test_shipped_weights_on_a_phantom(phantom_inputs):
    phantom_patches, phantom_windows = phantom_inputs
    likelihood, fractions = load_hfcn()(phantom_patches)
    expected, expected_fractions = segmented(load_hfcn_module(), phantom_patches)
    assert 0.01 < expected_fractions.max() < 0.6
    np.testing.assert_allclose(likelihood, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(fractions, expected_fractions, rtol=0, atol=1e-6)
    scores = load_roi_classifier()(phantom_windows)
    expected_scores = scored(load_roi_classifier_module(), phantom_windows)
    assert expected_scores.max() > 0.5
    np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-5)


def test_results_do_not_depend_on_batches_and_threads():
    hfcn, classifier = load_hfcn(), load_roi_classifier()
    patches, windows = patches_of(5), windows_of(37, RoiClassifierConfig())
    likelihood, fractions = hfcn(patches, threads=1)
    scores = classifier(windows, threads=1)
    for threads in (0, 2, 3, 7):
        again, fractions_again = hfcn(patches, threads=threads)
        np.testing.assert_array_equal(again, likelihood)
        np.testing.assert_array_equal(fractions_again, fractions)
        np.testing.assert_array_equal(classifier(windows, threads=threads), scores)
    for n in range(5):
        alone, (fraction,) = hfcn(patches[n : n + 1])
        np.testing.assert_array_equal(alone[0], likelihood[n])
        assert fraction == fractions[n]
    np.testing.assert_array_equal(classifier(windows[20:21]), scores[20:21])


def test_results_do_not_depend_on_vector_width():
    for instructions in ("avx2", "avx512"):
        available(instructions)
    network = HFCN().eval()
    patches = patches_of(2)
    results = [
        build_hfcn(network.config, arrays(network), instructions)(patches)[0]
        for instructions in ("avx2", "avx512")
    ]
    np.testing.assert_array_equal(*results)


def test_empty_input_gives_empty_output():
    likelihood, fractions = load_hfcn()(np.empty((0, 1, 48, 48), np.float32))
    assert likelihood.shape == (0, 48, 48)
    assert fractions.shape == (0,)
    assert load_roi_classifier()(np.empty((0, 6, 25, 25), np.float32)).shape == (0,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_index(value):
    patches, windows = patches_of(3), windows_of(30, RoiClassifierConfig())
    patches[1, 0, 47, 47] = windows[19, 5, 24, 24] = value
    with pytest.raises(ValueError, match=r"patches: expected finite values.* in patch 1$"):
        load_hfcn()(patches)
    with pytest.raises(ValueError, match=r"windows: expected finite values.* in window 19$"):
        load_roi_classifier()(windows)


@pytest.mark.parametrize("shape", [(2, 1, 47, 48), (2, 1, 48, 44), (1, 1, 0, 48)])
def test_patches_that_cannot_be_halved_are_refused(shape):
    with pytest.raises(ValueError, match="patches: expected rows and columns a multiple of 8"):
        load_hfcn()(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("config", "channels"), [(HfcnConfig(), 6), (CONTEXT_HFCN, 1)])
def test_another_number_of_channels_is_refused(config, channels):
    core = build_hfcn(config, arrays(HFCN(config)))
    complaint = f"patches: expected {config.channels} channels, got {channels}"
    with pytest.raises(ValueError, match=complaint):
        core(patches_of(1, channels=channels))


@pytest.mark.parametrize("shape", [(2, 5, 25, 25), (2, 6, 24, 25), (0, 6, 25, 26)])
def test_windows_of_another_size_are_refused(shape):
    with pytest.raises(ValueError, match=r"windows: expected \(window, 6, 25, 25\), got \(window"):
        load_roi_classifier()(np.zeros(shape, np.float32))


def test_arrays_are_not_converted():
    hfcn = load_hfcn()
    with pytest.raises(TypeError, match="patches: expected float32"):
        hfcn(np.zeros((1, 1, 48, 48)))
    with pytest.raises(ValueError, match="patches: expected float32"):
        hfcn(np.zeros((1, 48, 48), np.float32))
    with pytest.raises(ValueError, match="patches: expected a C-contiguous"):
        hfcn(np.zeros((48, 48, 1, 2), np.float32).T)
    with pytest.raises(ValueError, match="threads: expected 0 or more"):
        hfcn(np.zeros((1, 1, 48, 48), np.float32), threads=-1)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        *((HFCN, config) for config in HFCNS.values()),
        *((RoiClassifier, config) for config in CLASSIFIERS.values()),
        (FCN, FcnConfig()),
        (FCN, FcnConfig((3, 4), (5, 1), "bilinear")),
    ],
)
def test_layers_match_the_module(kind, config):
    state = kind(config).state_dict()
    tensors = {name: value for layer in layers_of(config) for name, *value in layer.tensors()}
    assert tensors.keys() == state.keys()
    for name, (shape, dtype) in tensors.items():
        assert tuple(state[name].shape) == shape
        assert state[name].numpy().dtype == dtype


def test_a_missing_tensor_is_named():
    tensors = arrays(HFCN())
    del tensors["stages.1.4.running_var"]
    with pytest.raises(ValueError, match=r"stages\.1\.3, got none named stages\.1\.4\.running_var"):
        build_hfcn(HfcnConfig(), tensors)


def test_files_of_other_configs_are_read(tmp_path, with_random_statistics):
    network = with_random_statistics(HFCN(HFCNS["uneven"]))
    save_weights(network, tmp_path / "hfcn.safetensors")
    patches = patches_of(1, 8, 8)
    expected = build_hfcn(network.config, arrays(network))(patches)
    for one, other in zip(load_hfcn(tmp_path / "hfcn.safetensors")(patches), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(WeightsError, match="network: expected 'RoiClassifier', got 'HFCN'"):
        load_roi_classifier(tmp_path / "hfcn.safetensors")


def layer(out, given, kernel=3):
    return np.zeros((out, given, kernel, kernel), np.float32), np.zeros(out, np.float32)


def small(**changes):
    """Arguments of a network of two stages, with changes."""
    return {
        "stages": [[layer(4, 1)], [layer(5, 4), layer(5, 5)]],
        "heads": [layer(3, 4, 1), layer(3, 5, 1)],
        "between": [],
        "likelihood": layer(2, 6),
        "area": [layer(7, 8), layer(1, 7, 1)],
        **changes,
    }


NAN = (np.full((2, 6, 3, 3), np.nan, np.float32), np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"stages": []}, "heads: expected one per stage and at least one stage, got 2 for 0"),
        ({"heads": [layer(3, 4, 1)]}, "heads: expected one per stage"),
        ({"stages": [[layer(4, 1)], []]}, r"stages\[1\]: expected a layer, got none"),
        (
            {"stages": [[layer(4, 1), layer(4, 2)], [layer(5, 4)]]},
            r"stages\[0\]\[1\].weight: expected 4 input",
        ),
        ({"stages": [[layer(4, 1)], [layer(5, 3)]]}, r"stages\[1\]\[0\].weight: expected 4 input"),
        ({"heads": [layer(3, 4, 1), layer(2, 5, 1)]}, r"heads\[1\].weight: expected 1 x 1 to 3"),
        ({"heads": [layer(3, 4, 3), layer(3, 5, 1)]}, r"heads\[0\].weight: expected 1 x 1"),
        (
            {"between": [layer(4, 5)], "likelihood": layer(2, 4)},
            r"between\[0\].weight: expected 6 input channels, got 5",
        ),
        ({"between": [layer(4, 6)]}, "likelihood.weight: expected 4 input channels, got 6"),
        ({"likelihood": layer(3, 6)}, "likelihood.weight: expected 2 output channels, got 3"),
        ({"likelihood": layer(2, 6, 2)}, "likelihood.weight: expected .* odd kernel"),
        ({"likelihood": NAN}, "likelihood.weight: expected finite values"),
        ({"likelihood": (NAN[0], np.zeros(3, np.float32))}, "likelihood.bias: expected 2 numbers"),
        ({"likelihood": (np.zeros((2, 6, 3, 1), np.float32), NAN[1])}, "likelihood.weight"),
        ({"likelihood": NAN[:1]}, "likelihood: expected a weight and a bias, got 1"),
        ({"area": []}, "area: expected one layer or two, got 0"),
        ({"area": [layer(1, 7, 1)]}, r"area\[0\].weight: expected 8 input channels, got 7"),
        ({"area": [layer(7, 8), layer(2, 7, 1)]}, r"area\[1\].weight: expected 1 x 1 to 1"),
        ({"upsampling": "cubic"}, "upsampling: expected 'nearest' or 'bilinear', got 'cubic'"),
        ({"instructions": "mmx"}, "instructions: expected 'auto', 'portable', 'avx2' or 'avx512'"),
    ],
)
def test_layers_that_do_not_form_an_hfcn_are_named(changes, complaint):
    _core.Hfcn(**small())
    with pytest.raises(ValueError, match=complaint):
        _core.Hfcn(**small(**changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"convolutions": []}, "convolutions: expected a layer, got none"),
        ({"convolutions": [layer(4, 2), layer(4, 3)]}, r"convolutions\[1\].weight: expected 4"),
        (
            {"linear": (np.zeros((2, 3), np.float32), NAN[1])},
            r"linear.weight: expected \(2, 4\), got",
        ),
        ({"size": 1}, "size: expected at least 2, got 1"),
        ({"size": -1}, "size: expected 0 or more, got -1"),
    ],
)
def test_layers_that_do_not_form_a_classifier_are_named(changes, complaint):
    linear = np.zeros((2, 4), np.float32), np.zeros(2, np.float32)
    right = {"convolutions": [layer(4, 2), layer(4, 4)], "linear": linear, "size": 6}
    _core.RoiClassifier(**right)
    with pytest.raises(ValueError, match=complaint):
        _core.RoiClassifier(**{**right, **changes})


def test_layers_of_other_types_are_refused():
    with pytest.raises(TypeError, match="heads: expected a list of layers, got int"):
        _core.Hfcn(**small(heads=3))
    with pytest.raises(TypeError, match=r"heads\[0\]: expected a weight and a bias, got NoneType"):
        _core.Hfcn(**small(heads=[None, None]))
    with pytest.raises(TypeError, match=r"likelihood.weight: expected float32"):
        _core.Hfcn(**small(likelihood=(np.zeros((2, 6, 3, 3)), NAN[1])))


def test_torch_is_not_imported():
    code = """
import sys
import numpy as np
from lvvol.networks.inference import load_hfcn, load_roi_classifier
load_hfcn()(np.zeros((1, 1, 48, 48), np.float32))
load_roi_classifier()(np.zeros((1, 6, 25, 25), np.float32))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
