"""What the pixels of images hold: the magnitude of one contrast, or something that is no cine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Literal

from lvvol.dicom.files.image import Image

Signal = Literal["magnitude", "phase", "real", "imaginary", "map"]

# By the third value of Image Type, or by Complex Image Component.
_SIGNALS: dict[str, Signal] = {
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "VELOCITY", "VELOCITY MAP"), "phase"),
    **dict.fromkeys(("R", "REAL"), "real"),
    **dict.fromkeys(("I", "IMAGINARY"), "imaginary"),
}
_NOT_MAGNITUDE: dict[Signal, str] = {
    "phase": "it is a phase map, not a magnitude image",
    "real": "it shows the real part of the signal, not its magnitude",
    "imaginary": "it shows the imaginary part of the signal, not its magnitude",
    "map": "its pixels are a computed map, not a magnitude image",
}
# Values of Image Type after the second.
_DIFFUSION = {"DIFFUSION", "ADC", "EADC", "FA", "TRACEW", "TENSOR"}
_DYNAMICS = {"PERFUSION": "first-pass", "FMRI": "functional MRI", "ASL": "perfusion"}
_HEAD = {"BRAIN", "HEAD", "HEADNECK", "SKULL", "ORBIT", "PITUITARY", "IAC"}

# Echoes of one excitation are at least 0.5 ms apart; those of one scan differ by rounding.
_SAME_ECHO_MS = 0.3
_SAME_INVERSION_MS = 4.0
_SAME_B_VALUE = 1.0
_CONTRASTS: tuple[tuple[Callable[[Image], float | None], float], ...] = (
    (lambda i: i.echo_ms, _SAME_ECHO_MS),
    (lambda i: i.inversion_ms, _SAME_INVERSION_MS),
    (lambda i: i.b_value, _SAME_B_VALUE),
)


def signal_of(image: Image) -> Signal:
    """Return which part of the complex signal the pixels of an image hold.

    Parameters
    ----------
    image : Image
        Any image.

    Returns
    -------
    str
        ``"magnitude"`` unless the header says otherwise; ``"map"`` for computed values such as T1.
    """
    found = _SIGNALS.get(image.component) or _SIGNALS.get(image.component.partition("_")[0])
    if found is None and any(value.endswith("MAP") for value in image.image_type[2:]):
        return "map"
    return found or "magnitude"


def diffusion_series(images: Iterable[Image]) -> set[tuple[object, ...]]:
    """Return the keys of the series with diffusion images, of which some may have a b-value of 0.

    Parameters
    ----------
    images : iterable of Image
        All images of a study.

    Returns
    -------
    set of tuple
        Keys as in `Image.series`.
    """
    return {
        image.series
        for image in images
        if (image.b_value or 0.0) > 0.0 or not _DIFFUSION.isdisjoint(image.image_type[2:])
    }


def why_not_cine(image: Image, diffusion: set[tuple[object, ...]]) -> str:
    """Return why an image cannot be part of a cardiac cine, whatever its time.

    Parameters
    ----------
    image : Image
        Any image.
    diffusion : set of tuple
        Series as from `diffusion_series`.

    Returns
    -------
    str
        A clause about "it"; empty if it can.
    """
    signal = signal_of(image)
    if signal != "magnitude":
        return _NOT_MAGNITUDE[signal]
    if image.series in diffusion:
        return "it is a diffusion series, not a cine"
    for value, name in _DYNAMICS.items():
        if value in image.image_type[2:]:
            return f"it is a {name} series (Image Type {value}), not a cine"
    if image.body_part in _HEAD:
        return f"it shows the {image.body_part.lower()}, not the heart (Body Part Examined)"
    return ""


def split_by_contrast(images: Sequence[Image]) -> list[list[Image]]:
    """Separate images of one plane that differ in echo time, inversion time or b-value.

    Such images differ in contrast, not in time, so they are never phases of one cine.

    Parameters
    ----------
    images : sequence of Image
        Images of one plane and kind of pulse sequence.

    Returns
    -------
    list of list of Image
        Groups of one contrast.
    """
    groups = [list(images)]
    for value, tolerance in _CONTRASTS:
        groups = [part for group in groups for part in _split(group, value, tolerance)]
    return groups


def _split(
    images: list[Image], value: Callable[[Image], float | None], tolerance: float
) -> list[list[Image]]:
    """Split images where the sorted values of an attribute are further apart than `tolerance`."""
    known = sorted({v for image in images if (v := value(image))})
    limits = [(a + b) / 2 for a, b in pairwise(known) if b - a > tolerance]
    if not limits:
        return [images]  # missing values and zeros are unknown, not another contrast
    parts: dict[object, list[Image]] = defaultdict(list)
    for image in images:
        v = value(image)
        parts[sum(limit < v for limit in limits) if v else None].append(image)
    return list(parts.values())
