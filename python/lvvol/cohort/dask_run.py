"""Many studies on the workers of a Dask cluster; results are files that all of them reach."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvvol.cohort.item import Item
from lvvol.cohort.measure import Done, Settings, failed, measure_item
from lvvol.cohort.record import write_record
from lvvol.cohort.run import Tally
from lvvol.errors import EngineError, LvvolError, OutputError, needs_extra
from lvvol.model import CALIBRATIONS, Model, files_of, load_model
from lvvol.typing import StrPath

with needs_extra("dask"):
    import distributed
    from distributed import Client, Future, KilledWorker, LocalCluster, WorkerPlugin

LOCAL, SLURM = "local", "slurm"
BATCH = 50
"""Studies a task: one takes a second or so, and the scheduler some milliseconds a task."""

_CALIBRATION = "calibration.json"
_PLUGIN = "lvvol"
_CONNECT_S = 30.0
# How many workers may die over one study; the death may be of another study's making.
_MOST_DEATHS = 3


@dataclass(frozen=True)
class Weights:
    """What workers load their model from: sent once to each.

    Parameters
    ----------
    sha256 : str
        Hash of the weights.
    files : mapping of str to bytes
        Content of each file; empty for the shipped weights, which every installation has.
    calibration : str
        Name of a calibration that ships; empty for the file among `files`.
    """

    sha256: str
    files: Mapping[str, bytes]
    calibration: str

    @classmethod
    def of(cls, weights: StrPath | None, calibration: str, model: Model) -> Weights:
        """Read the files of a model that is loaded already."""
        files = {} if weights is None else {p.name: p.read_bytes() for p in files_of(weights)}
        if calibration in CALIBRATIONS:
            return cls(model.weights_sha256, files, calibration)
        content = Path(calibration).read_bytes()
        return cls(model.weights_sha256, {**files, _CALIBRATION: content}, "")

    def load(self, folder: Path) -> Model:
        """Load the model; files pass through a folder of the worker's own."""
        for name, content in self.files.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        own = folder if set(self.files) - {_CALIBRATION} else None
        model = load_model(own, calibration=self.calibration or folder / _CALIBRATION)
        if model.weights_sha256 != self.sha256:
            raise EngineError(
                "a Dask worker has other shipped weights than this process: install the same "
                "lvvol on both"
            )
        return model


class Loaded(WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """Loads the model when a worker starts, also one that joins later.

    Parameters
    ----------
    weights : Weights
        What to load.
    """

    name = _PLUGIN

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.model: Model | None = None

    def setup(self, worker: Any) -> None:
        """Load the model into the worker."""
        self.model = self._weights.load(Path(worker.local_directory) / f"lvvol-{os.getpid()}")


def run_on_dask(
    items: Sequence[Item],
    out: Path,
    settings: Settings,
    weights: Weights,
    where: str,
    *,
    redo: bool = False,
    threads: int = 0,
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Measure studies on a Dask cluster; as `lvvol.cohort.run.run`.

    Each task measures a batch of studies one after the other and writes their results. A batch
    whose worker dies goes to another one, which finds what is finished. A study that kills every
    worker is at last tried alone, and recorded as failed.

    Parameters
    ----------
    items, out, settings, redo, progress
        As there; `out` must be the same folder for all workers.
    weights : Weights
        What to measure with.
    where : str
        ``local`` for processes on this machine, ``slurm`` for jobs as dask-jobqueue is configured,
        or the address of a scheduler.
    threads : int
        Processes for ``local``, jobs for ``slurm``; 0 for one a core, and one job.

    Returns
    -------
    Tally
        Of all studies.

    Raises
    ------
    EngineError
        If the scheduler cannot be reached or is lost, or workers do not see the folder.
    OutputError
        If a disk is full.
    MissingExtraError
        If Dask is not installed.
    """
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    tally = Tally(len(items))
    try:
        with _client(where, threads) as client:
            client.register_plugin(Loaded(weights), name=_PLUGIN)
            _check_shared(client, out)
            cores = max(1, sum(client.nthreads().values()))
            _submit_all(client, items, out, settings, redo, cores, tally, progress)
    except (OSError, TimeoutError, distributed.client.FutureCancelledError) as error:
        if isinstance(error, LvvolError):
            raise
        raise EngineError(
            f"{where}: the Dask scheduler was lost or cannot be reached ({error}); "
            f"{tally.done} of {tally.total} studies were reported done, and all that are finished "
            "are kept: run the same command again"
        ) from error
    return tally


def _submit_all(
    client: Client,
    items: Sequence[Item],
    out: Path,
    settings: Settings,
    redo: bool,
    cores: int,
    tally: Tally,
    progress: Callable[[Tally], None] | None,
) -> None:
    """Keep every core busy with a few batches in reserve, and no more in the scheduler."""
    size = min(BATCH, max(1, len(items) // (4 * cores)))
    batches = iter([items[i : i + size] for i in range(0, len(items), size)])
    of_future: dict[Future, Sequence[Item]] = {}
    running = distributed.as_completed()
    deaths: Counter[str] = Counter()

    def submit(batch: Sequence[Item] | None) -> None:
        if batch is not None:
            future = client.submit(measure_batch, batch, out, settings, redo, pure=False)
            of_future[future] = batch
            running.add(future)

    for _ in range(3 * cores):
        submit(next(batches, None))
    for future in running:
        batch = of_future.pop(future)
        try:
            results = future.result()
        except KilledWorker:
            lost = batch[0].id
            deaths[lost] += len(batch) == 1
            if deaths[lost] < _MOST_DEATHS:
                for item in batch:
                    submit([item])
                continue
            results = [[_lost(batch[0], out, settings)]]
        for done in results:
            tally.add(done)
            if progress is not None:
                progress(tally)
        submit(next(batches, None))


def measure_batch(
    batch: Sequence[Item], out: Path, settings: Settings, redo: bool
) -> list[list[Done]]:
    """Measure a batch in a worker."""
    model = distributed.get_worker().plugins[_PLUGIN].model
    return [measure_item(item, out, settings, model, redo=redo) for item in batch]


def _lost(item: Item, out: Path, settings: Settings) -> Done:
    """Record a study whose workers died, whatever the reason: too little memory is the usual."""
    error = EngineError(
        f"{item.path}: every Dask worker that measured this study died; give workers more memory"
    )
    record = failed(item, {"input": item.fingerprint(), "names": list(settings.names)}, error)
    write_record(out, record)
    return Done(record)


def _check_shared(client: Client, out: Path) -> None:
    """Refuse workers that write into another folder of the same name."""
    probe = out / f".{secrets.token_hex(8)}.probe"
    try:
        probe.touch()
        client.wait_for_workers(1, timeout=_CONNECT_S)
        seen = client.run(os.path.exists, str(probe))
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise EngineError(f"Dask has no worker after {_CONNECT_S:.0f} s") from error
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            probe.unlink()
    blind = [address for address, sees in seen.items() if not sees]
    if blind:
        raise EngineError(
            f"{out}: expected a folder that every Dask worker sees, but {blind[0]} does not"
        )


@contextmanager
def _client(where: str, threads: int) -> Iterator[Client]:
    """Connect to a cluster, or start one."""
    if where == LOCAL:
        n = threads or len(os.sched_getaffinity(0))
        started: Any = LocalCluster(
            n_workers=n, threads_per_worker=1, dashboard_address=None, processes=True
        )
    elif where == SLURM:
        with needs_extra("dask"):
            from dask_jobqueue import SLURMCluster
        started = SLURMCluster()
        started.scale(jobs=threads or 1)
    else:
        with Client(where, timeout=_CONNECT_S) as client:
            yield client
        return
    with started, Client(started) as client:
        yield client
