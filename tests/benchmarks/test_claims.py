"""Trainings for the paper's claims: the right patients, and what the page says of them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.claims import page
from benchmarks.claims.arms import ARMS, Fold
from lvvol.datasets import SHIPPED, read_split


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
    figures = dict.fromkeys((*page.FIGURES, *(n.replace("o_", "p_", 1) for n in page.FIGURES)), 1.0)
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
