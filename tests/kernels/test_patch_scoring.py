"""Tests of lvvol.kernels.patch_scoring.

Expected scores are from `lvvol.extract_windows`, which is tested against NumPy, and the network.
"""

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from lvvol import _core
from lvvol.kernels import path as kernel_path
from lvvol.kernels.patch_scoring import patch_scoring, scoring_weights
from lvvol.kernels.patch_scoring.reference import sample_windows
from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.roi_classifier import RoiClassifier, RoiClassifierConfig
from lvvol.networks.weights import load_roi_classifier_module

# Errors of a score, 0 to 1. Weights and maps are rounded to the dtype, by one part in 2^11 for
# float16 and in 2^7 for bfloat16, to which the interpreter truncates; eight such errors may add up
# in a logit. The interpreter multiplies in float32. A GPU truncates to TF32, by up to one part in
# 2^10 and always downwards: sixteen errors.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2.0**-8, torch.bfloat16: 2.0**-4}
TF32_TOLERANCE = 2.0**-6

# Squares of 25 pixels on and between whole pixels; smaller and larger; across each edge, the
# corners and all sides; outside the image, near and far.
SQUARES = [
    (0, 0, 25),
    (3.25, 4.5, 25),
    (10, 12, 7.5),
    (20, 20, 1),
    (2, 1, 30.2),
    (5.5, 3.3, 40),
    (-6, 4, 25),
    (4, -6.5, 33),
    (30, 5, 25),
    (3, 25.2, 26),
    (-10.5, -9.25, 60),
    (-80, -90, 220),
    (-40, 3, 20),
    (60, 80, 31),
    (-5000, 4000, 100),
]

pytestmark = pytest.mark.usefixtures("fresh_is_nan")


def stack(shape, seed=0):
    """Smooth random images with some noise, of values 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    slices, phases, rows, columns = shape
    coarse = torch.rand((slices, phases, 7, 9), generator=generator)
    smooth = functional.interpolate(coarse, (rows, columns), mode="bilinear", align_corners=True)
    return 0.8 * smooth + 0.2 * torch.rand(shape, generator=generator)


def classifier(phases=6, seed=0):
    """A random network, with random normalisation statistics, whose scores range from 0 to 1."""
    torch.manual_seed(seed)
    network = RoiClassifier(RoiClassifierConfig(phases=phases)).eval()
    probe = functional.interpolate(torch.rand(64, phases, 5, 5), (25, 25), mode="bilinear")
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.02, 0.1)
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(0, 0.2)
            elif isinstance(layer, nn.Linear):
                layer.weight.mul_(12)
                logits = network(probe - probe.mean(dim=(1, 2, 3), keepdim=True))
                layer.bias.sub_(logits.median(dim=0).values)
    return network


def request(squares, n_slices, n_phases, phases=6, seed=0):
    """Random slices, squares and phases of windows."""
    generator = torch.Generator().manual_seed(seed)
    squares = torch.tensor(squares, dtype=torch.float64).reshape(-1, 3)
    slices = torch.randint(n_slices, (len(squares),), generator=generator)
    return slices, squares, torch.randint(n_phases, (phases,), generator=generator)


def truth(network, images, slices, squares, phases):
    """Scores by `lvvol.extract_windows` and the network."""
    windows = _core.extract_windows(
        images.float().numpy(force=True),
        slices.numpy(force=True),
        squares.numpy(force=True),
        phases.numpy(force=True),
        25,
        normalise="mean",
    )
    with torch.no_grad():
        return network(torch.from_numpy(windows)).softmax(dim=1)[:, 0]


def assert_correct(network, images, slices, squares, phases, path, device):
    """Compare scores with the expected ones, to the rounding of the images' dtype."""
    weights = scoring_weights(copy.deepcopy(network).to(device), images.dtype)
    scores = patch_scoring(
        *(tensor.to(device) for tensor in (images, slices, squares, phases)), weights, path=path
    )
    assert scores.shape == slices.shape
    assert scores.dtype == torch.float32
    tolerance = TOLERANCE[images.dtype]
    if device.type == "cuda" and path == "triton":
        tolerance = max(tolerance, TF32_TOLERANCE)
    expected = truth(network, images, slices, squares, phases)
    torch.testing.assert_close(scores.cpu(), expected, rtol=0, atol=tolerance)


def test_reference_windows_are_those_of_the_core():
    rng = np.random.default_rng(0)
    images = stack((2, 5, 41, 36))
    corners, sides = rng.uniform(-40, 50, (80, 2)), np.exp(rng.uniform(-1, 6, (80, 1)))
    extremes = [(0, 0, 102400), (-5e4, -5e4, 102400), (1e7, -1e9, 3), (0, 0, 50), (1e-10, 3, 25)]
    squares = [*SQUARES, *np.hstack([corners, sides]).tolist(), *extremes]
    slices, squares, _ = request(squares, 2, 5)
    phases = torch.from_numpy(rng.integers(0, 5, (len(squares), 6)))
    expected = _core.extract_windows(
        *(t.numpy() for t in (images, slices, squares, phases)), 25, normalise="mean"
    )
    windows = sample_windows(images, slices, squares, phases)
    torch.testing.assert_close(windows, torch.from_numpy(expected), rtol=0, atol=1e-5)


def test_the_random_network_distinguishes_windows():
    scores = truth(classifier(), stack((2, 4, 41, 48)), *request(SQUARES, 2, 4))
    assert scores.min() < 0.2
    assert scores.max() > 0.8


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_scores_are_those_of_the_core_and_the_network(path, device):
    images = stack((2, 4, 41, 48))
    assert_correct(classifier(), images, *request(SQUARES, 2, 4), path, device)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_images(dtype, device):
    images = stack((2, 4, 41, 48)).to(dtype)
    assert_correct(classifier(), images, *request(SQUARES[:9], 2, 4), "triton", device)


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_shipped_weights(path, device):
    images = stack((1, 30, 96, 80))
    squares = [(10, 8, 60), (12.4, 15, 44.8), (20, 7, 72)]
    assert_correct(load_roi_classifier_module(), images, *request(squares, 1, 30), path, device)


@pytest.mark.parametrize("path", ["reference", "triton"])
@pytest.mark.parametrize("count", [0, 1])
def test_zero_and_one_windows(count, path, device):
    images = stack((1, 1, 26, 30))
    assert_correct(classifier(), images, *request(SQUARES[1 : 1 + count], 1, 1), path, device)


@pytest.mark.parametrize("phases", [1, 2, 6, 9])
def test_different_numbers_of_phases(phases, device):
    images = stack((2, 3, 30, 28))
    slices, squares, chosen = request(SQUARES[:4], 2, 3, phases)
    assert_correct(classifier(phases), images, slices, squares, chosen, "triton", device)


def test_phases_per_window(device):
    images = stack((2, 5, 30, 28))
    slices, squares, _ = request(SQUARES[:4], 2, 5)
    phases = torch.arange(24).reshape(4, 6) % 5
    assert_correct(classifier(), images, slices, squares, phases, "triton", device)


def test_more_windows_than_at_a_time(device, monkeypatch):
    monkeypatch.setattr("lvvol.kernels.patch_scoring.kernel.WINDOWS", 4)  # the last time, 3
    images = stack((3, 2, 26, 27))
    squares = torch.rand((11, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    squares = squares * torch.tensor([10.0, 10, 30]) + torch.tensor([-2.0, -2, 5])
    assert_correct(classifier(), images, *request(squares.tolist(), 3, 2), "triton", device)


def test_reference_scores_many_windows_in_batches():
    images = stack((3, 4, 41, 48))
    device = torch.device("cpu")
    assert_correct(classifier(), images, *request(SQUARES * 3, 3, 4), "reference", device)


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_strided_inputs(path, device):
    images = stack((2, 3, 40, 33))
    slices, squares, phases = request(SQUARES[:6], 2, 3)
    network = classifier()
    strange = torch.full((33, 80, 4, 3), torch.nan, device=device)[:, ::2, 1:3]
    strange.copy_(images.permute(3, 2, 0, 1))
    scores = patch_scoring(
        strange.permute(2, 3, 1, 0),
        slices.repeat_interleave(2).to(device)[::2],
        squares.mT.contiguous().mT.to(device),
        torch.stack([phases, phases + 99]).mT.to(device)[:, 0].expand(6, 6),
        scoring_weights(copy.deepcopy(network).to(device)),
        path=path,
    )
    expected = truth(network, images, slices, squares, phases)
    atol = TF32_TOLERANCE if device.type == "cuda" else 1e-5
    torch.testing.assert_close(scores.cpu(), expected, rtol=0, atol=atol)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 60), st.integers(1, 60)),
    squares=st.lists(
        st.tuples(st.floats(-40, 60), st.floats(-40, 60), st.floats(0.01, 150)), max_size=5
    ),
)
def test_random_shapes(shape, squares, device):
    assert_correct(
        classifier(), stack(shape), *request(squares, shape[0], shape[1]), "triton", device
    )


def test_invalid_windows_score_nan(device):
    images, weights = stack((2, 3, 30, 30)).to(device), scoring_weights(classifier().to(device))
    bad = [(torch.nan, 0, 25), (0, torch.inf, 25), (0, 0, torch.nan), (0, 0, 0), (0, 0, 102401)]
    slices, squares, phases = request([*bad, *[(1, 2, 25)] * 5], 2, 3)
    phases = phases.repeat(10, 1)
    slices[5], slices[6], phases[7, 3], phases[8, 5] = -1, 2, -1, 3
    arguments = [tensor.to(device) for tensor in (images, slices, squares, phases)]
    scores = torch.ops.lvvol.patch_scoring(*arguments, list(weights))
    assert scores.isnan().tolist() == [True] * 9 + [False]
    windows = sample_windows(*arguments)
    assert windows.isnan().all(dim=(1, 2, 3)).tolist() == [True] * 9 + [False]
    assert not windows[9].isnan().any()


def test_folded_and_unfolded_networks_give_the_same_weights():
    network = classifier()
    folded = copy.deepcopy(network)
    fold_batch_norm(folded)
    for one, other in zip(scoring_weights(network), scoring_weights(folded), strict=True):
        torch.testing.assert_close(one, other)
        assert one.is_contiguous()


def test_weights_are_copies():
    network = RoiClassifier().eval()
    fold_batch_norm(network)
    weights = scoring_weights(network)
    before = [weight.clone() for weight in weights]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(9)
    assert all(map(torch.equal, before, weights))


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="network: expected evaluation mode"):
        scoring_weights(RoiClassifier())
    narrow = RoiClassifier(RoiClassifierConfig(width=16)).eval()
    with pytest.raises(ValueError, match=r"network: expected weights of shapes .*\(32, 6, 5, 5\)"):
        scoring_weights(narrow)
    with pytest.raises(ValueError, match="network: expected weights of shapes"):
        scoring_weights(nn.Linear(2, 2).eval())
    with pytest.raises(ValueError, match=r"dtype: expected .*torch.float64"):
        scoring_weights(RoiClassifier().eval(), torch.float64)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"images": torch.rand(2, 3, 30, 30).double()}, TypeError, "images: .*float64"),
        ({"images": torch.rand(3, 30, 30)}, ValueError, r"images: .*\(3, 30, 30\)"),
        ({"images": torch.rand(2, 3, 0, 30)}, ValueError, r"images: .*\(2, 3, 0, 30\)"),
        ({"images": torch.rand(2, 3, 30, 30).half()}, TypeError, "weights.conv1: .*float32"),
        ({"images": torch.rand(2, 3, 30, 30).requires_grad_()}, ValueError, "images: .*gradient"),
        ({"slices": torch.tensor([0, 1]).int()}, TypeError, "slices: .*int32"),
        ({"slices": torch.tensor([[0, 1]])}, ValueError, r"slices: .*\(1, 2\)"),
        ({"slices": torch.tensor([0, 2])}, IndexError, "slices: expected 0 to 2 - 1, got 2"),
        ({"slices": torch.tensor([-1, 0])}, IndexError, "slices: expected 0 to 2 - 1, got -1"),
        ({"squares": torch.ones(2, 3)}, TypeError, "squares: .*float32"),
        ({"squares": torch.ones(3, 3).double()}, ValueError, r"squares: expected \(2, 3\)"),
        ({"squares": torch.zeros(2, 3).double()}, ValueError, "squares: .*above 0"),
        ({"squares": torch.full((2, 3), torch.nan).double()}, ValueError, "squares: .*finite"),
        ({"phases": torch.zeros(6)}, TypeError, r"phases: .*float32"),
        ({"phases": torch.arange(3)}, ValueError, r"phases: expected \(6,\) or \(2, 6\), got \(3,"),
        ({"phases": torch.arange(6)}, IndexError, "phases: expected 0 to 3 - 1, got 3"),
        ({"path": "cuda"}, ValueError, "path: .*cuda"),
        ({"images": torch.rand((2, 3, 9, 9), device="meta")}, ValueError, "on meta, got cpu"),
    ],
)
def test_bad_arguments_are_named(changes, error, words):
    slices, squares, phases = request([(0, 0, 25), (1, 2, 30)], 2, 3)
    arguments = {
        "images": torch.rand(2, 3, 30, 30),
        "slices": slices,
        "squares": squares,
        "phases": phases,
        "weights": scoring_weights(RoiClassifier().eval()),
    }
    with pytest.raises(error, match=words):
        patch_scoring(**(arguments | changes))


def test_bad_weights_are_named():
    weights = scoring_weights(RoiClassifier().eval())
    arguments = (torch.rand(2, 3, 30, 30), *request([(0, 0, 25)], 2, 3))
    with pytest.raises(ValueError, match=r"weights.bias2: expected \(32,\), got \(1,\)"):
        patch_scoring(*arguments, weights._replace(bias2=torch.zeros(1)))
    with pytest.raises(ValueError, match=r"weights\.head: expected no gradient"):
        patch_scoring(*arguments, weights._replace(head=torch.zeros(32, requires_grad=True)))


def test_the_path_is_chosen_and_can_be_forced(device, monkeypatch):
    from lvvol.kernels.patch_scoring import kernel

    launched = []
    launch = kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda *a: launched.append(1) or launch(*a))
    arguments = [t.to(device) for t in (stack((1, 2, 30, 30)), *request([(0, 0, 25)], 1, 2))]
    arguments.append(scoring_weights(classifier().to(device)))
    patch_scoring(*arguments, path="reference")
    assert not launched
    patch_scoring(*arguments, path="triton")
    assert len(launched) == 1
    with kernel_path.forced("triton"):
        patch_scoring(*arguments)
    assert len(launched) == 2
    patch_scoring(*arguments)
    assert len(launched) == (3 if device.type == "cuda" else 2)


def test_there_is_no_silent_fallback():
    """Without the interpreter, the kernel is refused on the CPU and triton is not imported."""
    code = """
import sys, torch
from lvvol.kernels.patch_scoring import patch_scoring, scoring_weights
from lvvol.networks.roi_classifier import RoiClassifier
squares = torch.tensor([[0, 0, 25]], dtype=torch.float64)
arguments = torch.rand(1, 1, 30, 30), torch.tensor([0]), squares, torch.zeros(6, dtype=torch.int64)
weights = scoring_weights(RoiClassifier().eval())
patch_scoring(*arguments, weights)
print("triton" in sys.modules)
try:
    patch_scoring(*arguments, weights, path="triton")
except ValueError as error:
    print(error)
"""
    env = os.environ | {"TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    loaded, message = done.stdout.splitlines()
    assert loaded == "False"
    assert message.startswith("path: 'triton' expected tensors on a CUDA device")


def test_opcheck(device):
    arguments = [t.to(device) for t in (stack((1, 2, 26, 30)), *request([(0, 0, 25)], 1, 2))]
    weights = list(scoring_weights(classifier().to(device)))
    torch.library.opcheck(torch.ops.lvvol.patch_scoring.default, (*arguments, weights))


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_it_compiles_to_one_graph(path, device):
    arguments = [t.to(device) for t in (stack((1, 2, 26, 30)), *request(SQUARES[:2], 1, 2))]
    weights = scoring_weights(classifier().to(device))
    backend = "inductor" if device.type == "cuda" else "aot_eager"

    @torch.compile(fullgraph=True, backend=backend)
    def largest(*arguments):
        return patch_scoring(*arguments, weights, path=path).max()

    expected = patch_scoring(*arguments, weights, path=path).max()
    torch.testing.assert_close(largest(*arguments), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_in_a_cuda_graph(device):
    arguments = [t.to(device) for t in (stack((1, 2, 64, 64)), *request(SQUARES, 1, 2))]
    weights = scoring_weights(classifier().to(device))
    patch_scoring(*arguments, weights)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        scores = patch_scoring(*arguments, weights)
    arguments[2] += 3
    graph.replay()
    torch.testing.assert_close(scores, patch_scoring(*arguments, weights))
