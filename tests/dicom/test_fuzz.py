"""A short fuzz run, and tests of its oracle."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from lvvol import load_study
from lvvol.dicom.stack import scans
from tests.dicom.fuzz import run as runner
from tests.dicom.fuzz.case import Case
from tests.dicom.fuzz.files import take_apart
from tests.dicom.fuzz.oracle import check
from tests.dicom.fuzz.plausible import PLAUSIBLE
from tests.dicom.fuzz.run import base_names, make_case, run, run_case
from tests.dicom.fuzz.studies import REAL, SYNTHETIC, base_of


def problems(results):
    return {r.case: (r.base, r.log, r.problems) for r in results if r.problems}


def test_mutated_studies_are_read_correctly_or_refused():
    results = run(300, seed=1, data=None)
    assert problems(results) == {}
    assert [r.case for r in results] == list(range(300))
    stacks = sum("stack" in r.outcome for r in results)
    assert 100 < stacks < 290  # some are refused, but not all
    assert {r.base for r in results} == set(SYNTHETIC)


@pytest.mark.real_data
def test_mutated_real_studies_are_read_correctly_or_refused(real_data):
    results = run(108, seed=1, data=real_data)
    assert problems(results) == {}
    assert {r.base for r in results} == {*SYNTHETIC, *REAL}


def test_cases_are_reproducible():
    first, again, other = make_case(7, 3, None), make_case(7, 3, None), make_case(7, 4, None)
    assert first.files == again.files
    assert first.log == again.log
    assert first.files != other.files
    assert run_case(7, 3, None) == run_case(7, 3, None)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_files_round_trip(name):
    for content in base_of(name, None).files.values():
        if content[128:132] == b"DICM":
            file = take_apart(content)
            assert not file.tail
            assert file.find(0x7FE00010)
            assert file.encoded() == content or file.deflated


def load(name, folder):
    """Write and load an unmutated study; return its stack and files."""
    base = base_of(name, None)
    for file, content in base.files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return load_study(folder), base.files


@pytest.mark.parametrize("name", SYNTHETIC)
def test_unmutated_studies_have_no_problems(tmp_path, name):
    stack, files = load(name, tmp_path)
    assert check(stack, files, files) == []
    assert stack.n_phases == 3


def moved(stack, slice_index, by_mm):
    affines = stack.affines.copy()
    affines[slice_index, :3, 3] += by_mm
    return {"affines": affines}


def exchanged(array, i, j):
    """Return a copy with two entries of the first axis swapped."""
    order = list(range(len(array)))
    order[i], order[j] = j, i
    return array[order]


LIES = {
    "a slice moved in its plane": lambda s: moved(s, 1, 0.1 * s.affines[1, :3, 0]),
    "a slice moved off its plane": lambda s: moved(s, 1, 0.1 * s.affines[1, :3, 2]),
    "rows and columns of the spacing exchanged": lambda s: {
        "pixel_spacing_mm": s.pixel_spacing_mm[::-1],
        "affines": s.affines * ([*np.array(s.pixel_spacing_mm[::-1]) / s.pixel_spacing_mm, 1, 1]),
    },
    "the spacing only": lambda s: {"pixel_spacing_mm": tuple(2 * v for v in s.pixel_spacing_mm)},
    "positions stretched": lambda s: {"positions_mm": 1.001 * s.positions_mm},
    "positions moved": lambda s: {"positions_mm": s.positions_mm + 1},
    "pixels moved by one row": lambda s: {"images": np.roll(s.images, 1, axis=2)},
    "pixels turned over": lambda s: {"images": np.ascontiguousarray(s.images[:, :, ::-1])},
    "images of two slices exchanged": lambda s: {"images": exchanged(s.images, 0, 2)},
    "images of two phases exchanged": lambda s: {"images": s.images[:, [1, 0, 2]]},
    "phases in another order": lambda s: {
        "images": s.images[:, [1, 0, 2]],
        "times_ms": s.times_ms[:, [1, 0, 2]],
        "sop_instance_uids": tuple((b, a, c) for a, b, c in s.sop_instance_uids),
    },
    "times of two phases exchanged": lambda s: {"times_ms": s.times_ms[:, [1, 0, 2]]},
    "NaN pixels": lambda s: {"images": s.images * np.float32(np.nan)},
    "axes that are not perpendicular": lambda s: {"affines": s.affines + 1e-3 * np.eye(4, k=1)},
    "a missing decision": lambda s: {"decisions": ()},
}


@pytest.mark.parametrize("lie", LIES)
def test_oracle_detects_a_wrong_stack(tmp_path, lie):
    stack, files = load("other-views", tmp_path)
    assert check(dataclasses.replace(stack, **LIES[lie](stack)), files, files) != []


def test_oracle_detects_two_patients_in_one_stack(tmp_path):
    stack, files = load("explicit", tmp_path)
    mixed = {**files, "21": files["21"].replace(b"LO\x02\0P ", b"LO\x02\0Q ")}
    assert mixed != files
    assert any("patients" in problem for problem in check(stack, mixed, files))


def test_oracle_detects_wrong_row_lengths(tmp_path):
    stack, files = load("explicit", tmp_path)
    sheared = {**files, "00": files["00"].replace(b"US\x02\0\x14\0", b"US\x02\0\x13\0")}
    assert sheared != files
    assert any("more pixels" in problem for problem in check(stack, sheared, files))


def nothing(*arguments):
    """Take the place of a check."""


# Each breaks the reader where it sees the mutation.
BROKEN = {
    "spacing": {"lvvol.dicom.stack.field._is_scaled": lambda placing: False},
    "in-plane shift": {"lvvol.dicom.load.check_fields": nothing},
    "mirrored": {"lvvol.dicom.load.check_fields": nothing},
    "foreign": {"lvvol.dicom.load.warn_of_left_out": nothing},
    "derived": {"lvvol.dicom.stack.plan.warn_of_derived": nothing},
    "component": {"lvvol.dicom.stack.scans.why_not_cine": lambda image, diffusion: ""},
    "clocks": {
        "lvvol.dicom.stack.scans._PHASE_KEYS": scans._PHASE_KEYS[3:],
        "lvvol.dicom.stack.plan.compare_tags": nothing,
        "lvvol.dicom.load.warn_of_left_out": nothing,
    },
}


def problems_of(name):
    """Return the problems of a plausible mutation, with several draws."""
    base, found = base_of("explicit", None), []
    for seed in range(12):
        case = Case(base, Random(seed), dict(base.files), [], name)
        PLAUSIBLE[name].mutate(case)
        found += runner.judge(seed, case).problems
    return found


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_oracle_sees_when_the_reader_misses_a_plausible_mutation(name, monkeypatch):
    assert problems_of(name) == []
    for target, broken in BROKEN[name].items():
        monkeypatch.setattr(target, broken)
    assert problems_of(name)


CHILD = """
import os, sys, time
first, stop, step = map(int, sys.argv[1].split(":"))
for case in range(first, stop, step):
    print(case, flush=True)
    if case == 1:
        os.abort()
    if case == 2:
        time.sleep(600)
    print('{"case": %d, "base": "", "outcome": "whole stack"}' % case, flush=True)
"""


def test_run_continues_after_a_crash_and_a_hang(monkeypatch, capsys):
    def start(first, stop, step, seed, data, errors):
        command = [sys.executable, "-c", CHILD, f"{first}:{stop}:{step}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)

    monkeypatch.setattr(runner, "_start", start)
    monkeypatch.setattr(runner, "TIMEOUT_S", 3.0)
    results = run(4, seed=0, data=None)
    assert [r.outcome for r in results] == ["whole stack", "crash", "hang", "whole stack"]
    assert [bool(r.problems) for r in results] == [False, True, True, False]
    assert "case 1" in capsys.readouterr().err


def test_documented_run_is_complete_and_without_problems():
    report = (Path(__file__).parents[2] / "docs" / "fuzz.md").read_text(encoding="utf-8")
    assert "10000 cases, 0 with a problem." in report
    assert all(f"| {name} | " in report for name in (*SYNTHETIC, *REAL))


def test_missing_real_studies_are_not_drawn():
    assert set(base_names(None)) == set(SYNTHETIC)
    with pytest.raises(ValueError, match="--data"):
        base_of("dsb2", None)
