"""`patch_scoring`: scores of squares by the ROI classifier, directly from a stack's images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

from lvvol.kernels.patch_scoring import core
from lvvol.kernels.patch_scoring.reference import LARGEST_STEP, are_valid, patch_scoring_reference
from lvvol.kernels.patch_scoring.weights import DTYPES, WIDTH, WINDOW_SIZE, ScoringWeights
from lvvol.kernels.path import Path, choose


def patch_scoring(
    images: Tensor,
    slices: Tensor,
    squares: Tensor,
    phases: Tensor,
    weights: ScoringWeights,
    *,
    path: Path = "auto",
) -> Tensor:
    """Score square windows of a stack with the ROI classifier.

    Each window is resampled to 25 x 25 pixels at its phases, its mean over all phases is
    subtracted, and the classifier of Table I gives the probability that it shows the LV's square.
    The kernel does not store the windows.

    Parameters
    ----------
    images : Tensor of float32, bfloat16 or float16, shape (slice, phase, row, column)
        Finite grey values, with any strides. Their dtype is also that of the kernel's matrix
        products (three of TF32 for float32, nearly as exact), which are accumulated in float32.
    slices : Tensor of int64, shape (window,)
        Slice index of each window.
    squares : Tensor of float64, shape (window, 3)
        Top edge, left edge and side in pixels; pixel i covers i to i + 1. Edge pixels are repeated
        beyond the image.
    phases : Tensor of int64, shape (phase,) or (window, phase)
        Phases of all windows, or of each; as many as the classifier expects.
    weights : ScoringWeights
        Result of `scoring_weights`, of the images' dtype.
    path : {"auto", "reference", "core", "triton"}
        Implementation, see `lvvol.kernels.path.choose`. The core is the fastest on a CPU; it
        computes in float32 and copies images that are not contiguous float32.

    Returns
    -------
    Tensor of float32, shape (window,)
        Probability that each window shows the LV's square, 0 to 1.

    Raises
    ------
    TypeError
        If a tensor has the wrong dtype.
    ValueError
        If shapes or devices are inconsistent, `path` is unknown, a tensor requires a gradient
        (there is none), a square is not finite or its side is not above 0 and at most 102,400, or
        the core extracts a window that is not finite.
    IndexError
        If a slice or phase is not in the stack. On a GPU, and if the reference is compiled, values
        are not checked, which would synchronise with the device: such a window, or one with an
        invalid square, scores NaN.

    Notes
    -----
    Liao et al., Estimating the volume of the left ventricle from MRI images using deep neural
    networks (2017), III-D and Table I. Windows are those of `lvvol.extract_windows` with
    `normalise="mean"`: interpolated when enlarged, averaged by a balanced triangle when reduced.

    Examples
    --------
    >>> from torch import nn
    >>> from lvvol.kernels.patch_scoring import scoring_weights
    >>> layers = [nn.Conv2d(6, 32, 5), nn.Conv2d(32, 32, 5), nn.Conv2d(32, 32, 3), nn.Linear(32, 2)]
    >>> weights = scoring_weights(nn.Sequential(*layers).eval())
    >>> squares = torch.tensor([[20.0, 30.0, 50.0], [-8.0, 0.0, 40.0]], dtype=torch.float64)
    >>> phases = torch.tensor([0, 1, 2, 3, 4, 0])
    >>> images, slices = torch.rand(3, 5, 96, 96), torch.tensor([0, 2])
    >>> patch_scoring(images, slices, squares, phases, weights).shape
    torch.Size([2])
    """
    _check(images, slices, squares, phases, weights)
    chosen = choose(path, images.device, core=True)
    # The first call of a registered operator loads torch's compiler, which takes seconds.
    if chosen == "core":
        run = _patch_scoring_core if _is_traced() else _run_core
        scored: Tensor = run(images, slices, squares, phases, list(weights))
        return scored
    if images.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_values(images, slices, squares, phases)
    if chosen == "reference":
        return patch_scoring_reference(images, slices, squares, phases, weights)
    launch = _patch_scoring if _is_traced() else _run_kernel
    scores: Tensor = launch(images, slices, squares, phases, list(weights))
    return scores


def _empty_scores(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor, weights: Sequence[Tensor]
) -> Tensor:
    """Allocate the scores."""
    return images.new_empty(slices.shape, dtype=torch.float32)


_SCHEMA = (
    "(Tensor images, Tensor slices, Tensor squares, Tensor phases, Tensor[] weights) -> Tensor"
)


def _run_kernel(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor, weights: Sequence[Tensor]
) -> Tensor:
    """Launch the kernel."""
    from lvvol.kernels.patch_scoring import kernel

    scores = _empty_scores(images, slices, squares, phases, weights)
    kernel.launch(images, slices, squares, phases, ScoringWeights(*weights), scores)
    return scores


def _is_traced() -> bool:
    """Return whether torch is tracing or compiling, when it sees only registered operators.

    This includes fake tensors.
    """
    return torch.compiler.is_compiling() or _get_current_dispatch_mode() is not None


def _run_core(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor, weights: Sequence[Tensor]
) -> Tensor:
    """Run the core after checking values, even when compiled."""
    _check_values(images, slices, squares, phases)
    scores = _empty_scores(images, slices, squares, phases, weights)
    core.score(images, slices, squares, phases, ScoringWeights(*weights), scores)
    return scores


_patch_scoring = torch.library.custom_op(
    "lvvol::patch_scoring", _run_kernel, mutates_args=(), schema=_SCHEMA
)
_patch_scoring_core = torch.library.custom_op(
    "lvvol::patch_scoring_core", _run_core, mutates_args=(), schema=_SCHEMA
)
_patch_scoring.register_fake(_empty_scores)
_patch_scoring_core.register_fake(_empty_scores)


def _check(
    images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor, weights: ScoringWeights
) -> None:
    """Raise for inconsistent dtypes, shapes or devices, or a required gradient."""
    n = slices.shape[0] if slices.ndim else 0
    n_phases = weights.conv1.shape[4] if weights.conv1.ndim == 5 else 0
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "images: expected (slice, phase, row, column), none of them 0, "
            f"got {tuple(images.shape)}"
        )
    convolutions = {
        "conv1": (4, WIDTH, 6, 6, n_phases),
        "conv2": (4, WIDTH, 6, 6, WIDTH),
        "conv3": (WIDTH, 3, 3, WIDTH),
    }
    per_window = phases.ndim == 2
    expected: dict[str, tuple[Tensor, tuple[torch.dtype, ...], tuple[int, ...]]] = {
        "images": (images, DTYPES, tuple(images.shape)),
        "slices": (slices, (torch.int64,), (n,)),
        "squares": (squares, (torch.float64,), (n, 3)),
        "phases": (phases, (torch.int64,), (n, n_phases) if per_window else (n_phases,)),
    }
    for name, weight in weights._asdict().items():
        shape = convolutions.get(name, (1,) if name == "head_bias" else (WIDTH,))
        dtype = images.dtype if name in convolutions else torch.float32
        expected[f"weights.{name}"] = weight, (dtype,), shape
    for name, (tensor, dtypes, shape) in expected.items():
        if tensor.dtype not in dtypes:
            allowed = " or ".join(map(str, dtypes))
            raise TypeError(f"{name}: expected {allowed}, got {tensor.dtype}")
        if tuple(tensor.shape) != shape:
            either = f" or ({n}, {n_phases})" if name == "phases" and not per_window else ""
            raise ValueError(f"{name}: expected {shape}{either}, got {tuple(tensor.shape)}")
        if tensor.device != images.device:
            raise ValueError(f"{name}: expected on {images.device}, got {tensor.device}")
        if tensor.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{name}: expected no gradient, as patch scoring is for inference only; "
                "detach it or use torch.no_grad()"
            )


def _check_values(images: Tensor, slices: Tensor, squares: Tensor, phases: Tensor) -> None:
    """Raise for slices or phases that are not in the stack, or invalid squares."""
    for name, values, count in (
        ("slices", slices, images.shape[0]),
        ("phases", phases, images.shape[1]),
    ):
        wrong = values[(values < 0) | (values >= count)]
        if wrong.numel():
            raise IndexError(f"{name}: expected 0 to {count} - 1, got {wrong[0].item()}")
    wrong = squares[~are_valid(images, torch.zeros_like(slices), squares, phases.new_zeros(1))]
    if len(wrong):
        raise ValueError(
            "squares: expected finite edges and a side above 0 and up to "
            f"{LARGEST_STEP * WINDOW_SIZE:.0f} pixels, got {wrong[0].tolist()}"
        )
