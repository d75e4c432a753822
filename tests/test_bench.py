"""`lvvol.bench`: volumes are checked in the run that times them."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from lvvol import bench
from lvvol.errors import BenchmarkError
from lvvol.networks.configs import RoiClassifierConfig
from lvvol.networks.files import ROI_CLASSIFIER_FILE, SHIPPED, read_weights
from lvvol.networks.inference import build_roi_classifier
from lvvol.report.speed import format_speed


@pytest.fixture(scope="module")
def measured():
    return bench.bench(repeats=2, threads=1, phases=6)


def test_a_phantom_is_measured_and_timed_stage_by_stage(measured):
    assert list(measured["stages_s"]) == ["read", "resample", "roi", "segment", "volume"]
    assert sum(measured["shares"].values()) == pytest.approx(1, abs=0.3)
    assert measured["studies_per_minute"] == pytest.approx(60 / measured["study_s"])
    assert measured["phantom"]["phases"] == 6
    assert measured["machine"]["threads"] == 1
    assert measured["edv_ml"] > measured["esv_ml"] > 0
    assert measured["peak_memory_mb"] > 50
    assert measured["command_s"] > 0


def test_the_table_has_every_stage_and_what_the_machine_is(measured):
    lines = format_speed(measured).splitlines()
    names = [line.split()[0] for line in lines if line.endswith(" %")]
    assert names == ["read", "resample", "roi", "segment", "volume", "other"]
    assert f", {measured['machine']['instructions']}, 1 thread on " in lines[0]
    assert "the same in 3 measurements" in lines[2]


def test_the_instruction_set_is_the_fastest_that_runs():
    named = bench.instructions()
    order = ["avx512", "avx2", "portable"]
    weights = read_weights(SHIPPED / ROI_CLASSIFIER_FILE, RoiClassifierConfig)
    build_roi_classifier(*weights, named)
    for faster in order[: order.index(named)]:
        with pytest.raises(ValueError, match="instructions"):
            build_roi_classifier(*weights, faster)


@pytest.mark.parametrize(("edv_ml", "esv_ml", "name"), [(131, 50, "EDV"), (100, 19, "ESV")])
def test_volumes_that_cannot_be_the_phantoms_are_refused(edv_ml, esv_ml, name):
    phantom = bench.Phantom(Path(), 100.0, 50.0, 1)
    bench.check_volumes(SimpleNamespace(edv_ml=112.0, esv_ml=60.0), phantom)
    with pytest.raises(BenchmarkError, match=f"{name} of the phantom: expected"):
        bench.check_volumes(SimpleNamespace(edv_ml=edv_ml, esv_ml=esv_ml), phantom)
    with pytest.raises(BenchmarkError, match="got nan"):
        bench.check_volumes(SimpleNamespace(edv_ml=float("nan"), esv_ml=60.0), phantom)


def test_a_repeat_that_differs_is_refused():
    @dataclasses.dataclass
    class Volumes:
        edv_ml: float
        esv_ml: float = 50.0

    bench.check_same(Volumes(100.0), Volumes(100.0))
    with pytest.raises(BenchmarkError, match="repeats: expected equal volumes"):
        bench.check_same(Volumes(100.0), Volumes(100.0000001))


def test_a_phantom_that_cannot_be_made_says_why(tmp_path):
    (tmp_path / "in the way").touch()
    with pytest.raises(BenchmarkError, match=r"lvvol phantom: expected success, got .*expected"):
        bench.make(tmp_path)
