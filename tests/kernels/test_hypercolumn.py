"""Tests of lvvol.kernels.hypercolumn.

Expected values are from `torch.nn.functional.interpolate` and `torch.cat`, and expected gradients
from their autograd in float64.
"""

import os
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lvvol.kernels import path as kernel_path
from lvvol.kernels.hypercolumn import hypercolumn

MODES = ("nearest", "bilinear")
LAYOUTS = ("contiguous", "channels-last", "sliced")
# Half a unit in the last place of each dtype for rounding the result, and as much again for the
# order of additions; a whole unit for bfloat16, to which the interpreter truncates.
TOLERANCE = {torch.float32: 2.0**-22, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}

pytestmark = pytest.mark.usefixtures("fresh_is_nan")


def truth(maps, mode):
    """The hypercolumn by torch's upsampling."""
    corners = False if mode == "bilinear" else None
    size = maps[0].shape[2:]
    upsampled = [functional.interpolate(m, size, mode=mode, align_corners=corners) for m in maps]
    return torch.cat(upsampled[::-1], dim=1)


def random_maps(shape, channels, *, dtype=torch.float32, layout="contiguous", device="cpu", seed=0):
    """Random maps with a finest level of shape (batch, row, column), in the given memory layout."""
    batch, rows, columns = shape
    generator = torch.Generator().manual_seed(seed)
    maps = []
    for level, count in enumerate(channels):
        size = (batch, count, rows >> level, columns >> level)
        values = torch.randn(size, generator=generator).to(device, dtype)
        if layout == "channels-last":
            values = values.contiguous(memory_format=torch.channels_last)
        elif layout == "sliced":
            wide = torch.full((*size[:2], size[3] * 2, size[2] + 3), torch.nan).to(values)
            wide[:, :, ::2, 3:] = values.mT
            values = wide[:, :, ::2, 3:].mT
        maps.append(values.requires_grad_())
    return maps


def assert_matches_torch(maps, mode, path):
    """Compare values and gradients with torch's, to the dtype's rounding."""
    dtype = maps[0].dtype
    stacked = hypercolumn(maps, mode, path)
    exact_maps = [m.detach().double().requires_grad_() for m in maps]
    exact = truth(exact_maps, mode)
    assert stacked.shape == exact.shape
    assert stacked.dtype == dtype
    if mode == "nearest":
        assert torch.equal(stacked, exact.to(dtype))
    tolerance = TOLERANCE[dtype]
    largest = max((m.abs().max().item() for m in maps if m.numel()), default=0)
    torch.testing.assert_close(stacked.double(), exact, rtol=0, atol=tolerance * largest)
    incoming = torch.randn(exact.shape, generator=torch.Generator().manual_seed(1))
    incoming = torch.empty_like(stacked).copy_(incoming)
    gradients = torch.autograd.grad(stacked, maps, incoming)
    expected = torch.autograd.grad(exact, exact_maps, incoming.double())
    magnitude = torch.autograd.grad(truth(exact_maps, mode), exact_maps, incoming.double().abs())
    for gradient, right, size in zip(gradients, expected, magnitude, strict=True):
        assert gradient.dtype == dtype
        excess = (gradient.double() - right).abs() - tolerance * size.abs()
        assert not excess.isnan().any()
        assert (excess <= 0).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_kernel_matches_torch(dtype, mode, layout, device):
    maps = random_maps((2, 8, 24), (2, 3, 1), dtype=dtype, layout=layout, device=device)
    assert_matches_torch(maps, mode, "triton")


@pytest.mark.parametrize("mode", MODES)
def test_kernel_at_the_size_of_hfcn(mode, device):
    assert_matches_torch(random_maps((1, 48, 48), (4, 4, 4, 4), device=device), mode, "triton")


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batch=st.integers(0, 2),
    coarsest=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    channels=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from(sorted(TOLERANCE, key=str)),
    layout=st.sampled_from(LAYOUTS),
    seed=st.integers(0, 1000),
)
def test_kernel_at_any_shape(batch, coarsest, channels, mode, dtype, layout, seed, device):
    factor = 2 ** (len(channels) - 1)
    shape = (batch, coarsest[0] * factor, coarsest[1] * factor)
    maps = random_maps(shape, channels, dtype=dtype, layout=layout, device=device, seed=seed)
    assert_matches_torch(maps, mode, "triton")


@pytest.mark.parametrize(
    ("shape", "channels", "layout"),
    [
        pytest.param(
            (1, 32, 32), (1, 1, 1, 1, 1, 1), "contiguous", id="window larger than the tile"
        ),
        pytest.param((1, 2, 2), (70, 3), "channels-last", id="more channels than a tile"),
        pytest.param((1, 2, 2), (9, 3), "contiguous", id="channels in several steps"),
        pytest.param((1, 2, 500), (1, 1), "contiguous", id="a row longer than a band"),
        pytest.param((3, 1, 1), (2,), "channels-last", id="one pixel"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_every_branch_of_a_launch(shape, channels, layout, mode, device):
    assert_matches_torch(random_maps(shape, channels, layout=layout, device=device), mode, "triton")


@pytest.mark.parametrize("channels", [(2, 1), (1, 2)])
def test_kernel_accepts_gradients_of_any_layout(channels, device):
    maps = random_maps((2, 4, 8), channels, device=device)
    for incoming in (
        torch.ones((), device=device).expand(2, 3, 4, 8),
        torch.randn(2, 4, 8, 3, device=device).permute(0, 3, 1, 2),
    ):
        got = torch.autograd.grad(hypercolumn(maps, path="triton"), maps, incoming)
        right = torch.autograd.grad(truth(maps, "nearest"), maps, incoming)
        for gradient, expected in zip(got, right, strict=True):
            torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [(3,), (2, 3, 1)])
def test_reference_matches_torch(channels, layout, mode):
    for dtype in TOLERANCE:
        maps = random_maps((2, 8, 12), channels, dtype=dtype, layout=layout)
        stacked = hypercolumn(maps, mode, "reference")
        torch.testing.assert_close(stacked, truth(maps, mode), rtol=0, atol=0)


@pytest.mark.parametrize("mode", MODES)
def test_reference_gradient(mode):
    maps = [m.detach().double().requires_grad_() for m in random_maps((2, 4, 8), (2, 1, 3))]
    torch.autograd.gradcheck(lambda *maps: hypercolumn(maps, mode, "reference"), maps)


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_by_hand(path, device):
    """Each of four coarse pixels fills a quarter; bilinear weights are 3/4 and 1/4."""
    fine = torch.zeros(1, 1, 4, 4, device=device)
    coarse = torch.tensor([[0.0, 4.0], [8.0, 12.0]], device=device)[None, None]
    nearest = hypercolumn([fine, coarse], "nearest", path)
    assert nearest[0, 0].tolist() == [[0, 0, 4, 4], [0, 0, 4, 4], [8, 8, 12, 12], [8, 8, 12, 12]]
    assert not nearest[0, 1].any()
    bilinear = hypercolumn([fine, coarse], "bilinear", path)
    assert bilinear[0, 0].tolist() == [
        [0, 1, 3, 4],
        [2, 3, 5, 6],
        [6, 7, 9, 10],
        [8, 9, 11, 12],
    ]


@pytest.mark.parametrize("path", ["reference", "triton"])
@pytest.mark.parametrize("mode", MODES)
def test_channels_last_is_kept(mode, path, device):
    maps = random_maps((2, 4, 4), (3, 2), layout="channels-last", device=device)
    stacked = hypercolumn(maps, mode, path)
    assert stacked.is_contiguous(memory_format=torch.channels_last)
    gradients = torch.autograd.grad(stacked, maps, torch.randn_like(stacked))
    for gradient in gradients if path == "triton" else ():
        assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("mode", MODES)
def test_registration(mode, device):
    maps = random_maps((2, 4, 8), (2, 3), device=device)
    torch.library.opcheck(torch.ops.lvvol.hypercolumn, (maps, mode))
    gradient = torch.randn(2, 5, 4, 8, device=device)
    torch.library.opcheck(torch.ops.lvvol.hypercolumn_backward, (gradient, [2, 3], mode))
    last = random_maps((2, 4, 8), (2, 3), layout="channels-last", device=device)
    torch.library.opcheck(torch.ops.lvvol.hypercolumn, (last, mode))


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_one_graph_under_compile(path, device):
    maps = random_maps((2, 4, 8), (2, 3), device=device)

    @torch.compile(fullgraph=True, backend="aot_eager")
    def scaled(maps):
        return hypercolumn([2 * m for m in maps], "bilinear", path) + 1

    stacked, right = scaled(maps), 2 * truth(maps, "bilinear") + 1
    torch.testing.assert_close(stacked, right)
    incoming = torch.randn_like(stacked)
    got = torch.autograd.grad(stacked, maps, incoming)
    for gradient, expected in zip(got, torch.autograd.grad(right, maps, incoming), strict=True):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_in_a_cuda_graph(device):
    maps = [m.detach() for m in random_maps((4, 48, 48), (4, 4, 4, 4), device=device)]
    hypercolumn(maps)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stacked = hypercolumn(maps)
    for values in maps:
        values.neg_()
    graph.replay()
    assert torch.equal(stacked, truth(maps, "nearest"))


def test_the_requested_path_runs(monkeypatch, device):
    from lvvol.kernels.hypercolumn import kernel

    launched = []
    launch = kernel.launch_forward
    monkeypatch.setattr(
        kernel, "launch_forward", lambda *a, **k: launched.append(1) or launch(*a, **k)
    )
    maps = random_maps((1, 2, 2), (1, 1), device=device)
    hypercolumn(maps, path="reference")
    assert len(launched) == 0
    hypercolumn(maps, path="triton")
    assert len(launched) == 1
    hypercolumn(maps)
    assert len(launched) == 1 + (device.type == "cuda")
    with kernel_path.forced("triton"):
        hypercolumn(maps)
    assert len(launched) == 2 + (device.type == "cuda")


def test_there_is_no_silent_fallback(device):
    """Without the interpreter, the kernel is refused on the CPU and triton is not imported."""
    code = """
import sys, torch
from lvvol.kernels.hypercolumn import hypercolumn
maps = [torch.zeros(1, 1, 2, 2)]
hypercolumn(maps)
print("triton" in sys.modules)
try:
    hypercolumn(maps, path="triton")
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


def test_kernel_refuses_other_dtypes():
    maps = [torch.zeros(1, 1, 2, 2, dtype=torch.float64)]
    with pytest.raises(TypeError, match=r"maps: expected float32, .* 'triton', got .*float64"):
        hypercolumn(maps, path="triton")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "maps: expected one or more, got none"),
        ([(1, 4, 4)], r"maps\[0\]: expected \(batch, channel, row, column\), got \(1, 4, 4\)"),
        ([(1, 0, 4, 4)], r"maps\[0\]: expected \(batch"),
        ([(1, 1, 3, 4), (1, 1, 1, 2)], r"maps\[0\]: expected .* multiple of 2 .* \(1, 1, 3, 4\)"),
        ([(1, 1, 4, 6), (1, 1, 2, 3), (1, 1, 1, 1)], r"maps\[0\]: expected .* multiple of 4"),
        ([(1, 1, 4, 4), (1, 1, 4, 4)], r"maps\[1\]: expected \(1, channel, 2, 2\)"),
        ([(2, 1, 4, 4), (1, 1, 2, 2)], r"maps\[1\]: expected \(2, channel, 2, 2\), got \(1, 1, "),
        ([(1, 1, 4, 4), (1, 0, 2, 2)], r"maps\[1\]: expected"),
        ([(1, 1, 4, 4), (1, 2, 2)], r"maps\[1\]: expected"),
    ],
)
def test_inconsistent_shapes_are_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        hypercolumn([torch.zeros(shape) for shape in shapes])


def test_other_inconsistent_maps_are_refused():
    fine, coarse = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"maps\[1\]: expected torch.float32 on cpu .*float16"):
        hypercolumn([fine, coarse.half()])
    with pytest.raises(ValueError, match=r"maps\[1\]: expected torch.float32 on cpu .*on meta"):
        hypercolumn([fine, coarse.to("meta")])
    with pytest.raises(TypeError, match=r"maps\[0\]: expected floating point, got torch.int64"):
        hypercolumn([fine.long()])
    with pytest.raises(ValueError, match="mode: expected 'nearest' or 'bilinear', got 'bicubic'"):
        hypercolumn([fine], "bicubic")
    with pytest.raises(ValueError, match="path: expected one of"):
        hypercolumn([fine], path="cuda")


def test_results_are_deterministic(device):
    maps = random_maps((2, 16, 16), (2, 2, 2), device=device)
    incoming = torch.randn(2, 6, 16, 16, device=device)
    runs = [
        torch.autograd.grad(hypercolumn(maps, "bilinear", "triton"), maps, incoming)
        for _ in range(3)
    ]
    for first, second in pairwise(runs):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
