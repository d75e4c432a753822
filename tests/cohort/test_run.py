"""Many studies: each measured once, whatever happens to others or to the run."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lvvol.cohort import measure
from lvvol.cohort.item import Item, name_items
from lvvol.cohort.measure import Settings, measure_item
from lvvol.cohort.record import RECORD, read_record
from lvvol.cohort.run import run
from lvvol.cohort.summary import summarise
from lvvol.errors import OutputError
from tests.support.cohorts import DiscModel, rows, studies
from tests.support.studies import good_study

JSON = Settings(names=("json",))
TIMES = ("read_s", "measure_s", "write_s", "finished")


def test_every_study_has_a_folder_a_row_and_its_record_last(tmp_path):
    items = studies(tmp_path, "a", "b", "c")
    seen = []
    tally = run(items, tmp_path / "out", JSON, DiscModel(), progress=lambda t: seen.append(t.done))
    assert (tally.done, tally.failed, tally.by_status["ok"]) == (3, 0, 3)
    assert seen == [1, 2, 3]
    for name in "abc":
        files = sorted(p.name for p in (tmp_path / "out" / name).iterdir())
        assert files == ["manifest.json", RECORD, "result.json"]
    summarise(tmp_path / "out")
    table = rows(tmp_path / "out" / "summary.csv")
    assert [row["id"] for row in table] == ["a", "b", "c"]
    assert {row["edv_ml"] for row in table} == {"54.29"}  # pi 24^2 30 / 1000
    assert {row["slices"] for row in table} == {"4"}


def test_a_bad_study_stops_no_other_and_its_reason_is_told(tmp_path):
    studies(tmp_path, "a", "c")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_text("no DICOM")
    items = name_items([Item(tmp_path / name) for name in ("a", "b", "c", "gone")])
    tally = run(items, tmp_path / "out", JSON, DiscModel())
    assert (tally.done, tally.failed) == (4, 2)
    summarise(tmp_path / "out")
    failures = rows(tmp_path / "out" / "failures.csv")
    assert [(row["id"], row["error"], row["exit_code"]) for row in failures] == [
        ("b", "NotDicomError", "13"),
        ("gone", "StudyNotFoundError", "10"),
    ]
    assert "found only 1 non-DICOM file" in failures[0]["reason"]
    assert [row["status"] for row in rows(tmp_path / "out" / "summary.csv")] == [
        "ok",
        "failed",
        "ok",
        "failed",
    ]


def test_a_bug_fails_its_study_alone(tmp_path):
    class Broken(DiscModel):
        def predict(self, stack, **options):
            raise ZeroDivisionError("here")

    (item,) = studies(tmp_path, "a")
    (done,) = measure_item(item, tmp_path / "out", JSON, Broken())
    assert (done.record.status, done.record.exit_code) == ("failed", 1)
    assert "unexpected ZeroDivisionError: here" in done.record.message
    # Another version may do better, so may another day.
    assert not measure_item(item, tmp_path / "out", JSON, DiscModel())[0].earlier


def test_what_is_finished_is_skipped_until_something_changes(tmp_path):
    items = studies(tmp_path, "a", "b")
    out, model = tmp_path / "out", DiscModel()

    def measured(settings=JSON, model=model, **options):
        before = len(model.measured)
        tally = run(items, out, settings, model, **options)
        assert tally.done == 2
        assert tally.earlier == 2 - (len(model.measured) - before)
        return len(model.measured) - before

    assert measured() == 2
    assert measured() == 0
    assert measured(redo=True) == 2
    os.utime(next((tmp_path / "a").iterdir()), ns=(1, 1))
    assert measured() == 1
    (out / "b" / "result.json").unlink()
    assert measured() == 1
    assert measured(Settings(names=("json",), level=0.5)) == 2
    assert measured(Settings(names=("json", "contours"), level=0.5)) == 2
    assert measured(Settings(names=("json", "contours"), level=0.5), DiscModel("other")) == 2


def test_a_failed_study_is_skipped_too_and_leaves_no_older_result(tmp_path):
    (item,) = studies(tmp_path, "a")
    out = tmp_path / "out"
    run([item], out, JSON, DiscModel())
    for path in (tmp_path / "a").iterdir():
        path.write_text("no DICOM")
    assert run([item], out, JSON, DiscModel()).failed == 1
    assert [p.name for p in (out / "a").iterdir()] == [RECORD]
    again = run([item], out, JSON, DiscModel())
    assert (again.failed, again.earlier) == (1, 1)


def test_several_studies_in_one_folder_are_told_apart_by_reading(tmp_path):
    two = tmp_path / "two"
    for number in (1, 2):
        for path in good_study(tmp_path / str(number)).folder.iterdir():
            two.mkdir(exist_ok=True)
            path.rename(two / f"{number}{path.name}")
    items = [Item(two, "two")]
    out, model = tmp_path / "out", DiscModel()
    tally = run(items, out, JSON, model)
    assert (tally.done, tally.total, tally.by_status["ok"]) == (2, 2, 2)
    assert tally.sharing == {str(two): 2}
    assert len(set(model.measured)) == 2
    summarise(out)
    table = rows(out / "summary.csv")
    assert [row["id"][:4] for row in table] == ["two-", "two-"]
    assert {row["study_uid"] for row in table} == set(model.measured)
    again = run(items, out, JSON, model)
    assert (again.done, again.earlier, len(model.measured)) == (2, 2, 2)


@pytest.mark.parametrize(("threads", "side_by_side"), [(1, 1), (2, 3)])
def test_as_many_studies_run_as_there_are_cores_and_one_that_reads(tmp_path, threads, side_by_side):
    items = studies(tmp_path, *"abcdef")
    at_once, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(side_by_side)

    class Counting(DiscModel):
        def predict(self, stack, **options):
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            together.wait(timeout=60)
            with lock:
                at_once -= 1
            return super().predict(stack, **options)

    tally = run(items, tmp_path / "out", JSON, Counting(), threads=threads)
    assert (tally.failed, most) == (0, side_by_side)


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(tmp_path, monkeypatch):
    items = studies(tmp_path, *"abcd")
    out, written = tmp_path / "out", []
    write_result = measure.write_result

    def write(prediction, folder, *rest):
        if len(written) == 2:
            full = OSError(errno.ENOSPC, "No space left on device")
            raise OutputError(f"{folder}: cannot be written") from full
        written.append(folder.name)
        return write_result(prediction, folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(measure, "write_result", write)
        with pytest.raises(OutputError, match="after 2 of 4 studies"):
            run(items, out, JSON, DiscModel(), threads=1)
    assert written == ["a", "b"]
    assert read_record(out / "c") is None
    again = run(items, out, JSON, DiscModel(), threads=1)
    assert (again.done, again.earlier, again.failed) == (4, 2, 0)


KILLED = """
import sys
from pathlib import Path
from lvvol.cohort.item import Item, name_items
from lvvol.cohort.measure import Settings
from lvvol.cohort.run import run
from tests.support.cohorts import DiscModel
root, out = map(Path, sys.argv[1:])
items = name_items([Item(path) for path in root.iterdir()])
print("ready", flush=True)
run(items, out, Settings(names=("json", "contours")), DiscModel(seconds=0.02), threads=2)
"""


def test_a_run_killed_at_any_moment_and_repeated_has_the_rows_of_an_unbroken_one(tmp_path):
    root = tmp_path / "studies"
    items = studies(root, *"abcdefgh")
    settings = Settings(names=("json", "contours"))
    run(items, tmp_path / "whole", settings, DiscModel(), threads=2)
    out = tmp_path / "out"
    for wait_s in (0.05, 0.15):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root), str(out)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    kept = {path.parent.name: path.stat().st_mtime_ns for path in out.glob(f"*/{RECORD}")}
    tally = run(items, out, settings, DiscModel(), threads=2)
    assert tally.earlier == len(kept)  # nothing that was finished is done again
    assert all((out / n / RECORD).stat().st_mtime_ns == time_ns for n, time_ns in kept.items())
    tables = []
    for folder in (tmp_path / "whole", out):
        summarise(folder)
        tables.append(rows(folder / "summary.csv", without=TIMES))
    assert tables[0] == tables[1]
    assert not list(out.rglob("*.part"))
