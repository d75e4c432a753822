"""Tests of lvvol.kernels.hypercolumn_conv, compared with separate torch operations."""

import pytest
import torch
from torch.nn import functional

from lvvol.kernels.hypercolumn_conv import hypercolumn_conv

MODES = ("nearest", "bilinear")
# Relative to the sum of absolute terms: rounding of the result and of upsampled values before
# products (float16 and bfloat16; the interpreter truncates to bfloat16, which doubles it).
TOLERANCE = {torch.float32: 2.0**-19, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-6}

pytestmark = pytest.mark.usefixtures("fresh_is_nan")


@pytest.fixture(autouse=True)
def exact_products(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def random_arguments(
    shape, channels, made, *, dtype=torch.float32, last=False, projected=False, device
):
    """Random maps, weight, bias and projection."""
    generator = torch.Generator().manual_seed(0)

    def random(*size):
        return torch.randn(size, generator=generator).to(device, dtype)

    batch, rows, columns = shape
    maps = [random(batch, c, rows >> k, columns >> k) for k, c in enumerate(channels)]
    if last:
        maps = [values.contiguous(memory_format=torch.channels_last) for values in maps]
    weight = random(made, sum(channels), 3, 3)
    return maps, weight, random(made), random(made) if projected else None


def truth(maps, weight, bias, projection, mode):
    """The result in float64 by torch's operations, and the sum of absolute terms."""
    corners = False if mode == "bilinear" else None
    size = maps[0].shape[2:]
    upsampled = [
        functional.interpolate(values.double(), size, mode=mode, align_corners=corners)
        for values in reversed(maps)
    ]
    stacked, weight, bias = torch.cat(upsampled, 1), weight.double(), bias.double()
    result = functional.conv2d(stacked, weight, bias, padding=1)
    terms = functional.conv2d(stacked.abs(), weight.abs(), bias.abs(), padding=1)
    if projection is not None:
        share = projection.double()[None, :, None, None]
        result, terms = (result.relu() * share).sum(1, True), (terms * share.abs()).sum(1, True)
    return result, terms


def assert_matches_torch(maps, weight, bias, projection, mode, path):
    got = hypercolumn_conv(maps, weight, bias, projection, mode, path)
    right, terms = truth(maps, weight, bias, projection, mode)
    assert got.dtype == maps[0].dtype
    assert got.shape == right.shape
    excess = (got.double() - right).abs() - TOLERANCE[got.dtype] * terms
    assert not excess.isnan().any()
    assert (excess <= 0).all()


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_kernel_matches_torch(dtype, mode, last, projected, device):
    case = random_arguments(
        (2, 8, 24), (4, 4, 4), 2, dtype=dtype, last=last, projected=projected, device=device
    )
    assert_matches_torch(*case, mode, "triton")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("shape", "channels", "made"),
    [
        pytest.param((1, 1, 1), (1,), 1, id="one of everything"),
        pytest.param((1, 3, 5), (2,), 3, id="odd sizes"),
        pytest.param((1, 4, 8), (13, 6), 18, id="more than the smallest side of a product"),
        pytest.param((0, 4, 4), (2, 1), 2, id="nothing"),
        pytest.param((3, 16, 10), (1, 3), 8, id="pixels not a multiple of the tile"),
    ],
)
def test_kernel_at_any_shape(shape, channels, made, mode, device):
    for projected in (False, True):
        case = random_arguments(shape, channels, made, projected=projected, device=device)
        assert_matches_torch(*case, mode, "triton")


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_reference_matches_torch(mode, projected):
    case = random_arguments((2, 4, 8), (2, 3), 4, projected=projected, device="cpu")
    assert_matches_torch(*case, mode, "reference")


@pytest.mark.parametrize("path", ["reference", "triton"])
def test_by_hand(path, device):
    """A window of ones counts the neighbours in the image; ReLU removes negative values."""
    maps = [torch.ones(1, 1, 2, 4, device=device), torch.ones(1, 1, 1, 2, device=device)]
    weight = torch.ones(2, 2, 3, 3, device=device)
    weight[1] = -1
    bias = torch.tensor([0.5, 0.0], device=device)
    got = hypercolumn_conv(maps, weight, bias, path=path)
    assert got[0, 0].tolist() == [[8.5, 12.5, 12.5, 8.5]] * 2
    assert got[0, 1].tolist() == [[-8, -12, -12, -8]] * 2
    share = torch.tensor([2.0, 100.0], device=device)
    projected = hypercolumn_conv(maps, weight, bias, share, path=path)
    assert projected[0].tolist() == [[[17, 25, 25, 17]] * 2]


def test_registration(device):
    maps, weight, bias, projection = random_arguments(
        (1, 2, 4), (2, 1), 2, projected=True, device=device
    )
    for share in (projection, None):
        arguments = (maps, weight, bias, share, "nearest")
        torch.library.opcheck(torch.ops.lvvol.hypercolumn_conv, arguments)


def test_channels_last_is_kept(device):
    maps, weight, bias, _ = random_arguments((2, 4, 4), (3, 2), 2, last=True, device=device)
    got = hypercolumn_conv(maps, weight, bias, path="triton")
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_inconsistent_arguments_are_refused():
    maps, weight, bias, share = random_arguments((1, 2, 2), (2, 1), 2, projected=True, device="cpu")
    with pytest.raises(ValueError, match=r"weight: expected \(2, 3, 3, 3\), got \(2, 2, 3, 3\)"):
        hypercolumn_conv(maps, weight[:, :2], bias)
    with pytest.raises(ValueError, match=r"projection: expected \(2,\), got \(1,\)"):
        hypercolumn_conv(maps, weight, bias, share[:1])
    with pytest.raises(ValueError, match=r"bias: expected torch.float32 on cpu .*float64"):
        hypercolumn_conv(maps, weight, bias.double())
    with pytest.raises(ValueError, match=r"maps\[1\]: expected"):
        hypercolumn_conv([maps[0], maps[0]], weight, bias)
    with pytest.raises(ValueError, match="expected no gradient for path 'triton'"):
        hypercolumn_conv(maps, weight.requires_grad_(), bias, path="triton")
    doubles = [values.double() for values in maps]
    with pytest.raises(TypeError, match=r"maps: expected float32, .* got torch.float64"):
        hypercolumn_conv(doubles, weight.detach().double(), bias.double(), path="triton")
