"""The benchmark of spoiled studies: how it spoils, and how it judges."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.accuracy import spoiled
from benchmarks.accuracy.spoil.study import sliced_phantom
from lvvol import Status


@pytest.fixture(scope="module")
def phantom_stack():
    """A small phantom's stack in memory, as written for a folder, with its measurement."""
    study = sliced_phantom(2, n_slices=7, n_phases=8, rows=96)
    measured = spoiled.measure(study)
    return replace(study, ed_phase=measured.ed_phase), measured


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("instance numbers scrambled", "right"),
        ("derived copies", "right"),
        ("real time only", "refused"),
        ("pixels not square", "said"),
    ],
)
def test_spoiled_tells_what_became_of_a_study(phantom_stack, kind, outcome):
    study, measured = phantom_stack
    entry = spoiled.try_case(study, measured, spoiled.KINDS[kind], (0, 0))
    assert entry["outcome"] == outcome
    assert entry["seconds"] > 0


def contents(study):
    return [image.to_json() for image in study.images]


@pytest.fixture(scope="module")
def pristine(phantom_stack):
    return contents(phantom_stack[0])


@pytest.mark.parametrize("kind", [*spoiled.KINDS, *spoiled.MIXED])
def test_every_kind_spoils_only_a_copy(phantom_stack, pristine, kind):
    study, _ = phantom_stack
    copy = study.copy()
    spoil = spoiled.KINDS.get(kind)
    rng = np.random.default_rng(3)
    spoil(copy, rng) if spoil else spoiled.MIXED[kind](copy, study.copy(), rng)
    assert contents(copy) != pristine
    assert contents(study) == pristine


def test_spoiled_counts_a_warning_as_new_by_its_words():
    untouched = ["slice 3 at ES: 164 mm2 is far below both neighbours"]
    other = "EDV 12 mL is outside 20 to 500 mL"
    found = spoiled.added_warnings(
        untouched, ["slice 8 at ES: 1,200.5 mm2 is far below both neighbours", other]
    )
    assert found == [other]


@pytest.mark.parametrize(
    ("edv_ml", "esv_ml", "new", "outcome"),
    [
        (101.9, 49.1, [], "right"),
        (100.0, 51.1, ["said"], "near"),
        (100.0, 57.6, ["said"], "said"),
        (84.9, 50.0, [], "silent"),
    ],
)
def test_spoiled_judges_by_the_worse_of_both_volumes(edv_ml, esv_ml, new, outcome):
    untouched = SimpleNamespace(edv_ml=100.0, esv_ml=50.0)
    measured = SimpleNamespace(edv_ml=edv_ml, esv_ml=esv_ml)
    assert spoiled.outcome_of(untouched, measured, new) == outcome


def test_spoiled_lists_silent_cases_and_the_scaled_apart():
    each = [
        {"kind": "blur", "outcome": "right"},
        {
            "kind": "noise",
            "outcome": "silent",
            "study": "phantom/1",
            "how": "noise of 0.3 of the brightest",
            "edv_percent": -43.2,
            "esv_percent": -59.0,
        },
        {"kind": "frozen", "outcome": "refused", "error": "NoMotionError"},
        {"kind": spoiled.INVISIBLE, "outcome": "silent"},
    ]
    text = spoiled.document(each, 5)
    assert "4 studies, seed 5." in text
    assert "| all | 1 | 0 | 0 | 1 | 1 |" in text
    assert "| pixel spacing scaled |  |  |  |  | 1 |" in text
    assert "noise, phantom/1: noise of 0.3 of the brightest; EDV -43 %, ESV -59 %" in text
    assert "NoMotionError (1)" in text


@pytest.mark.parametrize(
    ("edv_ml", "status", "half_width_ml", "wrong"),
    [
        (80.0, Status.OK, 19.0, True),
        (80.0, Status.OK, 21.0, False),
        (80.0, Status.REVIEW, 19.0, False),
        (86.0, Status.OK, 1.0, False),
    ],
)
def test_spoiled_counts_what_is_wrong_yet_ok(edv_ml, status, half_width_ml, wrong):
    untouched = SimpleNamespace(edv_ml=100.0, esv_ml=50.0)
    measured = SimpleNamespace(
        edv_ml=edv_ml,
        esv_ml=50.0,
        status=status,
        edv_interval_ml=(edv_ml - half_width_ml, edv_ml + half_width_ml),
        esv_interval_ml=(40.0, 60.0),
    )
    assert spoiled.is_wrong_yet_ok(untouched, measured) == wrong
