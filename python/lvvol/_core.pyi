"""The compiled core: geometry, resampling, windows, contours, cascades, networks: see src/lvcore.

Arrays are taken as they stand, never converted: another dtype raises TypeError, other dimensions or
a layout that is not C-contiguous ValueError. Pixels are not checked for NaN. The global interpreter
lock is released while a function computes. `threads` is the largest number of threads used, 0 for
one a hardware thread, at most 1024; results are the same, bit for bit, for every number.
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
    """Planes do not lie as an operation needs them, or an affine spans no plane."""

def plane_map(
    source_affine: npt.NDArray[np.float64], target_affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Map pixel indices of the target plane to pixel indices of the source plane.

    A point off the source plane is projected onto it along its normal.

    Parameters
    ----------
    source_affine, target_affine : ndarray of float64, shape (4, 4)
        Each maps (row, column, k, 1) to patient LPS mm, as in `CineStack`; the third column plays
        no part.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Maps target (row, column, 1) to source (row, column); pixel centres have whole indices.

    Raises
    ------
    GeometryError
        If the planes are more than 2 degrees from parallel, or an affine is not finite, does not
        end in 0 0 0 1, or spans no plane.
    """

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
    """Resample planes under affine maps of their pixel indices.

    Parameters
    ----------
    images : ndarray of float32, uint8, uint16 or int16, shape (image, row, column)
        Planes to read from.
    matrices : ndarray of float64, shape (n, 2, 3)
        Each maps output (row, column, 1) to input (row, column); pixel centres have whole indices.
    shape : (int, int)
        Rows and columns of an output.
    sources : ndarray of int64, shape (n,), optional
        The image that each output reads; by default output n reads image n.
    edge : {"zero", "nearest"}
        What an output is where it reaches beyond its image, whose pixels cover half a pixel more
        than their centres span. "zero": 0 where its centre lies off the image, and elsewhere made
        of the image's pixels alone, so that no edge is darkened. "nearest": as if the edge pixels
        were repeated for ever.
    out : ndarray of float32, shape (n, row, column), optional
        Filled and returned; apart from `images` in memory.
    threads : int
        Largest number of threads; 0 for one a hardware thread.

    Returns
    -------
    ndarray of float32, shape (n, row, column)

    Raises
    ------
    ValueError
        If an element of `matrices` is not finite, its step between output pixels is above 4096
        input pixels along the axes or 64 with rotation or shear, or `out` is read-only, of another
        shape, or overlaps `images`.
    IndexError
        If a source is not an image.

    Notes
    -----
    Interpolation is linear. Where a map shrinks, it averages with a triangle filter as wide as the
    step. Along the axes, flips and quarter turns included, the filter is separable, as in an
    antialiased bilinear resize, and maps of pixel centres to pixel centres are exact. With rotation
    or shear an output pixel is the mean of linear samples at the offsets (1 - s)/s ... (s - 1)/s
    along each of its axes, s = ceil(step), with triangle weights.

    Successive outputs under equal matrices cost less: where they come from is worked out once.
    """

def propose_windows(
    square: npt.NDArray[np.float64],
    *,
    factors: Sequence[float] = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1),
    moves: int = 5,
    reach: float = 0.2,
    smallest_side: float = 0.0,
    inside: tuple[int, int] | None = None,
) -> npt.NDArray[np.float64]:
    """Propose square windows around one: every side at every move of the centre.

    Parameters
    ----------
    square : ndarray of float64, shape (3,)
        Top edge, left edge and side in pixel-edge coordinates, as in `extract_windows`.
    factors : sequence of float
        Sides of the windows, in the square's sides; at most 1000.
    moves : int
        Places of the centre along each axis, 1 to 1000, evenly from `-reach` to `reach`; 1 is the
        square's own.
    reach : float
        Farthest move of the centre along an axis, in the square's sides.
    smallest_side : float
        No side is below this, in pixels, unless the square's own is: then none is below that.
    inside : (int, int), optional
        Rows and columns of an image that windows must lie in, up to 1e-9 pixels: others are left
        out. By default all stay, and `extract_windows` pads by its `edge`.

    Returns
    -------
    ndarray of float64, shape (window, 3)
        Top edge, left edge and side: ``len(factors) * moves ** 2`` windows, less those left out. By
        factor as given, then from top to bottom, then from left to right.

    Raises
    ------
    ValueError
        If the square, a factor, `moves`, `reach` or `smallest_side` is not finite or out of its
        range, `inside` is negative, or there would be more than 1,000,000 windows.
    """

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
    """Cut square windows out of a cine stack, resized and normalised.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Images of a `CineStack`.
    slices : ndarray of int64, shape (window,)
        Slice of each window.
    squares : ndarray of float64, shape (window, 3)
        Top edge, left edge and side in pixel-edge coordinates: pixel i covers [i, i + 1), so
        (0, 0, 25) is pixels 0 to 24.
    phases : ndarray of int64, shape (phase,) or (window, phase)
        Phases cut out, for all windows or for each.
    size : int
        Rows and columns of an extracted window, 1 to 4096.
    normalise : {"none", "mean", "mean_std"}
        "mean" takes off the mean over all phases of the window. "mean_std" brings each phase on its
        own to mean 0 and variance 1; its standard deviation counts as at least
        max(1e-6, 1e-5 |mean|), so a flat patch becomes 0.
    edge : {"zero", "nearest"}
        What an output pixel is where it reaches beyond its image, as in `resample`.
    out : ndarray of float32 or float16, shape (window, phase, size, size), optional
        Filled and returned; apart from the other arrays in memory. float16 is rounded to nearest,
        ties to even, after normalising; from 65520 on it is infinite.
    threads : int
        Largest number of threads; 0 for one a hardware thread.

    Returns
    -------
    ndarray of float32, shape (window, phase, size, size)
        Or `out`.

    Raises
    ------
    ValueError
        If a square is not finite, or its side is not above 0 and at most 4096 times `size`, or
        `out` is read-only, of another shape, or overlaps an array that is read.
    IndexError
        If a slice or phase is not in the stack.

    Notes
    -----
    A window that grows is interpolated bilinearly, one that shrinks is averaged with the triangle
    filter of `resample`, which reaches past the window's edges into the image around it.
    """

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
    """Return the share of each pixel that a polygon covers.

    Parameters
    ----------
    points : ndarray of float64, shape (point, 2)
        (row, column) in pixel-edge coordinates: pixel i covers [i, i + 1). The last point joins the
        first; at least three, none beyond 1e7 pixels.
    shape : (int, int)
        Rows and columns of the result; what lies outside is cut off.

    Returns
    -------
    ndarray of float32, shape (row, column)
        Areas from 0 to 1, exact in either orientation if the polygon does not cross itself.
        Otherwise a part counts as often as the contour winds round it, parts wound in opposite
        directions cancel within a pixel, and sums are cut at 1.

    Raises
    ------
    ValueError
        If there are fewer than three points, or a coordinate is not finite or beyond 1e7.
    """

class CascadeFormatError(ValueError):
    """A cascade, or a file of one, is not sound."""

class Cascade:
    """A boosted cascade of trees over multi-block local binary patterns (LBP).

    It never changes. Two cascades are equal where every number is.

    Notes
    -----
    Zhang et al., Face detection based on multi-block LBP representation (2007). A pattern is 3 x 3
    blocks; its code has a bit for each outer block that is at least as bright as the one in the
    middle. A tree asks whether codes are in a set; a window passes a stage where the leaves of its
    trees sum to the stage's threshold or more, less 1e-5 as in OpenCV.
    """

    def __init__(self, *args: Never, **kwargs: Never) -> None:
        """Cascades are read or trained, not built; raises TypeError."""

    @staticmethod
    def from_xml(xml: bytes) -> Cascade:
        """Read a cascade in the form opencv_traincascade writes (BOOST, LBP).

        Parameters
        ----------
        xml : bytes
            The file's content, at most 32 MiB. XML is read strictly: entities, document types,
            CDATA and processing instructions are refused.

        Returns
        -------
        Cascade

        Raises
        ------
        CascadeFormatError
            If the text is no such cascade, is beyond a limit, or what it says is not sound: a
            feature outside the window, an index of nothing, a number that is not finite. The
            message tells the line or the place.
        """

    def to_xml(self) -> bytes:
        """Write the cascade in that form; OpenCV 4 reads it, and `from_xml` gives an equal one.

        Returns
        -------
        bytes
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
    """HFCN for inference on a CPU; never changes.

    Convolutions have stride 1, keep the size of their map and are followed by ReLU, except for
    `likelihood` and the last of `area`. Batch normalisation must be folded into them.

    Parameters
    ----------
    stages : list of list of layer
        Convolutions of each stage. A layer is a weight, ndarray of float32, shape (channel out,
        channel in, kernel, kernel) with an odd kernel, and a bias, ndarray of float32, shape
        (channel out,).
    heads : list of layer
        For each stage, the 1 x 1 convolution that gives its share of the hypercolumn; all of the
        same width.
    between : list of layer
        Convolutions from the hypercolumn to P; may be empty.
    likelihood : layer
        To the two logits of P.
    area : list of layer
        From the hypercolumn, `between` and P, in this order, to O: a 1 x 1 convolution, or a
        convolution before it too.
    upsampling : {"nearest", "bilinear"}
        How heads are brought to the size of the patch; bilinear has pixel edges aligned.
    instructions : {"auto", "portable", "avx2", "avx512"}
        What of the processor is used; the best it has by default. Results are the same, bit for
        bit, with AVX2 and AVX-512, and equal to rounding with others.

    Raises
    ------
    ValueError
        If a layer has another shape, does not fit to the one before or is missing, a weight is not
        finite, or the processor lacks the instructions.

    Notes
    -----
    Liao et al. 2017, III-F. Sums are taken in float32, tap by tap and channel by channel.
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
        """Return P and the mean of O of every patch, each computed apart from the others.

        Parameters
        ----------
        patches : ndarray of float32, shape (patch, row, column)
            Of mean 0 and variance 1. Rows and columns are a multiple of two to the number of stages
            less one.
        threads : int
            Largest number of threads; 0 for one a hardware thread.

        Returns
        -------
        likelihood : ndarray of float32, shape (patch, row, column)
            P of the LV cavity, 0 to 1.
        fractions : ndarray of float64, shape (patch,)
            Mean of O: the share of the patch that is LV cavity (paper eq. 7). It is a regression
            and may stray a little below 0.

        Raises
        ------
        ValueError
            If rows or columns are others, or a value is not finite.
        """

class RoiClassifier:
    """The ROI classifier for inference on a CPU; never changes.

    Parameters
    ----------
    convolutions : list of layer
        As in `Hfcn`, each with ReLU; 2 x 2 max pooling follows all but the last, which is averaged.
    linear : layer
        From the channels' means to two logits: a weight, ndarray of float32, shape (2, channel),
        and a bias, ndarray of float32, shape (2,).
    size : int
        Rows and columns of a window.
    instructions : {"auto", "portable", "avx2", "avx512"}
        As in `Hfcn`.

    Raises
    ------
    ValueError
        As `Hfcn`; or if pooling leaves nothing of a window.

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
        """Return the probability of every window being the LV's square.

        Parameters
        ----------
        windows : ndarray of float32, shape (window, phase, size, size)
            With their mean over all phases subtracted.
        threads : int
            Largest number of threads; 0 for one a hardware thread.

        Returns
        -------
        ndarray of float64, shape (window,)
            0 to 1.

        Raises
        ------
        ValueError
            If phases or size are others, or a value is not finite.
        """
