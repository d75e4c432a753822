"""Lines for people: numbers, lists, and nothing that a terminal would take for a command."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import TextWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvvol.cine import CineStack


def one_line(text: str) -> str:
    r"""Return a text on one line without control characters.

    File names and headers may hold anything, line breaks and terminal codes too.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Its printable characters, runs of all others as one space.

    Examples
    --------
    >>> one_line("cine\n\x1b[31m sax")
    'cine [31m sax'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, length: int) -> str:
    """Return `one_line` of a text, its end replaced by two dots where it is longer than allowed."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 2]}.."


def format_number(value: float) -> str:
    """Return a number with one decimal, and a dash where it is not defined."""
    return f"{value:.1f}" if math.isfinite(value) else "-"


def listed(items: Iterable[str], width: int) -> list[str]:
    """Return the lines of a list, each item wrapped and made one line by `one_line`.

    Parameters
    ----------
    items : iterable of str
        One dash each.
    width : int
        Characters that a line may have.
    """
    wrap = TextWrapper(
        width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )
    return [line for item in items for line in wrap.wrap(one_line(item))]


def describe_stack(stack: CineStack) -> str:
    """Say in one line what a stack holds.

    Parameters
    ----------
    stack : CineStack
        The study as read.

    Returns
    -------
    str
        Slices and the distances between them, phases, and pixels.
    """
    rows, columns = stack.images.shape[2:]
    gaps = sorted({round(gap, 1) for gap in stack.slice_gaps_mm.tolist()})
    apart = f"{gaps[0]:.1f}" if len(gaps) == 1 else f"{gaps[0]:.1f} to {gaps[-1]:.1f}"
    between_rows, between_columns = stack.pixel_spacing_mm
    return (
        f"{stack.n_slices} slices {apart} mm apart, {stack.n_phases} phases, "
        f"{rows} x {columns} pixels of {between_rows:.2f} x {between_columns:.2f} mm"
    )
