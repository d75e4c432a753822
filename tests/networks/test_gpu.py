"""Measuring on a GPU: the road from a stack to volumes through Triton's kernels.

Without a GPU the kernels run in Triton's interpreter, which multiplies in float32; what a card
rounds is seen by ``benchmarks/gpu/all.sh`` alone.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

import lvvol
from lvvol.errors import DeviceError, WeightsError
from lvvol.kernels.hypercolumn import op as hypercolumn_op
from lvvol.kernels.path import forced
from lvvol.networks import gpu as gpu_module
from lvvol.networks.configs import HfcnConfig, RoiClassifierConfig
from lvvol.networks.ensemble import Ensemble
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import save_weights
from lvvol.patches import iterate_patches
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from lvvol.report.result_json import format_json
from lvvol.roi import refine
from lvvol.train.device import Compute
from lvvol.train.stage import Optimisation, Stage


@pytest.fixture
def few_windows(monkeypatch):
    """Search 18 windows around a square instead of 150."""
    windows_around = refine.windows_around
    monkeypatch.setattr(refine, "windows_around", lambda s: windows_around(s)[3:5, 1:4, 1:4])


@pytest.fixture
def large_tiles(monkeypatch, device):
    """Tiles that suit an interpreter, whose time is one per operation; they change no result."""
    from lvvol.kernels.hypercolumn import kernel as hypercolumn_kernel
    from lvvol.kernels.patch_scoring import kernel

    if device.type == "cpu":
        monkeypatch.setattr(hypercolumn_kernel, "_FORWARD_TILE", 2**16)
        tiles = kernel.Tiles(32, 128, 2048, 256, 4, 4)
        monkeypatch.setitem(kernel.TILES, torch.float32, tiles)


@pytest.fixture
def launches(monkeypatch):
    """Count what the kernels are launched with."""
    from lvvol.kernels.hypercolumn import kernel as hypercolumn_kernel
    from lvvol.kernels.patch_scoring import kernel as scoring_kernel

    seen = {"windows": [], "patches": [], "backward": [], "dtypes": []}

    def watched(module, name, note):
        launch = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: (note(*a), launch(*a, **k))[1])

    watched(scoring_kernel, "launch", lambda i, z, *_: seen["windows"].append(len(z)))
    watched(hypercolumn_kernel, "launch_forward", lambda m, *_: seen["patches"].append(len(m[0])))
    watched(
        hypercolumn_kernel,
        "launch_backward",
        lambda g, *_: (seen["backward"].append(len(g)), seen["dtypes"].append(g.dtype)),
    )
    return seen


def test_a_study_measured_by_the_kernels_is_that_of_the_core(
    few_windows, large_tiles, launches, device
):
    stack = make_phantom(8, n_slices=4, n_phases=10).to_cine_stack()
    by_core = lvvol.predict(stack, threads=1)
    model = lvvol.load_model(device="cuda")
    loaded = {name: len(of) for name, of in launches.items()}
    by_gpu = model.predict(stack, threads=1)

    np.testing.assert_array_equal(by_gpu.rois.squares_mm, by_core.rois.squares_mm)
    np.testing.assert_allclose(by_gpu.rois.scores, by_core.rois.scores, rtol=0, atol=2e-3)
    np.testing.assert_allclose(by_gpu.lv_probability, by_core.lv_probability, rtol=0, atol=2e-3)
    np.testing.assert_allclose(by_gpu.volumes_ml, by_core.volumes_ml, rtol=1e-3)
    # Not by chance: every window and every patch of both networks passed through a kernel.
    assert sum(launches["windows"][loaded["windows"] :]) > 80
    assert max(launches["windows"]) >= 20
    assert launches["patches"][loaded["patches"] :] == [10] * 4 * 2

    assert by_core.engine == "cpu: core"
    expected = "cuda: triton" if device.type == "cuda" else "cpu: triton interpreter"
    assert by_gpu.engine == expected
    assert json.loads(format_json(by_gpu))["engine"] == expected
    assert repr(model) == f"Model(weights='shipped', device='{device.type}')"


def test_windows_cut_elsewhere_score_the_same(large_tiles, device):
    windows = np.random.default_rng(0).normal(0, 0.2, (3, 6, 25, 25)).astype(np.float32)
    windows -= windows.mean(axis=(1, 2, 3), keepdims=True)
    by_gpu = lvvol.load_model(device="cuda").roi_classifier(windows)
    expected = lvvol.load_model().roi_classifier(windows)
    np.testing.assert_allclose(by_gpu, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("context", [False, True])
def test_a_training_step_by_the_kernel_is_that_of_the_reference(launches, device, context):
    torch.manual_seed(0)
    network = HFCN(HfcnConfig((6, 8), (1, 1), 3, 4, (), "nearest", context)).to(device)
    patches = torch.randn(10, network.config.channels, 16, 16).to(device)
    masks = (torch.rand(10, 16, 16) < 0.3).float().to(device)

    def gradients(path):
        network.zero_grad()
        with forced(path):
            logits, area_map = network(patches)
            loss = torch.nn.functional.cross_entropy(logits, torch.stack([masks, 1 - masks], 1))
            (loss + (area_map[:, 0] - masks).square().mean()).backward()
        return [p.grad.clone() for p in network.parameters()]

    found = gradients("triton")
    assert (launches["patches"], launches["backward"]) == ([10], [10])
    expected = gradients("reference")
    assert launches["backward"] == [10]
    assert max(g.abs().max().item() for g in expected) > 1e-2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_in_bfloat16_and_a_compiled_one_take_the_kernel_too(launches, device, compiled):
    """As `lvvol train` takes it: by a `Stage`, whose autocast gives the kernel bfloat16 maps."""
    patches = torch.randn((6, 1, 16, 16), generator=torch.Generator().manual_seed(1)).to(device)

    def gradients(path):
        torch.manual_seed(0)
        network = HFCN(HfcnConfig((6, 8), (1, 1), 3, 4, ()))
        optimisation = Optimisation(1e-3, 0.0, clip_norm=1e9)
        compute = Compute(device, bfloat16=True)
        stage = Stage("hfcn", network, {}, 0, 1, optimisation, compute=compute)
        if compiled:
            stage.network.compile(backend="aot_eager", fullgraph=True)
        with forced(path):
            logits, area_map = stage.outputs(patches)
            stage.optimizer_step(logits.square().mean() + area_map.square().mean())
        return [p.grad for p in network.parameters()]

    found = gradients("triton")
    assert (launches["patches"], launches["backward"]) == ([6], [6])
    assert launches["dtypes"] == [torch.bfloat16]
    expected = gradients("reference")
    assert launches["backward"] == [6]
    largest = max(g.abs().max().item() for g in expected)
    for one, other in zip(found, expected, strict=True):
        # Sums of a gradient are rounded to 8 bits, by the kernel once and by torch in steps.
        torch.testing.assert_close(one, other, rtol=0, atol=2.0**-7 * largest)


def test_training_on_a_gpu_takes_the_kernel():
    assert hypercolumn_op.choose("auto", torch.device("cuda")) == "triton"


def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


def test_no_gpu_is_an_error_and_not_the_cpu(monkeypatch):
    without_gpu(monkeypatch)
    with pytest.raises(DeviceError, match="expected a CUDA GPU that torch can use for 'cuda'"):
        lvvol.load_model(device="cuda")
    with pytest.raises(DeviceError):
        lvvol.predict("no such folder", device="cuda")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has..."),
            "CUDA out of memory. Tried to allocate 2.00 GiB",
        ),
        (RuntimeError("CUDA error: an illegal memory access\nCUDA kernel errors"), "CUDA error"),
    ],
)
def test_a_full_or_failing_gpu_is_one_line_and_no_volumes(monkeypatch, large_tiles, error, said):
    model = lvvol.load_model(device="cuda")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(gpu_module, "patch_scoring", fail)
    with pytest.raises(DeviceError) as caught:
        model.predict(make_phantom(8, n_slices=4, n_phases=4).to_cine_stack(), threads=1)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_classifier_that_the_kernel_does_not_have_is_refused(tmp_path, device):
    save_weights(RoiClassifier(RoiClassifierConfig(width=8)), tmp_path / "roi.safetensors")
    with pytest.raises(WeightsError, match=r"roi\.safetensors: expected the layers of Table I"):
        gpu_module.GpuClassifier(tmp_path / "roi.safetensors", gpu_module.Gpu(device))


def test_what_a_hold_takes_is_the_phases_of_windows_alone(device):
    """So a whole cine of a large study takes six phases of memory."""
    held = []
    gpu = gpu_module.Gpu(device)
    put = gpu.put
    gpu.put = lambda values: held.append(values.shape) or put(values)
    classifier = gpu_module.GpuClassifier(lvvol.model.SHIPPED / "roi_classifier.safetensors", gpu)
    classifier.hold(np.zeros((3, 30, 40, 40), np.float32), np.array([0, 6, 12, 18, 24, 0]))
    assert held == [(3, 6, 40, 40)]


def gpu_segmenters(gpu):
    """The two shipped segmentation networks."""
    _, _, *paths = lvvol.model.files_of(lvvol.model.SHIPPED)
    return [gpu_module.GpuSegmenter(path, gpu) for path in paths]


def batches_of(segmenter):
    """Note the batch of every run of a network."""
    seen = []
    segmenter._network.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    return seen


def at_once(gpu, segmenter, calls):
    """Make several calls while the GPU is taken, so that all wait; return their results."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with gpu.computing():
            made = [pool.submit(segmenter, patches) for patches in calls]
            deadline = time.monotonic() + 10
            while len(segmenter._waiting) < len(calls) and time.monotonic() < deadline:
                time.sleep(0.01)
        return [each.result() for each in made]


def some_patches(channels, *sizes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, channels, 48, 48)).astype(np.float32) for n in sizes]


def assert_same(found, expected):
    for (p, shares), (right_p, right_shares) in zip(found, expected, strict=True):
        np.testing.assert_allclose(p, right_p, rtol=0, atol=1e-5)
        np.testing.assert_allclose(shares, right_shares, rtol=0, atol=1e-6)


def test_calls_that_wait_are_segmented_together_and_each_gets_its_own(
    large_tiles, device, monkeypatch
):
    gpu = gpu_module.Gpu(device)
    segmenter = gpu_segmenters(gpu)[1]
    calls = some_patches(segmenter.channels, 2, 1, 3)
    expected = [segmenter(patches) for patches in calls]
    seen = batches_of(segmenter)
    assert_same(at_once(gpu, segmenter, calls), expected)
    assert seen == [6]
    # At most so many at once; who does not fit goes on waiting.
    seen.clear()
    monkeypatch.setattr(gpu_module, "_BATCH", 4)
    assert_same(at_once(gpu, segmenter, calls), expected)
    assert sorted(seen) in ([2, 4], [3, 3])


def test_what_does_not_fit_together_is_segmented_alone(large_tiles, device):
    gpu = gpu_module.Gpu(device)
    segmenter = gpu_segmenters(gpu)[0]
    calls = some_patches(segmenter.channels, 2, 3)
    expected = [segmenter(patches) for patches in calls]

    def short_of_memory(_, inputs):
        if len(inputs[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    segmenter._network.register_forward_pre_hook(short_of_memory)
    assert_same(at_once(gpu, segmenter, calls), expected)
    with pytest.raises(DeviceError, match="out of memory"):
        segmenter(some_patches(segmenter.channels, 4)[0])
    assert segmenter._waiting == []


def test_studies_side_by_side_measure_what_they_do_one_by_one(large_tiles, device):
    gpu = gpu_module.Gpu(device)
    members = gpu_segmenters(gpu)
    model = replace(lvvol.load_model(), hfcn=Ensemble(members))
    stacks = [make_phantom(s, n_slices=4, n_phases=2).to_cine_stack() for s in (8, 11)]
    one_by_one = [model.predict(stack, threads=1) for stack in stacks]
    with ThreadPoolExecutor(len(stacks)) as pool:
        side_by_side = list(pool.map(lambda stack: model.predict(stack, threads=1), stacks))
    for one, other in zip(side_by_side, one_by_one, strict=True):
        np.testing.assert_array_equal(one.rois.squares_mm, other.rois.squares_mm)
        np.testing.assert_allclose(one.lv_probability, other.lv_probability, rtol=0, atol=1e-5)
        np.testing.assert_allclose(one.volumes_ml, other.volumes_ml, rtol=1e-5)


def test_in_float16_p_and_areas_are_those_of_float32(large_tiles, device):
    """bfloat16 keeps neither: plain torch on a CPU has P 0.006 and volumes 0.14 % apart."""
    stack = to_working_stack(make_phantom(8, n_slices=4, n_phases=2).to_cine_stack())
    squares = lvvol.load_model().predict_working_stack(stack, threads=1).rois.squares_mm
    gpu = gpu_module.Gpu(device)
    _, _, *paths = lvvol.model.files_of(lvvol.model.SHIPPED)
    for path in paths:
        exact = gpu_module.GpuSegmenter(path, gpu)
        half = gpu_module.GpuSegmenter(path, gpu, torch.float16)
        patches = np.concatenate(list(iterate_patches(stack.images, squares, exact.channels)))
        (p, shares), (right_p, right_shares) = half(patches), exact(patches)
        assert p.dtype == np.float32
        assert 1e-5 < np.abs(p - right_p).max() < 2e-3
        np.testing.assert_allclose(shares.sum(), right_shares.sum(), rtol=1e-3)
