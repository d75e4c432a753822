"""Cascades in the XML of opencv_traincascade (BOOST, LBP)."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lvvol._core import Cascade, CascadeFormatError
from lvvol.cascade.xml import MAX_BYTES, Element, quoted, read_xml
from lvvol.output import write_file
from lvvol.typing import Float32, StrPath

_Number = TypeVar("_Number", int, float)

_NODE_NUMBERS = 11  # left, right, feature and eight words of a set of codes
_LARGEST_REAL = float(np.finfo(np.float32).max)
# Python's int and float take more than these files may hold: 1_000, nan, Arabic digits.
_INTEGER_CHARACTERS = re.compile(r"[-0-9 \t\r\n]*")
_REAL_CHARACTERS = re.compile(r"[-+.eE0-9 \t\r\n]*")


def read_cascade(source: StrPath | bytes) -> Cascade:
    """Read a boosted LBP cascade in the form opencv_traincascade writes.

    Parameters
    ----------
    source : str, path-like or bytes
        A file, or its content: at most 32 MiB of XML in UTF-8. Document types, entities, character
        references, CDATA and processing instructions are refused; unknown elements are skipped.

    Returns
    -------
    Cascade

    Raises
    ------
    CascadeFormatError
        If this is not such a cascade, exceeds a limit, or is unsound: a feature outside the window,
        an index out of range, a number that is not finite. A ValueError whose message names the
        line or the part of the cascade.
    OSError
        If the file cannot be read.
    TypeError
        If `source` is neither a path nor bytes.

    Examples
    --------
    >>> read_cascade(b"<opencv_storage><cascade/></opencv_storage>")
    Traceback (most recent call last):
    lvvol._core.CascadeFormatError: cascade: expected an element stageType, got none
    """
    if not isinstance(source, (bytes, str, os.PathLike)):
        raise TypeError(f"source: expected a path or bytes, got {type(source).__name__}")
    if not isinstance(source, bytes):
        with Path(source).open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    name, content = read_xml(source)
    try:
        if name != "opencv_storage" or not isinstance(content, list):
            raise _UnsoundError("opencv_storage with a cascade", quoted(name), "XML")
        # OpenCV takes the first element, whatever its name.
        return _cascade(("cascade", content[0][1]))
    except _UnsoundError as problem:
        raise CascadeFormatError(str(problem)) from None


def cascade_to_xml(cascade: Cascade) -> bytes:
    """Write a cascade in the form that OpenCV 4 reads.

    Parameters
    ----------
    cascade : Cascade

    Returns
    -------
    bytes
        Content of a file. `read_cascade` returns an equal cascade: every bit of a float is kept.
    """
    (rows, columns), features, stage_sizes, thresholds, tree_sizes, nodes, leaves = (
        cascade.to_arrays()
    )
    trees = list(_trees(tree_sizes.tolist(), nodes, leaves))
    lines = [
        '<?xml version="1.0"?>\n<opencv_storage>\n<cascade type_id="opencv-cascade-classifier">',
        "  <stageType>BOOST</stageType>\n  <featureType>LBP</featureType>",
        f"  <height>{rows}</height>\n  <width>{columns}</width>",
        f"  <stageParams>\n    <maxDepth>{max(depth for depth, _ in trees)}</maxDepth>",
        f"    <maxWeakCount>{stage_sizes.max()}</maxWeakCount></stageParams>",
        "  <featureParams>\n    <maxCatCount>256</maxCatCount></featureParams>",
        f"  <stageNum>{len(stage_sizes)}</stageNum>\n  <stages>",
    ]
    first = 0
    for stage, (size, threshold) in enumerate(
        zip(stage_sizes.tolist(), thresholds.tolist(), strict=True)
    ):
        lines += [
            f"    <!-- stage {stage} -->\n    <_>\n      <maxWeakCount>{size}</maxWeakCount>",
            f"      <stageThreshold>{_real_text(threshold)}</stageThreshold>",
            "      <weakClassifiers>",
            *(text for _, text in trees[first : first + size]),
            "      </weakClassifiers></_>",
        ]
        first += size
    lines.append("  </stages>\n  <features>")
    for rect in features.tolist():
        lines.append(f"    <_>\n      <rect>\n        {_joined(rect)}</rect></_>")
    lines.append("  </features></cascade>\n</opencv_storage>\n")
    return "\n".join(lines).encode()


def write_cascade(cascade: Cascade, path: StrPath) -> None:
    """Write a cascade to a file that OpenCV 4 and `read_cascade` read.

    Parameters
    ----------
    cascade : Cascade
        Any cascade.
    path : str or path-like
        Replaced if it exists; written whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_file(Path(path), cascade_to_xml(cascade))


class _UnsoundError(Exception):
    """What was expected, what came, and where: each list's loop adds its part of the place."""

    def __init__(self, expected: str, got: object, place: str = "") -> None:
        self.places = [place] if place else []
        self.message = f"expected {expected}, got {got}"

    def __str__(self) -> str:
        return f"{', '.join(self.places)}: {self.message}"


def _cascade(root: Element) -> Cascade:
    _must_be(_child(root, "stageType"), "BOOST")
    _must_be(_child(root, "featureType"), "LBP")
    _must_be(_child(_child(root, "featureParams"), "maxCatCount"), "256")
    window_size = _integer(_child(root, "height")), _integer(_child(root, "width"))
    stage_sizes, tree_sizes, nodes, features = array("i"), array("i"), array("i"), array("i")
    thresholds, leaves = array("f"), array("f")
    for s, stage in enumerate(_items(_child(root, "stages"))):
        try:
            thresholds.append(_real(_child(stage, "stageThreshold")))
            trees = _items(_child(stage, "weakClassifiers"))
            stage_sizes.append(len(trees))
            for t, tree in enumerate(trees):
                try:
                    tree_sizes.append(_read_tree(tree, nodes, leaves))
                except _UnsoundError as problem:
                    problem.places.insert(0, f"tree {t}")
                    raise
        except _UnsoundError as problem:
            problem.places.insert(0, f"stage {s}")
            raise
    for f, feature in enumerate(_items(_child(root, "features"))):
        try:
            numbers = _integers(_child(feature, "rect"))
            if len(numbers) != 4:
                raise _UnsoundError("four numbers", len(numbers), "rect")
        except _UnsoundError as problem:
            problem.places.insert(0, f"feature {f}")
            raise
        features += numbers
    return Cascade.from_arrays(
        window_size,
        np.array(features, dtype=np.int32).reshape(-1, 4),
        np.array(stage_sizes, dtype=np.int32),
        np.array(thresholds, dtype=np.float32),
        np.array(tree_sizes, dtype=np.int32),
        np.array(nodes, dtype=np.int32).reshape(-1, _NODE_NUMBERS),
        np.array(leaves, dtype=np.float32),
    )


def _read_tree(tree: Element, nodes: array[int], leaves: array[float]) -> int:
    """Add a tree's nodes and leaves, of which it has one more; return the number of nodes."""
    numbers = _integers(_child(tree, "internalNodes"))
    size, rest = divmod(len(numbers), _NODE_NUMBERS)
    if rest or not size:
        raise _UnsoundError(
            f"{_NODE_NUMBERS} numbers for each node", f"{len(numbers)} numbers", "internalNodes"
        )
    values = _reals(_child(tree, "leafValues"))
    if len(values) != size + 1:
        raise _UnsoundError(str(size + 1), len(values), "leaves")
    nodes += numbers
    leaves += values
    return size


def _children(element: Element) -> list[Element]:
    return element[1] if isinstance(element[1], list) else []


def _text(element: Element) -> str:
    return element[1] if isinstance(element[1], str) else ""


def _child(parent: Element, name: str) -> Element:
    found = [child for child in _children(parent) if child[0] == name]
    if len(found) == 1:
        return found[0]
    place = "" if parent[0] == "_" else parent[0]
    expected = f"one {name}" if found else f"an element {name}"
    raise _UnsoundError(expected, len(found) or "none", place)


def _items(parent: Element) -> list[Element]:
    items = _children(parent)
    for name, _ in items:
        if name != "_":
            raise _UnsoundError("a list of <_>", quoted(name), parent[0])
    return items


def _must_be(element: Element, expected: str) -> None:
    if _text(element) != expected:
        raise _UnsoundError(expected, quoted(_text(element)), element[0])


def _integers(element: Element) -> array[int]:
    return _numbers(element, _to_integers, "whole numbers of 32 bits")


def _integer(element: Element) -> int:
    return _single(_integers(element), element)


def _reals(element: Element) -> array[float]:
    return _numbers(element, _to_reals, "numbers")


def _real(element: Element) -> float:
    return _single(_reals(element), element)


def _single(numbers: array[_Number], element: Element) -> _Number:
    if len(numbers) != 1:
        raise _UnsoundError("one number", len(numbers), element[0])
    return numbers[0]


def _numbers(
    element: Element, convert: Callable[[str], array[_Number]], expected: str
) -> array[_Number]:
    text = _text(element)
    try:
        return convert(text)
    except (OverflowError, ValueError):
        bad = next((word for word in text.split() if not _converts(convert, word)), text)
        raise _UnsoundError(expected, quoted(bad), element[0]) from None


def _to_integers(text: str) -> array[int]:
    if not _INTEGER_CHARACTERS.fullmatch(text):
        raise ValueError
    return array("i", map(int, text.split()))


def _to_reals(text: str) -> array[float]:
    """Read numbers in double precision, then round them to single, as OpenCV does."""
    if not _REAL_CHARACTERS.fullmatch(text):
        raise ValueError
    numbers = list(map(float, text.split()))
    if numbers and not -_LARGEST_REAL <= min(numbers) <= max(numbers) <= _LARGEST_REAL:
        raise OverflowError
    return array("f", numbers)


def _converts(convert: Callable[[str], object], word: str) -> bool:
    try:
        convert(word)
    except (OverflowError, ValueError):
        return False
    return True


def _trees(
    sizes: list[int], nodes: npt.NDArray[np.int32], leaves: Float32
) -> Iterator[tuple[int, str]]:
    """Yield each tree's depth, the most nodes from its root to a leaf, and its text."""
    rows, reals = nodes.tolist(), leaves.tolist()
    node = leaf = 0
    for size in sizes:
        depths = [1] * size
        text = "        <_>\n          <internalNodes>"
        for i, row in enumerate(rows[node : node + size]):
            for target in row[:2]:
                if target > 0:  # a later node
                    depths[target] = depths[i] + 1
            text += f"\n            {_joined(row)}"
        text += "</internalNodes>\n          <leafValues>\n            "
        text += " ".join(map(_real_text, reals[leaf : leaf + size + 1]))
        yield max(depths), text + "</leafValues></_>"
        node += size
        leaf += size + 1


def _joined(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def _real_text(number: float) -> str:
    """Every bit of the number, with a point or an exponent, so that it is read as a real."""
    text = f"{number:.17g}"
    return text if "." in text or "e" in text else f"{text}."
