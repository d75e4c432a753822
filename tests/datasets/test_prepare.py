"""Caches: the same patients for less, resumed, kept up to date, and flat in memory."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

from lvvol.datasets import fingerprint, open_dataset
from lvvol.datasets import prepare as module
from lvvol.datasets.cache import write_patient
from lvvol.datasets.labelled import LabelledStack, no_masks, stack_of_planes
from lvvol.datasets.prepare import prepare
from lvvol.errors import DatasetError, OutputError
from lvvol.phantom import make_phantom, write_studies
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes

RADII = [(20, 10), (15, 8)]


@pytest.fixture
def dsb2(tmp_path):
    """Three patients of image pairs."""
    folder = tmp_path / "dsb2"
    for patient in (4, 5, 6):
        write_dsb2_patient(folder, patient, RADII)
    write_volumes(folder, {4: (100, 40), 5: (120, 50)})
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def damage(folder, patient):
    path = next(folder.glob(f"{patient:04d}_*_o.png"))
    content = path.read_bytes()
    path.write_bytes(b"no image")
    return path, content


def test_pairs_of_8_bit_come_back_as_they_were(dsb2, cache):
    done = prepare([dsb2], cache, jobs=1)
    assert done.read == ("dsb2/0004", "dsb2/0005", "dsb2/0006")
    before, after = open_dataset(dsb2), open_dataset(cache)
    assert after.names == before.names
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new.stack.images, old.stack.images)
        np.testing.assert_array_equal(new.masks, old.masks)
        np.testing.assert_array_equal(new.labelled, old.labelled)
        np.testing.assert_array_equal(new.stack.positions_mm, old.stack.positions_mm)
        np.testing.assert_array_equal(new.stack.affines, old.stack.affines)
        assert new.phase_volumes_ml == old.phase_volumes_ml
        assert new.phases == old.phases
        assert fingerprint(new) == fingerprint(old)


def cine(name="study/1", phases=(2, 0), drawn=True):
    rng = np.random.default_rng(4)
    stack = stack_of_planes(rng.random((3, 4, 21, 13), dtype=np.float32), 9.5 * np.arange(3))
    masks, labelled = rng.random(stack.images.shape) < 0.5, np.zeros((3, 4), dtype=bool)
    labelled[1:, [0, 2]] = True
    if not drawn:
        masks, labelled = no_masks(stack), np.zeros((3, 4), dtype=bool)
    return LabelledStack(name, stack, masks, labelled, 150.0, 60.0, 0.06, *phases)


@pytest.fixture
def of_cine(cache):
    """Write one cine into a cache; return it as read."""
    cache.mkdir()
    module.write_index(cache)

    def write(labels):
        write_patient(cache, labels, "hash")
        return open_dataset(cache)

    return write


def test_images_are_off_by_half_a_level_at_most(of_cine):
    labels = cine()
    (read,) = of_cine(labels)
    assert read.stack.images.dtype == np.float32
    error = np.abs(read.stack.images - labels.stack.images).max()
    assert 0.0015 < error <= 1 / 510 + 1e-6


def test_only_labelled_masks_are_kept(of_cine):
    labels = cine()
    (read,) = of_cine(labels)
    np.testing.assert_array_equal(read.labelled, labels.labelled)
    np.testing.assert_array_equal(read.masks, labels.masks & labels.labelled[..., None, None])


def test_unknown_phases_and_undrawn_cines(of_cine):
    (read,) = of_cine(cine(phases=(None, None), drawn=False))
    assert read.phases is None
    assert read.masks.strides == (0, 0, 0, 0)
    assert (read.edv_ml, read.esv_ml, read.systolic_excess) == (150.0, 60.0, 0.06)


@pytest.mark.parametrize("phases", [(2, 0), (1, 3), (3, 2), (2, 2)])
def test_two_phases_read_alone_are_those_of_the_whole(of_cine, phases):
    dataset = of_cine(cine())
    pair, whole = dataset.pair(0, *phases), dataset[0].at(*phases)
    assert pair.phases == (0, 1)
    np.testing.assert_array_equal(pair.stack.images, whole.stack.images)
    np.testing.assert_array_equal(pair.masks, whole.masks)
    np.testing.assert_array_equal(pair.labelled, whole.labelled)
    assert fingerprint(pair) == fingerprint(whole)


def test_facts_are_known_without_reading(of_cine, monkeypatch):
    dataset = of_cine(cine())
    expected = fingerprint(dataset[0])
    monkeypatch.setattr("numpy.load", None)
    facts = dataset.facts(0)
    assert facts.shape == (3, 4, 21, 13)
    assert facts.labelled == ((1, 0), (1, 2), (2, 0), (2, 2))
    assert (facts.ed_phase, facts.es_phase, facts.edv_ml) == (2, 0, 150.0)
    assert facts.fingerprint == expected


def test_facts_of_other_datasets_are_read(dsb2):
    dataset = open_dataset(dsb2)
    assert dataset.facts(1).fingerprint == fingerprint(dataset[1])
    assert len({dataset.facts(i).fingerprint for i in range(3)}) == 3


def test_a_finished_cache_reads_nothing_again(dsb2, cache, monkeypatch):
    prepare([dsb2], cache, jobs=1)
    monkeypatch.setattr(module, "_prepare_patient", None)
    done = prepare([dsb2], cache, jobs=1)
    assert (done.read, len(done.kept), done.dropped) == ((), 3, ())


def test_a_changed_file_or_volume_is_read_again(dsb2, cache):
    prepare([dsb2], cache, jobs=1)
    write_dsb2_patient(dsb2, 5, [(20, 10), (15, 9)])
    assert prepare([dsb2], cache, jobs=1).read == ("dsb2/0005",)
    write_volumes(dsb2, {4: (100, 41), 5: (120, 50)})
    assert prepare([dsb2], cache, jobs=1).read == ("dsb2/0004",)
    assert open_dataset(cache)[0].esv_ml == 41.0
    write_dsb2_patient(dsb2, 7, RADII)
    assert prepare([dsb2], cache, jobs=1).read == ("dsb2/0007",)


def test_what_cannot_be_read_is_dropped_with_the_reason(dsb2, cache):
    prepare([dsb2], cache, jobs=1)
    path, content = damage(dsb2, 5)
    (dropped,) = prepare([dsb2], cache, jobs=1).dropped
    assert dropped.patient == "dsb2/0005"
    assert dropped.why.startswith(f"{dsb2}: dsb2/0005: {path}: expected a readable image")
    # Its old version is not served any more.
    assert open_dataset(cache).names == ("dsb2/0004", "dsb2/0006")
    with (cache / "dropped.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert rows == [{"patient": "dsb2/0005", "why": dropped.why}]
    path.write_bytes(content)
    assert prepare([dsb2], cache, jobs=1).read == ("dsb2/0005",)
    assert not (cache / "dropped.csv").exists()


def test_a_patient_in_two_datasets_is_refused(dsb2, cache, tmp_path):
    write_dsb2_patient(tmp_path / "more", 5, RADII)
    write_volumes(tmp_path / "more", {})
    with pytest.raises(DatasetError, match="more: dsb2/0005: expected each patient in one dataset"):
        prepare([dsb2, tmp_path / "more"], cache, jobs=1)


def test_several_datasets_share_a_cache(dsb2, cache, tmp_path):
    write_dsb2_patient(tmp_path / "more", 8, RADII)
    write_volumes(tmp_path / "more", {})
    prepare([dsb2], cache, jobs=1)
    prepare([tmp_path / "more"], cache, jobs=1)
    assert open_dataset(cache).names[-1] == "dsb2/0008"
    assert len(open_dataset(cache)) == 4


def test_a_folder_with_other_files_is_refused(dsb2):
    with pytest.raises(DatasetError, match="expected a missing or empty folder or a cache"):
        prepare([dsb2], dsb2, jobs=1)


def test_a_cache_of_another_format_is_refused(dsb2, cache):
    prepare([dsb2], cache, jobs=1)
    (cache / "lvvol_cache.json").write_text('{"format": 99}')
    for refused in (lambda: open_dataset(cache), lambda: prepare([dsb2], cache, jobs=1)):
        with pytest.raises(DatasetError, match=r"lvvol_cache\.json: expected .* prepare the data"):
            refused()


@pytest.mark.parametrize("name", ["images.npy", "masks.npy", "patient.json"])
def test_a_damaged_cache_is_named(dsb2, cache, name):
    prepare([dsb2], cache, jobs=1)
    for path in cache.glob(f"*/{name}"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DatasetError, match=str(cache)):
        list(open_dataset(cache))


def test_a_full_disk_is_an_output_error_and_leaves_no_patient(dsb2, cache, monkeypatch):
    def refuse(contents):
        raise OutputError("disk full")

    monkeypatch.setattr("lvvol.datasets.cache.write_files", refuse)
    with pytest.raises(OutputError, match="disk full"):
        prepare([dsb2], cache, jobs=1)
    assert len(open_dataset(cache)) == 0


def test_processes_give_the_same_cache_and_report_progress(dsb2, cache, tmp_path):
    seen = []
    damage(dsb2, 6)
    done = prepare([dsb2], cache, jobs=2, progress=lambda *report: seen.append(report))
    assert (done.read, len(done.dropped)) == (("dsb2/0004", "dsb2/0005"), 1)
    assert seen == [("prepare", n, 3) for n in range(4)]
    prepare([dsb2], tmp_path / "other", jobs=1)
    assert [f.fingerprint for f in map(open_dataset(cache).facts, range(2))] == [
        f.fingerprint for f in map(open_dataset(tmp_path / "other").facts, range(2))
    ]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path, how):
    """Takes 5 s: an interpreter and its processes are started, and killed in the middle."""
    dsb2, cache = tmp_path / "dsb2", tmp_path / "cache"
    for patient in range(1, 161):
        write_dsb2_patient(dsb2, patient, RADII)
    write_volumes(dsb2, {})
    command = [sys.executable, "-m", "lvvol", "prepare", str(dsb2), "-o", str(cache), "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while len(list(cache.glob("*/patient.json"))) < 5:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    os.kill(process.pid, how)
    # Its pipes close when the processes that it started have ended too.
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert err.decode() == "lvvol: interrupted\n"
    n_read = len(open_dataset(cache))
    assert 5 <= n_read < 160
    assert [labels.patient for labels in open_dataset(cache)]  # all whole
    done = prepare([dsb2], cache, jobs=1)
    assert (len(done.kept), len(done.read)) == (n_read, 160 - n_read)


def test_memory_is_flat_in_the_number_of_patients(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    options = {"n_slices": 4, "n_phases": 6, "rows": 64}
    write_studies((make_phantom(seed, **options) for seed in range(2)), tmp_path / "phantoms")
    for n in range(12):
        shutil.copytree(tmp_path / "phantoms" / str(n % 2), many / str(n))
        truth = many / str(n) / "truth.json"
        truth.write_text(truth.read_text().replace(f'"seed": {n % 2},', f'"seed": {n},'))
    for n in range(2):
        shutil.copytree(many / str(n), few / str(n))

    def peak(work):
        tracemalloc.start()
        work()
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    prepare([few], tmp_path / "warm", jobs=1)  # imports
    for name, source in (("few", few), ("many", many)):
        prepared = tmp_path / f"{name}_cache"
        if name == "few":
            preparing = peak(lambda: prepare([few], tmp_path / "few_cache", jobs=1))
            reading = peak(lambda: read_all(tmp_path / "few_cache"))
        else:
            assert peak(lambda: prepare([many], tmp_path / "many_cache", jobs=1)) < 1.2 * preparing
            assert peak(lambda: read_all(tmp_path / "many_cache")) < 1.2 * reading
        assert len(open_dataset(prepared)) == len(open_dataset(source))


def read_all(cache):
    for labels in open_dataset(cache):
        assert labels.stack.images.max() <= 1
