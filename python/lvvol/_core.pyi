"""The compiled core (src/lvcore), private to lvvol.

`lvvol.planes`, `lvvol.windows` and `lvvol.cascade` document and export its functions;
`lvvol.networks.inference` builds its networks from weights on disk.

Arrays are used as they are, never converted: another dtype raises TypeError; another number of
dimensions, or memory that is not C-contiguous, raises ValueError. Pixels are not checked for NaN.
The global interpreter lock is released while a function computes. `threads` is the largest number
of threads, at most 1024, 0 for one per hardware thread; it never changes a result.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Never, TypeVar, overload

import numpy as np
import numpy.typing as npt

_Edge = Literal["zero", "nearest"]
_Instructions = Literal["auto", "portable", "avx2", "avx512"]
_Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
_Float = TypeVar("_Float", np.float32, np.float16)

class GeometryError(ValueError):
    """Planes are not parallel where they must be, or an affine does not span a plane."""

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
    """A boosted cascade of trees over multi-block local binary patterns (LBP).

    It is immutable. Two cascades are equal if all their numbers are.

    Notes
    -----
    Zhang et al., Face detection based on multi-block LBP representation (2007). A pattern is 3 x 3
    blocks; its code has a bit for each outer block that is at least as bright as the one in the
    middle. A tree asks whether codes are in a set; a window passes a stage if the leaves of its
    trees sum to the stage's threshold or more, less 1e-5 as in OpenCV.
    """

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
        """Build a cascade from its numbers.

        Parameters
        ----------
        window_size : (int, int)
            Rows and columns of a window at scale 1.
        features : ndarray of int32, shape (feature, 4)
            Left, top, width and height in pixels: the corner of the window's first block, and the
            size of each of the 3 x 3 blocks.
        stage_sizes : ndarray of int32, shape (stage,)
            Number of trees of each stage.
        thresholds : ndarray of float32, shape (stage,)
        tree_sizes : ndarray of int32, shape (tree,)
            Number of nodes of each tree, stage after stage.
        nodes : ndarray of int32, shape (node, 11)
            Nodes of all trees: where a yes leads, where a no leads, the feature, and the set of
            codes. n > 0 leads to node n of the tree, n <= 0 to its leaf -n. Code c is in the set if
            bit c % 32 of word c // 32 is.
        leaves : ndarray of float32, shape (leaf,)
            Leaves of all trees, each of which has one more than nodes.

        Returns
        -------
        Cascade

        Raises
        ------
        CascadeFormatError
            If the sizes do not add up, a feature is outside the window, an index is out of range, a
            node leads back, or a number is not finite or exceeds a limit: windows of 3 to 1024
            pixels, 1000 stages, 10,000 trees in a stage, 255 nodes in a tree, 100,000 features.
        """

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
        """Return the cascade's numbers, copied, in the order `from_arrays` takes them.

        Returns
        -------
        window_size, features, stage_sizes, thresholds, tree_sizes, nodes, leaves : tuple
        """

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
    """Search an image for what a cascade was trained on, at all scales and places.

    Parameters
    ----------
    image : ndarray of uint8 or float32, shape (row, column)
        Floats are brought to 0 ... 255 linearly, from their smallest to their largest, and rounded.
    cascade : Cascade
    scale_factor : float
        Windows of each scale are so many times those of the one before; at least 1.005.
    min_neighbors : int
        Windows are grouped, and groups of more windows than this are told. With 0 windows are told
        as they are.
    min_size, max_size : (int, int)
        Rows and columns of the smallest and the largest windows; `max_size` is the image's if it is
        not given. If no scale lies between them, the one nearest to `min_size` is searched.
    step : int
        Windows are tried every `step` pixels of the shrunken image, at all places. With 0 they are
        tried where OpenCV does: every 2 pixels at scales below 2 and every pixel from there on; the
        right neighbour of a window that fails the first stage is left out.
    min_stages : int, optional
        Windows that pass so many stages are told or grouped, by default those that pass all.
    threads : int
        Largest number of threads; 0 for one a hardware thread.

    Returns
    -------
    windows : ndarray of int32, shape (window, 4)
        Top, left, height and width in pixels, cut off at the image's edges. Windows are sorted by
        scale, then from top to bottom and left to right; groups by their first windows. Empty where
        the image is smaller than the cascade's window.
    counts : ndarray of int32, shape (window,)
        Windows in the group.
    stages : ndarray of int32, shape (window,)
        Stages passed; of a group, by the window that got furthest.
    scores : ndarray of float64, shape (window,)
        Sum of the last stage it came to; of a group, the highest of those that got furthest.

    Raises
    ------
    ValueError
        If the image is empty, a side is above 65535 or a pixel is not finite, or an option is out
        of its range.

    Notes
    -----
    Windows and groups are exactly those of ``CascadeClassifier.detectMultiScale`` in OpenCV 4.
    """

def group_windows(
    windows: npt.NDArray[np.int32],
    stages: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float64],
    *,
    min_neighbors: int = 3,
) -> tuple[
    npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]
]:
    """Group windows that lie close to each other, as OpenCV's ``groupRectangles`` does.

    Parameters
    ----------
    windows : ndarray of int32, shape (window, 4)
        Top, left, height and width in pixels.
    stages : ndarray of int32, shape (window,)
        Stages passed.
    scores : ndarray of float64, shape (window,)
        Scores, as `detect` gives them.
    min_neighbors : int
        Groups of more windows than this are kept. With 0 the windows come back as they are.

    Returns
    -------
    windows, counts, stages, scores : ndarray
        As `detect` gives them.

    Raises
    ------
    ValueError
        If a side is not 1 to 2^24 pixels, a corner lies farther out than that, or the lengths
        differ.

    Notes
    -----
    Windows are neighbours if no edge of one is farther from the other's than 0.2 times the mean of
    their smaller height and smaller width. Neighbours of neighbours are of one group; its window is
    the mean of theirs. A group that lies in one of more windows is dropped.
    """

class TrainingStep(NamedTuple):
    """How far training a cascade is.

    Attributes
    ----------
    stage : int
        The stage in the making, counted from 0.
    trees : int
        Its trees so far; 0 while negatives are drawn.
    hit_rate, false_alarm_rate : float
        Share of the positives deciding its threshold, by weight, and of its negatives, that passes.
    negatives : int
        Its negatives; while they are drawn, those found so far.
    acceptance : float
        Share of all windows of the images that the stages before accept; 1 while negatives are
        drawn.
    cascade : Cascade or None
        The cascade so far, if this step ended a stage.
    """

    stage: int
    trees: int
    hit_rate: float
    false_alarm_rate: float
    negatives: int
    acceptance: float
    cascade: Cascade | None

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
    progress: Callable[[TrainingStep], object] | None = None,
) -> Cascade:
    """Train a cascade by gentle AdaBoost, with false alarms drawn from whole images.

    Parameters
    ----------
    positives : ndarray of uint8, shape (window, row, column)
        Windows with what is sought; their size, 3 to 1024 rows and columns, is the cascade's.
    images : sequence of ndarray of uint8, shape (row, column)
        Images that negatives are drawn from, each at least as large as a window.
    weights : ndarray of float64, shape (window,), optional
        What each positive counts, above 0; by default all the same.
    squares : sequence of ndarray of float64, shape (square, 3), optional
        For each image, top edge, left edge and side of what is sought, in pixel-edge coordinates.
        A window is no negative if its intersection with one of them, over their union, is above
        `iou_limit`.
    start : Cascade, optional
        First stages, as a training with the same arguments gave them: the result is then as if that
        training had never stopped.
    stages : int
        Stages of the whole cascade, at most.
    min_hit_rate, max_false_alarm_rate : float
        Of the positives that come to a stage, by weight, at least the one share passes; trees are
        added until of its negatives at most the other does, or there are `max_trees`.
    held_out : float
        Share of the positives, others for each stage, that its trees never see and that alone
        decide its threshold: the hit rate is then that of new windows. With 0 all positives do
        both, as in opencv_traincascade.
    max_trees : int
        Trees of a stage, at most.
    depth : int
        Questions that a tree asks, at most, 1 to 6.
    weight_trim : float
        A split is sought among the heaviest samples with this share of the weight.
    negatives, fewest_negatives : int, optional
        Negatives of a stage, ten times the positives by default, and the fewest to train one with,
        a tenth of that by default. Where fewer are left the cascade ends.
    scale_factor, min_size, max_size, step
        Windows that negatives are drawn from are those of `detect` with these options; with a
        `step` of 0 every second pixel at scales below 2 and every one from there on.
    iou_limit : float
        See `squares`.
    seed : int
        Of the order that negatives are drawn in and positives held out.
    threads : int
        Largest number of threads; 0 for one a hardware thread.
    progress : callable, optional
        Called after every tree and stage, and some times while negatives are drawn. What it raises
        ends the training and is raised on; so does an interrupt, with or without it. To be able to
        resume, keep the last `TrainingStep.cascade`.

    Returns
    -------
    Cascade

    Raises
    ------
    ValueError
        If there is no positive or no image, a window, image, weight, square or option is out of its
        range, `start` has windows of another size, no feature tells the classes apart, or there are
        fewer windows than `fewest_negatives` to begin with.

    Notes
    -----
    Friedman, Hastie and Tibshirani, Additive logistic regression (2000): each tree is fitted to
    labels of +1 and -1 by weighted least squares, and a leaf is sum(w y) / sum(w). A split sends
    left a beginning of the LBP codes sorted by mean response; a code that no sample has counts as
    0. Positives and negatives weigh the same. Positives that a stage rejects leave the training.

    Memory: one byte for each feature and sample (84 MB for 24 x 24 pixels and 9900 samples).
    """

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
    def __call__(
        self, patches: npt.NDArray[np.float32], *, threads: int = 0
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return P and the mean of O of every patch; patches do not affect each other.

        Parameters
        ----------
        patches : ndarray of float32, shape (patch, row, column)
            With mean 0 and variance 1. Rows and columns are multiples of 2^(stages - 1).
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
            If rows or columns are not such multiples, or a value is not finite.
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
