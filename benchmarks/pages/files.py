"""Result files as pages read them, and what they must be measured with."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

_BLOCK = re.compile(r"(<!-- make \w+: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class MissingFigureError(Exception):
    """A result file, or a figure in it, that a page quotes and that is not there."""


def read_results(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Read ``results/<name>.json``.

    Parameters
    ----------
    name : str
        Name of the file, such as ``accuracy`` or ``claims/alternate-1``.
    folder : Path, optional
        Where result files are; the committed ones by default.

    Raises
    ------
    MissingFigureError
        If there is no such file.
    """
    path = (folder or machine.RESULTS) / f"{name}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise MissingFigureError(f"{path}: expected a result file, got {error.strerror}") from error
    return found


def figure(results: Any, path: str) -> Any:
    """Return one value of a result file.

    Parameters
    ----------
    results : dict or list
        The file's content.
    path : str
        Keys joined by slashes; numbers count in lists.

    Raises
    ------
    MissingFigureError
        If the path leads nowhere.

    Examples
    --------
    >>> figure({"coverage": {"0.9": [57, 62]}}, "coverage/0.9/1")
    62
    """
    at = results
    for key in path.split("/"):
        try:
            at = at[int(key)] if isinstance(at, list) else at[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise MissingFigureError(f"{path}: expected a figure, got nothing at {key}") from error
    return at


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown.

    Examples
    --------
    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else f"| {' | '.join(line)} |"
        for line in lines
    )


def filled(text: str, written: dict[str, str]) -> str:
    """Return the page with every block written anew.

    Raises
    ------
    ValueError
        If a block of the page has no content here, or content has no block.

    Examples
    --------
    >>> filled("<!-- make results: some -->\\nold\\n<!-- end -->", {"some": "new"})
    '<!-- make results: some -->\\nnew\\n<!-- end -->'
    """
    found = {match[2] for match in _BLOCK.finditer(text)}
    if found != written.keys():
        raise ValueError(f"expected the blocks {sorted(written)}, got {sorted(found)}")
    return _BLOCK.sub(lambda match: f"{match[1]}{written[match[2]]}\n{match[3]}", text)
