"""Many studies on Dask workers, in real processes: no fault loses what is finished."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason='Dask is not installed: pip install "lvvol[dask]"')

import dask
import distributed

from lvvol.cohort.dask_run import Weights, run_on_dask
from lvvol.cohort.measure import Settings
from lvvol.cohort.record import RECORD, read_record
from lvvol.cohort.run import run
from lvvol.cohort.summary import summarise
from lvvol.errors import EngineError, OutputError
from lvvol.model import load_model
from tests.support.cohorts import DiscModel, DiscWeights, rows, studies

# Threads of the cluster end when they like, and warn of what they leave open.
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).resolve().parents[2]
JSON = Settings(names=("json",))
TIMES = ("read_s", "measure_s", "write_s", "finished")
QUICK = {
    "distributed.comm.timeouts.connect": "20s",
    "distributed.comm.retry.count": 0,
    "distributed.scheduler.allowed-failures": 0,
}


@pytest.fixture(scope="module")
def environment():
    """Workers find lvvol and these tests where this process does."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    with pytest.MonkeyPatch.context() as patch, dask.config.set(QUICK):
        patch.setenv("PYTHONPATH", path)
        yield


@pytest.fixture(scope="module")
def cluster(environment):
    """Start a scheduler and two workers, each watched by a process that starts it again."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as started:
        yield started


def table(out):
    summarise(out)
    return rows(out / "summary.csv", without=TIMES)


def test_rows_are_those_of_a_run_in_one_process(cluster, tmp_path):
    items = studies(tmp_path, *"abcde")
    seen = []
    address = cluster.scheduler_address
    tally = run_on_dask(
        items,
        tmp_path / "dask",
        JSON,
        DiscWeights(),
        address,
        progress=lambda tally: seen.append(tally.done),
    )
    assert (tally.done, tally.failed) == (5, 0)
    assert seen == [1, 2, 3, 4, 5]
    run(items, tmp_path / "threads", JSON, DiscModel())
    assert table(tmp_path / "dask") == table(tmp_path / "threads")
    again = run_on_dask(items, tmp_path / "dask", JSON, DiscWeights(), address)
    assert again.earlier == 5


def test_a_killed_worker_loses_nothing(cluster, tmp_path):
    items = studies(tmp_path, *"abcdefgh")
    out = tmp_path / "out"
    with distributed.Client(cluster) as client:
        (victim, *_) = client.run(os.getpid).values()

    def kill():
        while not list(out.glob(f"*/{RECORD}")):
            time.sleep(0.02)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    tally = run_on_dask(items, out, JSON, DiscWeights(seconds=0.2), cluster.scheduler_address)
    killer.join()
    assert (tally.done, tally.failed) == (8, 0)
    assert [row["status"] for row in table(out)] == ["ok"] * 8


def test_a_study_that_kills_its_worker_is_the_only_one_to_fail(cluster, tmp_path):
    items = studies(tmp_path, "a", "b", "bad", "c")
    model = DiscModel()
    run([item for item in items if item.id == "bad"], tmp_path / "probe", JSON, model)
    (poison,) = model.measured
    out = tmp_path / "out"
    tally = run_on_dask(items, out, JSON, DiscWeights(poison=poison), cluster.scheduler_address)
    assert (tally.done, tally.failed) == (4, 1)
    assert read_record(out / "bad").error == "EngineError"
    # Elsewhere it may do.
    assert run(items, out, JSON, DiscModel()).by_status == {"ok": 4}


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(cluster, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    # Blocks of 4 KB: seven files, then no more.
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        items = studies(tmp_path, *"abcdefghijkl")
        with pytest.raises(OutputError, match="No space left"):
            run_on_dask(items, out, JSON, DiscWeights(), cluster.scheduler_address)
        kept = {record.parent.name for record in out.glob(f"*/{RECORD}")}
        assert 0 < len(kept) < 12
        assert all(read_record(out / name).status == "ok" for name in kept)
        grow = ["mount", "-o", "remount,size=10m", str(out)]
        subprocess.run(grow, check=True)
        again = run_on_dask(items, out, JSON, DiscWeights(), cluster.scheduler_address)
        assert (again.done, again.failed) == (12, 0)
        assert again.earlier >= len(kept)
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_a_lost_scheduler_loses_nothing(environment, tmp_path):
    scheduler, address = start_scheduler(tmp_path)
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"),
            *("--death-timeout", "5", "--no-dashboard"),
        ],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    items = studies(tmp_path, *"abcdefgh")
    out = tmp_path / "out"

    def kill():
        while len(list(out.glob(f"*/{RECORD}"))) < 2:
            time.sleep(0.02)
        scheduler.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(EngineError, match="lost or cannot be reached"):
            run_on_dask(items, out, JSON, DiscWeights(seconds=0.2), address)
    finally:
        killer.join()
        worker.kill()
        worker.wait()
        scheduler.wait()
    kept = len(list(out.glob(f"*/{RECORD}")))
    assert 2 <= kept < 8
    tally = run(items, out, JSON, DiscModel())
    assert (tally.done, tally.earlier) == (8, kept)


def start_scheduler(folder):
    file = folder / "scheduler.json"
    scheduler = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0"),
            *("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)),
        ],
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    for _ in range(600):
        if file.exists() and file.stat().st_size:
            break
        time.sleep(0.1)
    return scheduler, json.loads(file.read_text())["address"]


def test_no_scheduler_is_an_error_of_its_own(environment, tmp_path):
    items = studies(tmp_path, "a")
    quick = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with quick, pytest.raises(EngineError, match="cannot be reached"):
        run_on_dask(items, tmp_path / "out", JSON, DiscWeights(), "tcp://127.0.0.1:9")


def test_weights_travel_as_bytes(tmp_path):
    model = load_model()
    shipped = Weights.of(None, "dsb2", model)
    assert shipped.files == {}
    assert shipped.load(tmp_path / "a").calibration is not None
    trained = Weights.of(model.weights, "none", model)
    assert len(trained.files) == 4
    assert trained.load(tmp_path / "b").weights_sha256 == model.weights_sha256
    own = Weights.of(None, str(model.weights / "calibration_dsb2.json"), model)
    assert own.load(tmp_path / "c").calibration.levels
    other = Weights("0" * 64, {}, "none")
    with pytest.raises(EngineError, match="other shipped weights"):
        other.load(tmp_path / "d")
