"""The bar over many studies: how many, how fast, how long still, how many to look at."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

    from lvvol.cohort.run import Tally


@contextmanager
def bar(total: int) -> Iterator[Callable[[Tally], None] | None]:
    """Draw a bar on stderr, if that is a terminal.

    Parameters
    ----------
    total : int
        Number of studies.

    Yields
    ------
    callable or None
        Takes the `Tally` after each study; None where stderr is not a terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Studies an hour, of the last ones."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{3600 * speed:.0f}/h")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("studies", total=total, counts="")

        def show(tally: Tally) -> None:
            counts = f"{tally.by_status['review']} review, {tally.failed} failed"
            shown.update(task, completed=tally.done, total=tally.total, counts=counts)

        yield show
