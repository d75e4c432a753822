"""Lines for people: numbers, lists, and nothing that a terminal would take for a command."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import TextWrapper


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
