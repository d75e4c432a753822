"""Tests of patch scoring by the core, compared with the reference in plain torch."""

import gc

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from lvvol import _core
from lvvol.kernels import path as kernel_path
from lvvol.kernels.patch_scoring import core, patch_scoring, scoring_weights
from lvvol.networks.roi_classifier import RoiClassifier

DTYPES = [torch.float32, torch.float16, torch.bfloat16]

# On and between whole pixels, larger and smaller; across edges, corners and all sides; outside.
SQUARES = [
    (0, 0, 25),
    (3.25, 4.5, 25),
    (10, 12, 7.5),
    (5.5, 3.3, 40),
    (-6, 4, 25),
    (4, -6.5, 33),
    (30, 5, 25),
    (3, 25.2, 26),
    (-10.5, -9.25, 60),
    (60, 80, 31),
]

pytestmark = pytest.mark.usefixtures("fresh_is_nan")


@pytest.fixture
def weights():
    """Weights with scores from 0 to 1."""
    torch.manual_seed(0)
    network = RoiClassifier().eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_var, 0.02, 0.1)
            nn.init.normal_(layer.bias, 0, 0.2)
    return scoring_weights(network)


@pytest.fixture
def built(monkeypatch):
    """One entry per classifier built by the core."""
    entries = []
    build = core._build
    monkeypatch.setattr(core, "_build", lambda weights: entries.append(1) or build(weights))
    return entries


@pytest.fixture
def image_arrays(monkeypatch):
    """Image arrays passed to the core, one entry per call."""
    stacks = []
    extract = _core.extract_windows
    monkeypatch.setattr(
        _core, "extract_windows", lambda *a, **k: stacks.append(a[0]) or extract(*a, **k)
    )
    return stacks


def arguments(shape=(3, 5, 40, 36), squares=SQUARES, dtype=torch.float32):
    """Images of noise and windows in them."""
    generator = torch.Generator().manual_seed(1)
    squares = torch.tensor(squares, dtype=torch.float64).reshape(-1, 3)
    slices = torch.randint(shape[0], (len(squares),), generator=generator)
    phases = torch.randint(shape[1], (6,), generator=generator)
    return torch.rand(shape, generator=generator).to(dtype), slices, squares, phases


def assert_agrees(given, weights):
    """Compare the core's scores with the reference's, and return the range of the latter."""
    scores = patch_scoring(*given, weights, path="core")
    expected = patch_scoring(*given, weights, path="reference")
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-5)
    return expected.max() - expected.min() if len(expected) else 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, len(SQUARES)])
def test_scores_are_those_of_the_reference(n, dtype, weights):
    convolutions = {name: getattr(weights, name).to(dtype) for name in ("conv1", "conv2", "conv3")}
    given = arguments(squares=SQUARES[:n], dtype=dtype)
    spread = assert_agrees(given, weights._replace(**convolutions))
    assert n < 2 or spread > 0.1


def test_more_windows_than_a_batch(weights, monkeypatch):
    monkeypatch.setattr(core, "_BATCH", 4)
    images, slices, squares, phases = arguments()
    assert_agrees((images, slices, squares, phases), weights)
    own = (phases + torch.arange(len(slices))[:, None]) % 5
    assert_agrees((images, slices, squares, own), weights)


def test_strided_inputs(weights):
    images, slices, squares, phases = arguments()
    strange = torch.full((36, 80, 5, 3), torch.nan)[:, ::2]
    strange.copy_(images.permute(3, 2, 1, 0))
    slices = slices.repeat_interleave(2)[::2]
    phases = torch.stack([phases, phases + 99]).mT[:, 0].expand(len(slices), 6)
    given = strange.permute(3, 2, 1, 0), slices, squares.mT.contiguous().mT, phases
    assert_agrees(given, weights)


def test_images_are_not_copied_needlessly(weights, image_arrays):
    images, slices, squares, phases = arguments((4, 30, 40, 36))
    patch_scoring(images, slices, squares, phases, weights, path="core")
    assert image_arrays[0].__array_interface__["data"][0] == images.data_ptr()
    strided = images.mT.contiguous().mT
    patch_scoring(strided, slices, squares, phases, weights, path="core")
    assert image_arrays[1].shape == (len(slices.unique()), len(phases.unique()), 40, 36)


def test_the_path_is_chosen_and_can_be_forced(weights, image_arrays):
    for dtype in DTYPES:
        images, slices, squares, phases = arguments(dtype=dtype)
        typed = [w.to(dtype) if w.ndim > 1 else w for w in weights]
        given = images, slices, squares, phases, type(weights)(*typed)
        assert kernel_path.choose("auto", images.device, core=True) == "core"
        patch_scoring(*given)
        assert len(image_arrays) == 1, "auto is the core on a CPU"
        patch_scoring(*given, path="reference")
        with kernel_path.forced("reference"):
            patch_scoring(*given)
        assert len(image_arrays) == 1
        with kernel_path.forced("core"):
            patch_scoring(*given)
        assert len(image_arrays) == 2
        image_arrays.clear()


def test_a_classifier_is_built_once_for_its_weights(weights, built):
    given = arguments()
    for _ in range(3):
        patch_scoring(*given, weights)
    with torch.inference_mode():
        patch_scoring(*given, weights)
    assert len(built) == 1


def test_the_classifier_is_freed_with_its_weights():
    weights = scoring_weights(RoiClassifier().eval())
    gc.collect()
    before = len(core._cache)
    core.classifier(weights)
    assert len(core._cache) == before + 1
    del weights
    gc.collect()
    assert len(core._cache) == before


@pytest.mark.parametrize("name", ["conv1", "bias2", "head", "head_bias"])
def test_changed_weights_take_effect(name, weights):
    given = arguments()
    before = patch_scoring(*given, weights)
    getattr(weights, name).mul_(2).add_(1)
    written = patch_scoring(*given, weights)
    assert not torch.equal(before, written)
    assert_agrees(given, weights)
    replaced = weights._replace(**{name: getattr(weights, name) / 3})
    assert not torch.equal(written, patch_scoring(*given, replaced))
    assert_agrees(given, replaced)


def test_weights_created_in_inference_mode_are_ordinary(built):
    given = arguments()
    with torch.inference_mode():
        weights = scoring_weights(RoiClassifier().eval())
        assert not any(weight.is_inference() for weight in weights)
        patch_scoring(*given, weights)
        patch_scoring(*given, weights)
        assert len(built) == 1
        own = weights._replace(bias1=weights.bias1.clone())
        assert own.bias1.is_inference()
        before = patch_scoring(*given, own)
        own.bias1.add_(1)
        assert not torch.equal(before, patch_scoring(*given, own))
        assert_agrees(given, own)


def test_opcheck(weights):
    for n in (0, 2):
        given = arguments((2, 3, 26, 30), SQUARES[:n])
        torch.library.opcheck(torch.ops.lvvol.patch_scoring_core.default, (*given, list(weights)))


def test_it_can_be_traced(weights):
    given = arguments()
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(tensor) for tensor in (*given, *weights)]
        scores = patch_scoring(*fakes[:4], type(weights)(*fakes[4:]))
        assert isinstance(scores, FakeTensor)
        assert scores.shape == (len(SQUARES),)
    graph = make_fx(lambda *given: patch_scoring(*given, weights))(*given)
    others = (1 - given[0], *given[1:])
    expected = patch_scoring(*others, weights, path="reference")
    torch.testing.assert_close(graph(*others), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("path", ["auto", "core"])
def test_it_compiles_to_one_graph(path, weights, built, image_arrays):
    given = arguments((2, 3, 26, 30), SQUARES[:4])

    @torch.compile(fullgraph=True, backend="aot_eager")
    def largest(*given):
        return patch_scoring(*given, weights, path=path).max()

    expected = patch_scoring(*given, weights, path="reference").max()
    for _ in range(2):
        torch.testing.assert_close(largest(*given), expected, rtol=0, atol=1e-5)
    assert len(image_arrays) == 2
    assert len(built) == 1
    given[1][0] = -1
    with pytest.raises(IndexError, match="slices: expected 0 to 2 - 1, got -1"):
        largest(*given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(
    ("wrong", "value", "error", "words"),
    [
        (1, -1, IndexError, "slices: expected 0 to 3 - 1, got -1"),
        (2, 0, ValueError, "squares: .*above 0"),
        (3, 5, IndexError, "phases: expected 0 to 5 - 1, got 5"),
        (0, torch.nan, ValueError, "windows: expected finite values"),
    ],
)
def test_bad_values_are_named(wrong, value, error, words, dtype, weights):
    given = arguments(dtype=dtype)
    given[wrong].fill_(value)
    typed = type(weights)(*(w.to(dtype) if w.ndim > 1 else w for w in weights))
    with pytest.raises(error, match=words):
        patch_scoring(*given, typed, path="core")


def test_it_uses_as_many_threads_as_torch(weights, monkeypatch):
    threads = []
    extract = _core.extract_windows
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(
        _core, "extract_windows", lambda *a, **k: threads.append(k["threads"]) or extract(*a, **k)
    )
    patch_scoring(*arguments(), weights, path="core")
    assert threads == [3]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_is_refused_on_a_gpu(weights):
    given = [tensor.cuda() for tensor in arguments()]
    with pytest.raises(ValueError, match="path: 'core' expected tensors on the CPU, got cuda"):
        patch_scoring(*given, type(weights)(*(w.cuda() for w in weights)), path="core")
