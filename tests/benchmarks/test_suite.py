"""The suite of speed: a short run of every case, and the faults that it must see."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.command import call_apart
from benchmarks.pages import files, speed
from benchmarks.speed import contests, growth, limits, suite, throughput, windows
from benchmarks.speed.contests import CONTESTS, OURS, Settings, enter, missing
from lvvol.bench import peak_memory_mb
from lvvol.model import load_model
from lvvol.networks.files import HFCN_FILE, SECOND_HFCN_FILE, SHIPPED
from lvvol.networks.weights import load_hfcn_module
from lvvol.phantom import make_phantom, write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    phantom = make_phantom(2, n_slices=6, n_phases=8, rows=96)
    return write_study(phantom, tmp_path_factory.mktemp("suite") / "study")


@pytest.fixture(scope="module")
def report(study):
    """Return the report of a short run; it holds for several tests, as it takes half a minute."""
    pytest.importorskip("pytest_benchmark")
    return suite.measure(study, short=True)


def contest(group):
    return next(c for c in CONTESTS if (c.group, c.threads) in {(group, 1), (group, 0)})


def test_every_way_of_every_contest_is_timed_or_named_with_a_reason(report):
    timed = {(case["work"], case["threads"], case["way"]) for case in report["cases"]}
    for each in CONTESTS:
        for way in each.ways:
            if each.threads != 2:
                place = f"{each.group}/{each.threads}/{way}"
                assert ((each.group, each.threads, way) in timed) != (place in report["skipped"])
    assert all(case["ms"] > 0 and case["rounds"] in (1, 2) for case in report["cases"])


def test_peers_have_ratios_of_paired_rounds(report):
    for case in report["cases"]:
        assert ("times_as_long" in case) == (case["way"] != OURS)
    assert "data" not in json.dumps(report)


def test_whole_studies_growth_and_limits_are_in_the_report(report, study):
    assert report["study"] == study.name
    row = report["row"]["1"]
    assert sum(row["shares"].values()) == pytest.approx(1)
    assert report["cold"]["1"]["wall_s"] > row["study_s"] > 0
    assert set(report["growth"]) == {*growth.AXES, "threads"}
    for found in report["limits"].values():
        assert set(found["stages"]) == {"read", "resample", "roi", "segment", "volume"}


def test_the_page_takes_a_report(report):
    text = speed.PAGE.read_text(encoding="utf-8")
    written = speed.blocks(report)
    page = files.filled(text, written)
    assert "Not measured yet" not in page
    for way in ("OpenCV 4", "torch, as trained", "SimpleITK (GDCM)"):
        assert way in written["peers"] or way in written["skipped"]


def test_the_page_is_what_its_file_says():
    text = speed.PAGE.read_text(encoding="utf-8")
    assert files.filled(text, speed.blocks(files.read_results("speed"))) == text


def test_the_page_says_where_a_peer_is_faster():
    def case(way, ratio):
        return {"work": "reading", "threads": 1, "way": way, "times_as_long": ratio}

    cases = [case("a", 0.5), case("b", 1.03), case("c", 1.2)]
    lines = speed.faster_peers({"cases": cases}).splitlines()
    assert lines[0].endswith("**a** is faster than lvvol; it takes 0.50 times as long.")
    assert "**b** is as fast as lvvol" in lines[1]
    assert len(lines) == 2
    assert speed.faster_peers({"cases": cases[2:]}).startswith("In no table")


@pytest.mark.parametrize("way", ["by_lvvol", "by_opencv", "by_grid_sample"])
def test_wrong_windows_are_not_timed(way, study, monkeypatch):
    names = {"by_lvvol": OURS, "by_opencv": "OpenCV", "by_grid_sample": "torch grid_sample"}
    right = getattr(windows, way)

    def wrong(case, out, threads):
        right(case, out, threads)
        out[0] = np.roll(out[0], 1, axis=-1)

    monkeypatch.setattr(windows, way, wrong)
    contests._opened.cache_clear()
    entry = enter(contest("windows, segmentation"), names[way], Settings(study, short=True))
    contests._opened.cache_clear()
    with pytest.raises(AssertionError):
        entry.check(entry.run())


def test_wrong_volumes_of_the_plain_pipeline_are_not_timed(study):
    entry = enter(contest("whole study"), "pydicom, OpenCV, torch", Settings(study, short=True))
    edv_ml, esv_ml = entry.run()
    entry.check((edv_ml, esv_ml))
    with pytest.raises(AssertionError):
        entry.check((1.03 * edv_ml, esv_ml))


def test_a_peer_that_is_not_installed_is_named_with_its_package(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    reason = missing("ONNX Runtime", Settings(study, short=True))
    assert reason == "onnxruntime is not installed (pip install --group bench)"
    assert missing("OpenCV", Settings(study, short=True)) is None


def test_a_case_that_fails_ends_the_suite(study, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1))
    with pytest.raises(SystemExit, match="pytest ended with 1"):
        suite.measure(study, short=True)


def test_slopes_tell_linear_from_quadratic_growth():
    sizes = np.array([6, 12, 24])
    assert growth.slope(sizes, 3.0 * sizes) == pytest.approx(1)
    assert growth.slope(sizes, 0.2 * sizes**2) == pytest.approx(2)
    # A fixed cost and noise of 15 % pass; a quadratic step of a fifth does not.
    growth.check("slices", "time", growth.slope(sizes, 5 + sizes * [1, 0.85, 1.15]))
    steep = growth.slope(sizes, 0.8 * sizes / 6 + 0.2 * (sizes / 6) ** 2)
    with pytest.raises(
        AssertionError, match=r"time over slices: expected a slope of at most 1\.25"
    ):
        growth.check("slices", "time", steep)


def test_the_memory_of_a_new_process_is_its_own(tmp_path):
    """A process inherits the peak of the one that starts it, as getrusage sees it."""
    held = np.ones(2**26, np.float32)  # 256 MiB
    assert peak_memory_mb() > held.nbytes / 2**20
    assert call_apart(peak_memory_mb) < 200


def test_a_row_that_becomes_slower_or_larger_fails():
    throughput.check({"grown_mb": 2.0, "late_over_early": 1.1})
    with pytest.raises(AssertionError, match="memory grew by 50 MB"):
        throughput.check({"grown_mb": 50.0, "late_over_early": 1.0})
    with pytest.raises(AssertionError, match=r"2\.00 times as long"):
        throughput.check({"grown_mb": 0.0, "late_over_early": 2.0})


def test_work_is_counted_from_shapes(study):
    prediction, work = limits.count(load_model(), study)
    assert prediction.stack.images.shape == (6, 8, 96, 78)
    in_files = sum(p.stat().st_size for p in study.iterdir() if p.suffix == "")
    assert work["read"].moved_bytes == in_files + 4 * 6 * 8 * 96 * 78
    # P of 48 patches of 48 x 48, and as many areas in float64.
    assert work["volume"].moved_bytes == 48 * (48 * 48 * 4 + 8)
    with FlopCounterMode(display=False) as counter:
        for name, channels in ((HFCN_FILE, 1), (SECOND_HFCN_FILE, 6)):
            load_hfcn_module(SHIPPED / name).eval()(torch.zeros(48, channels, 48, 48))
    # A multiply-add is two operations; four more for each pixel cut of six channels.
    of_networks = counter.get_total_flops() // 2
    assert work["segment"].multiply_adds == of_networks + 48 * 4 * 6 * 48 * 48


def test_shares_of_the_limits():
    work = {"read": limits.Work(2_000, 30)}
    row = limits.shares(work, {"read": 2.0}, {"bytes_per_s": 1e4, "multiply_adds_per_s": 100})
    assert row["read"]["share_of_bandwidth"] == pytest.approx(0.1)
    assert row["read"]["share_of_multiply_adds"] == pytest.approx(0.15)
