"""Progress bars on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # NumPy would slow `--help`
    from lvvol.typing import Progress


@contextmanager
def progress_bars(wanted: bool = True) -> Iterator[Progress | None]:
    """Draw one bar per stage on stderr, if that is a terminal.

    Parameters
    ----------
    wanted : bool
        False for no bars at all.

    Yields
    ------
    callable or None
        Takes the stage's name, the steps done and their total; a new name starts a new bar. None
        where stderr is not a terminal, so that logs hold no bars.
    """
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as open_bar:
        stage = ""
        bar: Any = None  # click keeps the bar's type private

        def show(name: str, done: int, total: int) -> None:
            nonlocal stage, bar
            if name != stage:
                open_bar.close()
                bar = open_bar.enter_context(
                    click.progressbar(
                        length=max(total, 1), label=f"{name:<10}", file=sys.stderr, show_pos=True
                    )
                )
                stage = name
            bar.update(done - bar.pos)

        yield show


def print_line(line: str) -> None:
    """Print a line on stderr, above the bar if there is one."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(line, err=True)
