"""Text for people: numbers, lists, and no characters that control a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import TextWrapper
from typing import TYPE_CHECKING

from lvvol.status import Reason

if TYPE_CHECKING:  # errors are printed before NumPy is needed
    from lvvol.prediction import Interval
    from lvvol.quantities import Quantity


def one_line(text: str) -> str:
    r"""Return a text on one line without control characters.

    File names and headers may hold anything, including line breaks and terminal codes.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Its printable characters; each run of others becomes one space.

    Examples
    --------
    >>> one_line("cine\n\x1b[31m sax")
    'cine [31m sax'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, length: int) -> str:
    """Return `one_line` of a text, cut to a length with two dots at its end."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 2]}.."


def describe(reason: Reason) -> str:
    """Return the sentence of a reason, then its code."""
    return f"{reason.sentence} [{reason.code}]"


def format_number(value: float) -> str:
    """Return a number with one decimal; a dash if it is not finite."""
    return f"{value:.1f}" if math.isfinite(value) else "-"


def format_interval(interval: Interval | None) -> str:
    """Return an interval in whole numbers, in brackets; nothing where there is none."""
    if interval is None:
        return ""
    return f"({interval[0]:.0f}\N{EN DASH}{interval[1]:.0f})"


def format_quantity(quantity: Quantity) -> str:
    """Return a quantity's value with its unit and interval."""
    shown = f"{format_number(quantity.value)} {quantity.unit} {format_interval(quantity.interval)}"
    return shown.rstrip()


def listed(items: Iterable[str], width: int) -> list[str]:
    """Return the lines of a list, each item cleaned by `one_line` and wrapped.

    Parameters
    ----------
    items : iterable of str
        Each gets a dash.
    width : int
        Largest number of characters per line.
    """
    wrap = TextWrapper(
        width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )
    return [line for item in items for line in wrap.wrap(one_line(item))]
