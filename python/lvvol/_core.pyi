"""The compiled core (src/lvcore), private to lvvol.

`lvvol.planes`, `lvvol.windows` and `lvvol.cascade` document and export its functions;
`lvvol.networks.inference` builds its networks from weights on disk.

Arrays are used as they are, never converted: another dtype raises TypeError; another number of
dimensions, or memory that is not C-contiguous, raises ValueError. Pixels are not checked for NaN.
The global interpreter lock is released while a function computes. `threads` is the largest number
of threads, at most 1024, 0 for one per hardware thread; it never changes a result.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Never, TypeVar, overload

import numpy as np
import numpy.typing as npt

_Edge = Literal["zero", "nearest"]
_Instructions = Literal["auto", "portable", "avx2", "avx512"]
_Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
_Float = TypeVar("_Float", np.float32, np.float16)

class GeometryError(ValueError):
    """Planes are not parallel where they must be, or an affine does not span a plane."""

class ElementReader:
    """Reads the values of some elements of a DICOM file as text: `lvvol.dicom.files.elements`."""

    def __init__(self, elements: Sequence[tuple[int, str, str]], max_bytes: int) -> None:
        """Take the tag, keyword and VR of each element, in ascending order of tags."""

    def read(
        self, content: bytes, position: int, *, explicit: bool, last: int
    ) -> tuple[dict[str, str], int] | None:
        """Return the texts by keyword, and where the element after tag `last` begins."""

def plane_map(
    source_affine: npt.NDArray[np.float64], target_affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Map pixel indices of the target plane to those of the source: `lvvol.planes`."""

def resample(
    images: npt.NDArray[np.float32 | np.uint8 | np.uint16 | np.int16],
    matrices: npt.NDArray[np.float64],
    shape: tuple[int, int],
    *,
    sources: npt.NDArray[np.int64] | None = None,
    edge: _Edge = "zero",
    out: npt.NDArray[np.float32] | None = None,
    threads: int = 0,
) -> npt.NDArray[np.float32]:
    """Resample images under affine maps of their pixel indices: `lvvol.planes`."""

def equalise(
    images: npt.NDArray[np.float32],
    field: tuple[tuple[int, int], tuple[int, int]],
    matrix: npt.NDArray[np.float64],
    shape: tuple[int, int],
    *,
    threads: int = 0,
) -> npt.NDArray[np.float32]:
    """Replace grey values by their ranks within a field, and resample: `lvvol.planes`."""

def propose_windows(
    square: npt.NDArray[np.float64],
    *,
    factors: Sequence[float] = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1),
    moves: int = 5,
    reach: float = 0.2,
    smallest_side: float = 0.0,
    inside: tuple[int, int] | None = None,
) -> npt.NDArray[np.float64]:
    """Propose square windows around a square: `lvvol.windows`."""

@overload
def extract_windows(
    images: npt.NDArray[np.float32],
    slices: npt.NDArray[np.int64],
    squares: npt.NDArray[np.float64],
    phases: npt.NDArray[np.int64],
    size: int,
    *,
    normalise: Literal["none", "mean", "mean_std"] = "none",
    edge: _Edge = "nearest",
    out: None = None,
    threads: int = 0,
) -> npt.NDArray[np.float32]:
    """Cut square windows out of a cine stack: `lvvol.windows`."""

@overload
def extract_windows(
    images: npt.NDArray[np.float32],
    slices: npt.NDArray[np.int64],
    squares: npt.NDArray[np.float64],
    phases: npt.NDArray[np.int64],
    size: int,
    *,
    normalise: Literal["none", "mean", "mean_std"] = "none",
    edge: _Edge = "nearest",
    out: npt.NDArray[_Float],
    threads: int = 0,
) -> npt.NDArray[_Float]: ...
def contour_coverage(
    points: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Compute the fraction of each pixel inside a contour: `lvvol.planes`."""

class CascadeFormatError(ValueError):
    """A cascade, or a file of one, is unsound."""

class Cascade:
    """A boosted cascade of trees over multi-block local binary patterns: `lvvol.cascade`."""

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Raise TypeError; `lvvol.read_cascade` and `train_cascade` return cascades."""

    @staticmethod
    def from_arrays(
        window_size: tuple[int, int],
        features: npt.NDArray[np.int32],
        stage_sizes: npt.NDArray[np.int32],
        thresholds: npt.NDArray[np.float32],
        tree_sizes: npt.NDArray[np.int32],
        nodes: npt.NDArray[np.int32],
        leaves: npt.NDArray[np.float32],
    ) -> Cascade:
        """Build a cascade from its numbers."""

    def to_arrays(
        self,
    ) -> tuple[
        tuple[int, int],
        npt.NDArray[np.int32],
        npt.NDArray[np.int32],
        npt.NDArray[np.float32],
        npt.NDArray[np.int32],
        npt.NDArray[np.int32],
        npt.NDArray[np.float32],
    ]:
        """Return the cascade's numbers, copied, in the order `from_arrays` takes them."""

    @property
    def window_size(self) -> tuple[int, int]:
        """Rows and columns of a window at scale 1."""

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Number of trees of each stage."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

def detect(
    image: npt.NDArray[np.uint8 | np.float32],
    cascade: Cascade,
    *,
    scale_factor: float = 1.1,
    min_neighbors: int = 3,
    min_size: tuple[int, int] = (0, 0),
    max_size: tuple[int, int] | None = None,
    step: int = 0,
    min_stages: int | None = None,
    threads: int = 0,
) -> tuple[
    npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]
]:
    """Search an image for the object a cascade was trained on: `lvvol.cascade`."""

def group_windows(
    windows: npt.NDArray[np.int32],
    stages: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    *,
    min_neighbors: int = 3,
) -> tuple[
    npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]
]:
    """Group neighbouring windows: `lvvol.cascade`."""

def train_cascade(
    positives: npt.NDArray[np.uint8],
    images: Sequence[npt.NDArray[np.uint8]],
    *,
    weights: npt.NDArray[np.float64] | None = None,
    squares: Sequence[npt.NDArray[np.float64]] | None = None,
    start: Cascade | None = None,
    stages: int = 15,
    min_hit_rate: float = 0.995,
    max_false_alarm_rate: float = 0.5,
    held_out: float = 0.0,
    max_trees: int = 200,
    depth: int = 1,
    weight_trim: float = 0.95,
    negatives: int | None = None,
    fewest_negatives: int | None = None,
    scale_factor: float = 1.1,
    min_size: tuple[int, int] = (0, 0),
    max_size: tuple[int, int] | None = None,
    step: int = 1,
    iou_limit: float = 0.3,
    seed: int = 0,
    threads: int = 0,
    progress: Callable[[int, int, float, float, int, float, Cascade | None], object] | None = None,
) -> Cascade:
    """Train a cascade on windows of an object and on images: `lvvol.cascade`."""

class Hfcn:
    """HFCN for inference on a CPU; immutable.

    Convolutions have stride 1, keep the size of their map and are followed by ReLU, except for
    `likelihood` and the last of `area`. Batch normalisation must be folded into them.

    Parameters
    ----------
    stages : list of list of layer
        Convolutions of each stage. A layer is a weight, ndarray of float32, shape (channel out,
        channel in, kernel, kernel) with an odd kernel, and a bias, ndarray of float32, shape
        (channel out,).
    heads : list of layer
        For each stage, the 1 x 1 convolution to its channels of the hypercolumn; all have the same
        width.
    between : list of layer
        Convolutions from the hypercolumn to P; may be empty.
    likelihood : layer
        To the two logits of P.
    area : list of layer
        From the hypercolumn, `between` and P, in this order, to O: a 1 x 1 convolution, which
        another convolution may precede.
    upsampling : {"nearest", "bilinear"}
        How heads are enlarged to the size of the patch; bilinear aligns pixel edges.
    instructions : {"auto", "portable", "avx2", "avx512"}
        Instruction set to use; by default the best that the processor has. AVX2 and AVX-512 give
        the same bits, the portable code results equal up to rounding.

    Raises
    ------
    ValueError
        If a layer has another shape, does not fit the one before it or is missing, a weight is not
        finite, or the processor lacks the instructions.

    Notes
    -----
    Liao et al. 2017, III-F. Sums are computed in float32, tap by tap and channel by channel.
    """

    def __init__(
        self,
        *,
        stages: Sequence[Sequence[_Layer]],
        heads: Sequence[_Layer],
        between: Sequence[_Layer],
        likelihood: _Layer,
        area: Sequence[_Layer],
        upsampling: Literal["nearest", "bilinear"] = "nearest",
        instructions: _Instructions = "auto",
    ) -> None: ...
    @property
    def channels(self) -> int:
        """Channels of a patch."""

    def __call__(
        self, patches: npt.NDArray[np.float32], *, threads: int = 0
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return P and the mean of O of every patch; patches do not affect each other.

        Parameters
        ----------
        patches : ndarray of float32, shape (patch, channel, row, column)
            Each channel with mean 0 and variance 1. Rows and columns are multiples of
            2^(stages - 1).
        threads : int
            Largest number of threads; 0 for one per hardware thread.

        Returns
        -------
        likelihood : ndarray of float32, shape (patch, row, column)
            P of the LV cavity, 0 to 1.
        fractions : ndarray of float64, shape (patch,)
            Mean of O: the fraction of the patch that is LV cavity (paper eq. 7). As a regression,
            it may be slightly below 0.

        Raises
        ------
        ValueError
            If there are other than `channels` channels, rows or columns are not such multiples, or
            a value is not finite.
        """

class RoiClassifier:
    """The ROI classifier for inference on a CPU; immutable.

    Parameters
    ----------
    convolutions : list of layer
        As in `Hfcn`, each with ReLU. 2 x 2 max pooling follows all but the last, whose output is
        averaged.
    linear : layer
        From the means of the channels to two logits: a weight, ndarray of float32, shape
        (2, channel), and a bias, ndarray of float32, shape (2,).
    size : int
        Rows and columns of a window.
    instructions : {"auto", "portable", "avx2", "avx512"}
        As in `Hfcn`.

    Raises
    ------
    ValueError
        As for `Hfcn`, or if pooling reduces a window to nothing.

    Notes
    -----
    Liao et al. 2017, Table I.
    """

    def __init__(
        self,
        *,
        convolutions: Sequence[_Layer],
        linear: _Layer,
        size: int = 25,
        instructions: _Instructions = "auto",
    ) -> None: ...
    def __call__(
        self, windows: npt.NDArray[np.float32], *, threads: int = 0
    ) -> npt.NDArray[np.float64]:
        """Return the probability that each window is the LV's square.

        Parameters
        ----------
        windows : ndarray of float32, shape (window, phase, size, size)
            With their mean over all phases subtracted.
        threads : int
            Largest number of threads; 0 for one per hardware thread.

        Returns
        -------
        ndarray of float64, shape (window,)
            0 to 1.

        Raises
        ------
        ValueError
            If the windows have another number of phases or size, or a value is not finite.
        """
