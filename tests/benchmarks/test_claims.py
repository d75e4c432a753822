"""Trainings for the paper's claims: the right patients, and what the page says of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.claims import arms, compare, late, page
from benchmarks.claims.arms import ARMS, Fold
from benchmarks.claims.measure import measure_patients, summary
from lvvol.datasets import SHIPPED, open_dataset, read_split
from lvvol.networks.files import SHIPPED as SHIPPED_WEIGHTS
from lvvol.phantom import make_phantom
from tests.support.synthetic_datasets import (
    disc,
    write_dsb2_patient,
    write_sunnybrook_plane,
    write_volumes,
)

PHASES = "patient,ed_phase,es_phase,edv_ml,esv_ml,ed_before,es_before\n"


def report(arm, errors, seed=1):
    rows = [
        {
            "patient": str(i),
            **{f"{s}_{q}": e for s in "op" for q in ("edv_error_ml", "esv_error_ml")},
            "o_ef_error_points": e,
            "p_ef_error_points": e,
        }
        for i, e in enumerate(errors)
    ]
    names = (*page.COLUMNS, *page.IN_PERCENT)
    figures = dict.fromkeys((*names, *(n.replace("o_", "p_", 1) for n in names)), 1.0)
    return {"arm": arm, "seed": seed, "each": rows, **figures}


def test_every_recipe_is_valid():
    for arm in ARMS.values():
        assert arm.recipe(2).seed == 2


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["alternate", "few masks"])
def test_no_test_patient_and_nobody_of_the_fold_is_learned_from(name, data_source, tmp_path):
    fold = Fold(data_source / "dsb2_png", data_source / "sunnybrook_png", tmp_path)
    split = read_split(fold.selection(ARMS[name]).split)
    shipped = read_split(SHIPPED)
    learned, measured = set(split.parts["train"]), set(split.parts["measured"])
    assert not learned & measured
    parts = {shipped.part_of(n) for n in learned | measured}
    assert parts == {"train", "calibration", "validation"}
    assert len(measured) > 50
    drawn = {n for n in learned if n.startswith("sunnybrook")}
    assert len(drawn) == (20 if name == "few masks" else 25)


def test_a_difference_is_paired():
    rng = np.random.default_rng(1)
    other = rng.uniform(0, 30, size=200)
    mean, low, high = page.difference(other - 1.0, other)
    assert mean == pytest.approx(-1.0)
    assert (low, high) == (pytest.approx(-1.0), pytest.approx(-1.0))
    mean, low, high = page.difference(rng.permutation(other), other)
    assert low < 0 < high


def test_the_page_says_what_holds_and_what_was_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE", tmp_path / "paper.md")
    errors = np.linspace(-10, 10, 40)
    page.write_page(
        {
            "alternate": [report("alternate", errors), report("alternate", errors, 2)],
            "masks only": [report("masks only", 2 * errors)],
        }
    )
    text = Path(tmp_path / "paper.md").read_text(encoding="utf-8")
    better, worse = text.split("### ")[1], text.split("### ")[2]
    assert "EDV: -5." in better
    assert "EDV holds; ESV holds; EF holds" in better
    assert "Not run yet: volumes only" in worse
    assert "| alternate, O | 2 |" in text


def test_the_page_tells_phantoms_from_patients_and_counts_right_picks(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE", tmp_path / "paper.md")
    errors = np.linspace(-10, 10, 20)
    picks = {
        "patients": 40,
        "before": {"ed": 10, "es": 23, "both": 8},
        "after": {"ed": 38, "es": 37, "both": 36},
    }
    page.write_page(
        {
            "alternate": [report("alternate", errors)],
            "first picks": [report("first picks", 3 * errors)],
            "re-picked": [report("re-picked", errors) | {"picks": picks}],
        }
    )
    text = (tmp_path / "paper.md").read_text(encoding="utf-8")
    patients, phantoms = text.split("## Phantoms")
    assert "alternate, O" in patients
    assert "re-picked, O" not in patients
    assert "| re-picked, O | 1 |" in phantoms
    assert "| alternate, O" not in phantoms
    claim = text.split("### Re-picking phases helps (III-I)")[1]
    assert "EDV: -10." in claim
    assert "these phantoms: EDV holds; ESV holds; EF holds" in claim
    before, after = claim.split("after re-picking")
    assert "within one phase of the truth in 10 at ED, 23 at ES and 8 at both" in before
    assert "in 38 at ED, 37 at ES and 36 at both" in after


def test_a_late_cine_begins_after_ed_and_says_only_volumes(monkeypatch, tmp_path):
    assert {late.late_by(seed) for seed in late.LEARNED} == set(range(12))
    monkeypatch.setattr(late, "N_PHASES", 4)
    cache = late.write_late_phantoms(tmp_path / "cache", [5, 6], rows=64)
    five, six = open_dataset(cache)
    assert [five.patient, six.patient] == ["phantom/5", "phantom/6"]
    assert five.phases is None
    assert not five.labelled.any()
    phantom = make_phantom(5, n_phases=4, rows=64)
    assert five.phase_volumes_ml == (phantom.truth.edv_ml, phantom.truth.esv_ml)
    assert late.late_by(5) == 1
    from_ed = late.to_working_stack(phantom.to_cine_stack()).images
    for t in range(4):  # phase 0 is the second of the cycle, and so on
        expected = from_ed[:, (t + 1) % 4]
        np.testing.assert_allclose(five.stack.images[:, t], expected, atol=1 / 500)
    written = sorted(cache.glob("*/images.npy"))
    times = [path.stat().st_mtime_ns for path in written]
    late.write_late_phantoms(cache, [5, 6], rows=64)
    assert [path.stat().st_mtime_ns for path in written] == times


def test_right_picks_by_hand(tmp_path):
    # ES of seed 3000 is phase 4 of 12 (its cine is on time), of 3001 phase 5 (a phase late).
    assert [make_phantom(s, n_phases=12).truth.es_phase for s in (3000, 3001)] == [4, 5]
    path = tmp_path / "phases.csv"
    path.write_text(
        f"{PHASES}"
        "phantom/3000,11,4,1.0,1.0,0,6\n"  # after: ED one early; before: ES two late
        "phantom/3001,11,4,1.0,1.0,1,11\n"  # before: ED two late, ES at ED
        "phantom/3001,10,5,1.0,1.0,4,11\n",  # both one off; before the wrong way round
        encoding="utf-8",
    )
    assert late.right_picks(path) == {
        "patients": 3,
        "before": {"ed": 1, "es": 0, "both": 0},
        "after": {"ed": 3, "es": 3, "both": 3},
    }


def test_phantoms_are_measured_in_ml_and_percent():
    measured = late.measured_phantoms([4], rows=96)
    assert not set(late.LEARNED) & set(late.MEASURED)
    (row,) = measure_patients(SHIPPED_WEIGHTS, measured, ("o",))
    true_ml = measured[0].edv_ml
    assert row["patient"] == "phantom/4"
    assert row["dice_ed"] > 0.7
    assert row["o_edv_error_percent"] == pytest.approx(100 * row["o_edv_error_ml"] / true_ml)
    other = {**row, "o_edv_error_percent": 7 * row["o_edv_error_percent"]}
    figures = summary([row, other], ("o",))
    expected = 5 * abs(row["o_edv_error_percent"])  # the root of (1 + 49) / 2
    assert figures["o_edv_rmse_percent"] == pytest.approx(expected)


def test_arms_learn_from_late_phantoms_and_are_measured_on_others(monkeypatch, tmp_path):
    """Training, which would take minutes, leaves the shipped weights."""

    def train(seg, vol, folder, recipe, *, selection, repick, **options):
        assert [Path(place) for place in seg] == [fold.sunnybrook]
        assert open_dataset(vol[0]).names == ("phantom/4",)
        split = read_split(selection.split)
        assert set(split.parts["train"]) == {"phantom/4", "sunnybrook/SC-HF-I-07"}
        assert split.part_of("sunnybrook/SC-HF-I-08") == "unused"
        shutil.copytree(SHIPPED_WEIGHTS, folder)
        if repick:
            (folder / "phases.csv").write_text(f"{PHASES}phantom/4,0,1,1,1,2,0\n")
        recipes.append(recipe)

    fold = Fold(tmp_path / "dsb2", tmp_path / "sunnybrook", tmp_path)
    write_dsb2_patient(fold.dsb2, 4, [(10, 8)])
    write_volumes(fold.dsb2, {4: (100, 50)})
    for patient in ("SC-HF-I-07", "SC-HF-I-08"):
        write_sunnybrook_plane(fold.sunnybrook, patient, 1, disc(20), 255 * disc(20))
    recipes = []
    monkeypatch.setattr(late, "N_PHASES", 4)
    few, others = late.write_late_phantoms, late.measured_phantoms
    monkeypatch.setattr(arms, "write_late_phantoms", lambda cache: few(cache, [4], rows=64))
    monkeypatch.setattr(arms, "measured_phantoms", lambda: others([5], rows=64))
    monkeypatch.setattr(arms, "N_FEW", 1)
    monkeypatch.setattr(Fold, "held_out", lambda fold: ("dsb2/0004",))
    monkeypatch.setattr(compare, "train_networks", train)
    plain, again = (
        compare._train(name, 1, fold, tmp_path) for name in ("first picks", "re-picked")
    )
    assert recipes[0] == recipes[1]
    assert "picks" not in plain
    assert again["picks"]["patients"] == 1
    assert [row["patient"] for row in plain["each"]] == ["phantom/5"]
    assert plain["each"] == again["each"]
    assert plain["o_esv_rmse_percent"] > 0
