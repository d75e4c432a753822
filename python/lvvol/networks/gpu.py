"""The networks on a GPU: windows scored and the hypercolumn made by Triton's kernels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

# Kernels first, so that a missing Triton names the extra gpu.
from lvvol.errors import DeviceError, WeightsError, needs_extra
from lvvol.kernels import path as kernel_path
from lvvol.kernels.patch_scoring import patch_scoring, scoring_weights
from lvvol.kernels.patch_scoring.kernel import TritonError

with needs_extra("gpu"):
    import torch

from lvvol.networks.ensemble import Ensemble, Segmenter
from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.graphs import Graphs
from lvvol.networks.weights import load_roi_classifier_module, load_segmenter_module
from lvvol.typing import Float32, Float64, Int64, StrPath

_BATCH = 1024
"""Patches at a time, which bounds the memory: about 1.5 GB at most."""


class Gpu:
    """One device, which one study at a time computes on.

    Parameters
    ----------
    device : torch.device
        From `choose_gpu`.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._lock = threading.Lock()

    def __str__(self) -> str:
        how = "triton interpreter" if kernel_path.is_interpreted() else "triton"
        return f"{self.device.type}: {how}"

    def put(self, values: Float32) -> torch.Tensor:
        """Return an array as a tensor on the device."""
        return torch.from_numpy(values).to(self.device)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute by the kernels, never by what they replace, with products as exact as the dtype.

        Raises
        ------
        DeviceError
            If the device's memory is full, or it or a kernel fails.
        """
        # Both settings are those of the whole process, so threads take turns.
        with (
            self._lock,
            kernel_path.forced("triton"),
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        ):
            try:
                yield
            except torch.OutOfMemoryError as error:
                raise DeviceError(
                    f"{self.device}: expected enough free memory for this study, got none: "
                    f"{_first_sentences(error)}; close other programs on it or use --device cpu"
                ) from error
            except ValueError:  # an argument that does not fit, whose message says so
                raise
            except (RuntimeError, TritonError) as error:
                raise DeviceError(
                    f"{self.device}: expected the kernels to run, got {_first_sentences(error)}"
                ) from error


def choose_gpu() -> torch.device:
    """Return the device for Triton's kernels: the first GPU.

    Raises
    ------
    DeviceError
        If torch can use no GPU. With TRITON_INTERPRET=1 in the environment Triton's interpreter
        runs the kernels on the CPU, for tests; it takes seconds a window.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if kernel_path.is_interpreted():
        return torch.device("cpu")
    why = "has no CUDA" if torch.version.cuda is None else f"is built for CUDA {torch.version.cuda}"
    raise DeviceError(
        f"device: expected a CUDA GPU that torch can use for 'cuda', got none (torch "
        f"{torch.__version__} {why}; nvidia-smi lists the GPUs of this machine)"
    )


class GpuClassifier:
    """The ROI classifier, which scores squares straight from images on a GPU.

    Parameters
    ----------
    path : str or path-like
        Weights of a RoiClassifier of Table I.
    gpu : Gpu
        Where it computes.

    Raises
    ------
    WeightsError
        As `lvvol.networks.weights.load_roi_classifier_module`, or if its layers are not Table I's.
    """

    def __init__(self, path: StrPath, gpu: Gpu) -> None:
        self._gpu = gpu
        try:
            weights = scoring_weights(load_roi_classifier_module(path))
        except ValueError as error:
            raise WeightsError(
                f"{Path(path)}: expected the layers of Table I, got {error}"
            ) from error
        with gpu.computing():
            self._weights = type(weights)(*(value.to(gpu.device) for value in weights))

    def __call__(self, windows: Float32, *, threads: int = 0) -> Float64:
        """Score windows that are cut already.

        Parameters
        ----------
        windows : ndarray of float32, shape (n, phase, 25, 25)
            Windows.
        threads : int
            Not used.

        Returns
        -------
        ndarray of float64, shape (n,)
            Probability that each holds an LV.
        """
        # A window is a stack's slice of the window's own size, whose square is all of it.
        n = len(windows)
        everything = np.tile([0.0, 0.0, float(windows.shape[-1])], (n, 1))
        with self._gpu.computing():
            return self._score(
                self._gpu.put(windows),
                np.arange(n),
                everything,
                torch.arange(windows.shape[1], device=self._gpu.device),
            )

    def hold(self, images: Float32, phases: Int64) -> Callable[[int, Float64], Float64]:
        """Copy a stack's images to the GPU, once for all the squares to come.

        Parameters
        ----------
        images : ndarray of float32, shape (slice, phase, row, column)
            Working stack.
        phases : ndarray of int64, shape (phase,)
            Phases of a window.

        Returns
        -------
        callable
            Slice and squares, shape (n, 3), to scores, shape (n,). The images stay on the GPU as
            long as it lives.

        Raises
        ------
        DeviceError
            If they do not fit.
        """
        with self._gpu.computing():
            held = self._gpu.put(np.ascontiguousarray(images[:, phases]))
            order = torch.arange(len(phases), device=self._gpu.device)

        def score(z: int, squares: Float64) -> Float64:
            with self._gpu.computing():
                return self._score(held, np.full(len(squares), z), squares, order)

        return score

    def _score(
        self, images: torch.Tensor, slices: Int64, squares: Float64, phases: torch.Tensor
    ) -> Float64:
        device = self._gpu.device
        scores = patch_scoring(
            images,
            torch.from_numpy(slices).to(device),
            torch.from_numpy(np.ascontiguousarray(squares, dtype=np.float64)).to(device),
            phases,
            self._weights,
        )
        found: Float64 = scores.double().cpu().numpy()
        return found


class GpuSegmenter:
    """HFCN or FCN on a GPU, batch normalisation folded.

    Calls from several threads, as of many studies, that wait for the GPU are computed together.

    Parameters
    ----------
    path : str or path-like
        Weights of either.
    gpu : Gpu
        Where it computes.
    dtype : torch.dtype
        Of weights and maps: float32, or float16, which keeps P within 0.001. Results are float32.
    graphs : bool
        Compute by `Graphs`, where the device has them.

    Raises
    ------
    WeightsError
        As `lvvol.networks.weights.load_segmenter_module`.
    """

    def __init__(
        self,
        path: StrPath,
        gpu: Gpu,
        dtype: torch.dtype = torch.float32,
        *,
        graphs: bool = False,
    ) -> None:
        self._gpu = gpu
        self._dtype = dtype
        network = load_segmenter_module(path)
        self.channels = int(getattr(network.config, "channels", 1))
        fold_batch_norm(network)
        with gpu.computing():
            self._network = network.to(gpu.device, dtype)
        self._run: Callable[[torch.Tensor], tuple[torch.Tensor, ...]] = (
            Graphs(self._network) if graphs and gpu.device.type == "cuda" else self._network
        )
        self._waiting: list[_Call] = []
        self._guard = threading.Lock()

    def __call__(self, patches: Float32, *, threads: int = 0) -> tuple[Float32, Float64]:
        """Segment patches.

        Parameters
        ----------
        patches : ndarray of float32, shape (n, channel, row, column)
            As in `lvvol.patches.iterate_patches`.
        threads : int
            Not used.

        Returns
        -------
        likelihood : ndarray of float32, shape (n, row, column)
            P, 0 to 1.
        fractions : ndarray of float64, shape (n,)
            Share of each patch that is LV cavity.

        Raises
        ------
        DeviceError
            If the device's memory is full, or it fails.
        """
        mine = _Call(patches)
        with self._guard:
            self._waiting.append(mine)
        with self._gpu.computing():
            # Whoever had the GPU before may have computed these too.
            if mine.found is None:
                self._answer(mine)
        assert mine.found is not None
        return mine.found

    def _answer(self, mine: _Call) -> None:
        """Segment the patches of a call, and with them those of others that wait and fit."""
        together, left, n = [mine], [], len(mine.patches)
        with self._guard:
            for call in self._waiting:
                fits = call.patches.shape[1:] == mine.patches.shape[1:]
                if call is not mine and fits and n + len(call.patches) <= _BATCH:
                    together.append(call)
                    n += len(call.patches)
                elif call is not mine:
                    left.append(call)
            self._waiting = left
        try:
            p, fractions = self._segment(np.concatenate([call.patches for call in together]))
        except Exception:
            # As where memory is short: each for itself, so that one does not fail for another.
            with self._guard:
                self._waiting += together[1:]
            if len(together) == 1:
                raise
            together = together[:1]
            p, fractions = self._segment(mine.patches)
        ends = np.cumsum([len(call.patches) for call in together])[:-1]
        parts = zip(together, np.split(p, ends), np.split(fractions, ends), strict=True)
        for call, of_p, of_fractions in parts:
            call.found = of_p, of_fractions

    def _segment(self, patches: Float32) -> tuple[Float32, Float64]:
        likelihood = np.empty((len(patches), *patches.shape[2:]), dtype=np.float32)
        fractions = np.empty(len(patches))
        for start in range(0, len(patches), _BATCH):
            part = slice(start, start + _BATCH)
            x = self._gpu.put(patches[part]).to(self._dtype, memory_format=torch.channels_last)
            logits, area_map = self._run(x)
            likelihood[part] = logits.float().softmax(dim=1)[:, 0].cpu().numpy()
            fractions[part] = area_map.double().mean(dim=(1, 2, 3)).cpu().numpy()
        return likelihood, fractions


class _Call:
    """Patches that a thread waits for, and what was found in them."""

    def __init__(self, patches: Float32) -> None:
        self.patches = patches
        self.found: tuple[Float32, Float64] | None = None


def load_on_gpu(
    classifier: StrPath,
    segmenters: Sequence[StrPath],
    dtype: torch.dtype = torch.float32,
    *,
    graphs: bool = False,
) -> tuple[Gpu, GpuClassifier, Segmenter]:
    """Load the networks of a measurement onto the first GPU.

    Parameters
    ----------
    classifier : str or path-like
        Weights of the ROI classifier.
    segmenters : sequence of str or path-like
        Weights of one or more networks that segment together.
    dtype, graphs
        As in `GpuSegmenter`. Windows are scored in float32 whatever it is: the search ends at the
        best of many, and rounding must not choose another.

    Returns
    -------
    (Gpu, GpuClassifier, Segmenter)
        Where, and the networks, which call it.

    Raises
    ------
    DeviceError
        As `choose_gpu`, or if they do not fit.
    WeightsError
        As `GpuClassifier` and `GpuSegmenter`.
    """
    gpu = Gpu(choose_gpu())
    members = [GpuSegmenter(path, gpu, dtype, graphs=graphs) for path in segmenters]
    segmenter = members[0] if len(members) == 1 else Ensemble(members)
    return gpu, GpuClassifier(classifier, gpu), segmenter


def _first_sentences(error: BaseException) -> str:
    """Return the start of an error, which torch explains at length, in one line."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ". ".join(lines[0].split(". ")[:2]).rstrip(".")
