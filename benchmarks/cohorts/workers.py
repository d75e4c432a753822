"""Many small phantoms on one Dask worker and on two, alternately.

``python -m benchmarks.cohorts.workers`` measures 60 studies, three times on each cluster, and
writes ``results/workers.json``; ``--studies`` and ``--repeats`` ask for others. Workers are
processes on this machine with one thread each. Their start and the loading of the model, which
happens once, are part of no figure.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from distributed import LocalCluster

from benchmarks import command
from benchmarks.cohorts.many import items_of, make_studies
from benchmarks.timing import times_ms
from lvvol.cohort.dask_run import Weights, run_on_dask
from lvvol.cohort.measure import Settings
from lvvol.model import load_model

WORKERS = (1, 2)


def main(*, studies: str = "60", repeats: str = "3") -> dict[str, Any]:
    """Measure on both clusters."""
    n = int(studies)
    weights = Weights.of(None, "none", load_model())
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lvvol-workers-")))
        make_studies(place / "studies", n)
        items = items_of(place / "studies", n)

        def run(cluster: LocalCluster, out: Path) -> None:
            shutil.rmtree(out, ignore_errors=True)
            tally = run_on_dask(items, out, Settings(), weights, cluster.scheduler_address)
            assert tally.done == n, tally

        ways: dict[int, Callable[[], None]] = {}
        for count in WORKERS:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count, threads_per_worker=1, dashboard_address=None, processes=True
                )
            )
            ways[count] = partial(run, cluster, place / f"out-{count}")
        # The first run loads the model into the workers.
        times = times_ms(ways, int(repeats))
    one, two = (times[count] for count in WORKERS)
    return {
        "studies": n,
        **{f"{count}_workers_s": (times[count] / 1000).summary("median") for count in WORKERS},
        "times_as_fast": (one / two).summary("median"),
    }


if __name__ == "__main__":
    command.run(main, __doc__, "--studies", "--repeats", results="workers")
