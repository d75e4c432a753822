"""Many studies side by side: threads read, measure and write one study each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from lvvol.cohort.item import Item
from lvvol.cohort.measure import Done, Settings, measure_item
from lvvol.cohort.record import FAILED
from lvvol.errors import OutputError
from lvvol.model import Model


@dataclass
class Tally:
    """How far a run is.

    Parameters
    ----------
    total : int
        Studies to do.
    earlier : int
        Of those done, finished by earlier runs.
    by_status : Counter
        Of those done, by status.
    sharing : Counter
        Of those done, how many studies lie in each place that holds several.
    """

    total: int
    earlier: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    sharing: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """Studies done."""
        return self.by_status.total()

    @property
    def failed(self) -> int:
        """Studies that cannot be measured."""
        return self.by_status[FAILED]

    def add(self, done: Sequence[Done]) -> None:
        """Count what one item became: a place of several studies counts as so many."""
        self.total += len(done) - 1
        for one in done:
            self.by_status[one.record.status] += 1
            self.earlier += one.earlier
            if one.record.part:
                self.sharing[one.record.study] += 1


def run(
    items: Sequence[Item],
    out: Path,
    settings: Settings,
    model: Model,
    *,
    redo: bool = False,
    threads: int = 0,
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Measure studies and write a folder for each.

    Whole studies run side by side, each in one thread: the core releases Python's lock, so one is
    read while others are measured. As many are in memory as there are threads, however many there
    are in all.

    Parameters
    ----------
    items : sequence of Item
        From `name_items`.
    out : Path
        Folder of the results.
    settings : Settings
        How they are measured and written.
    model : Model
        The model.
    redo : bool
        Measure again what is finished.
    threads : int
        How many cores to use; 0 for all.
    progress : callable, optional
        Called in this thread after each study.

    Returns
    -------
    Tally
        Of all studies.

    Raises
    ------
    OutputError
        If a record cannot be written, as on a full disk; what is finished is kept.
    """
    tally = Tally(len(items))
    cores = threads or _cores()
    # One more than cores: a study that waits for the disk leaves its core to another.
    workers = min(cores + (cores > 1), max(1, len(items)))
    waiting: set[Future[list[Done]]] = set()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="study")
    try:
        for item in items:
            waiting.add(pool.submit(measure_item, item, out, settings, model, redo=redo))
            if len(waiting) >= 2 * workers:
                waiting = _collect(waiting, tally, progress)
        while waiting:
            waiting = _collect(waiting, tally, progress)
    finally:
        # After an error or Ctrl-C the studies at work end first, so that none is half written.
        pool.shutdown(cancel_futures=True)
    return tally


def _collect(
    waiting: set[Future[list[Done]]], tally: Tally, progress: Callable[[Tally], None] | None
) -> set[Future[list[Done]]]:
    """Wait for a study and count what is done."""
    done, left = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        try:
            tally.add(future.result())
        except OutputError as error:
            raise OutputError(
                f"{error}; stopped after {tally.done} of {tally.total} studies, which are kept: "
                "make space and run the same command again"
            ) from error
        if progress is not None:
            progress(tally)
    return left


def _cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
