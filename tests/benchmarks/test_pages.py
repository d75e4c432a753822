"""Pages written from result files: fresh, true to them, and without pixels."""

import json
import re

import pytest

from benchmarks.machine import CHECKOUT
from benchmarks.pages import drawings, files, quoted, results, tables
from benchmarks.pages.quoted import Quotation
from lvvol.networks.configs import RoiClassifierConfig


@pytest.mark.parametrize("document", sorted({q.document for q in quoted.quotations()}))
def test_documents_quote_the_figures_of_the_result_files(document):
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    for quotation in quoted.quotations():
        if quotation.document == document:
            match = quotation.pattern().search(text)
            assert match is not None, f"not in {document}: {quotation.sentence}"
            assert list(match.groups()) == quotation.figures(), quotation.sentence
            assert quotation.mended(text) == text


def test_the_results_page_is_what_its_files_say():
    text = results.PAGE.read_text(encoding="utf-8")
    assert results.filled(text, results.blocks()) == text, "run python -m benchmarks.pages.results"


def test_the_drawings_are_those_of_their_files_and_hold_no_image():
    paper = files.read_results("paper")
    drawn = {
        "fig3": drawings.search(paper["typical"]),
        "fig6": drawings.stacks([paper["typical"]]),
        "worst": drawings.stacks(paper["worst"]),
    }
    for name, svg in drawn.items():
        assert (results.FIGURES / f"{name}.svg").read_text(encoding="utf-8") == svg
    for path in results.FIGURES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert path.suffix == ".svg"
        assert not re.search(r"<image|data:|href=\"(?!#)", text), path.name


@pytest.fixture
def read():
    kept = {"some": {"part": {"rmse": 12.345, "n": 3, "of": 4}, "share": 0.25}}
    return lambda name: kept[name]


def test_a_wrong_figure_is_found_and_mended(read):
    quotation = Quotation("a.md", "RMSE is {some|part/rmse|.1f} mL, {some|part/n % part/of|.0f} %")
    right = "The RMSE is 12.3 mL,\n75 % of all.\n"
    wrong = right.replace("12.3", "9.87").replace("75", "80")
    assert quotation.mended(right, read) == right
    assert quotation.mended(wrong, read) == right
    assert quotation.pattern().search(wrong).groups() == ("9.87", "80")


def test_a_sentence_must_be_there_once(read):
    quotation = Quotation("a.md", "{some|share % 1|.0f} % of")
    for text in ("nothing", "25 % of them, 30 % of those"):
        with pytest.raises(ValueError, match="expected once"):
            quotation.mended(text, read)


def test_a_missing_figure_is_named():
    with pytest.raises(files.MissingFigureError, match="part/rmse: expected a figure"):
        files.figure({"part": {}}, "part/rmse")
    with pytest.raises(files.MissingFigureError, match=r"none\.json: expected a result file"):
        files.read_results("none")


def test_a_page_keeps_its_prose_and_refuses_unknown_blocks():
    text = "before\n<!-- make results: a -->\nold\n<!-- end -->\nafter"
    assert results.filled(text, {"a": "| new |"}) == text.replace("old", "| new |")
    with pytest.raises(ValueError, match="expected the blocks"):
        results.filled(text, {"b": ""})


def test_files_of_other_weights_are_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "hash_weights", lambda: "ours")
    monkeypatch.setattr(results, "MEASURED", {"a": (), "b": (), "c": ()})
    (tmp_path / "a.json").write_text(json.dumps({"weights_sha256": "ours"}))
    (tmp_path / "b.json").write_text(json.dumps({"weights_sha256": "others"}))
    assert results.stale(tmp_path) == ["b", "c"]


def test_the_shipped_classifier_is_compared_layer_by_layer():
    assert tables.table_1(RoiClassifierConfig()).count("the same") == 8
    other = tables.table_1(RoiClassifierConfig(width=16))
    assert other.count("the same") == 5
    assert "| conv 3 x 3, pad 1, 32; BN; ReLU | conv 3 x 3, pad 1, 16; BN; ReLU |" in other


def test_areas_are_split_by_cavity_and_phase():
    rows = ["0 100 90 80 400", "0 0 5 10 400", "1 50 60 20 400"]
    paper = {"out of fold": {"slices": {"rows": [*rows, "1 0 0 4 400"]}}}
    lines = tables.areas(paper).splitlines()
    assert lines[2] == "| ED, with cavity | 1 | 100 | -20 / 20 | -10 / 10 |"
    assert lines[3] == "| ED, without | 1 | 0 | +10 / 10 | +5 / 5 |"
    assert lines[4] == "| ES, with cavity | 1 | 50 | -30 / 30 | +10 / 10 |"


def test_steps_count_right_squares():
    each = [
        {"proposals": 3, "n_slices": 4, "n_slices_right": 3}
        | {"proposed_iou": 0.9, "classified_iou": 0.6, "refined_iou": 0.8},
        {"proposals": 3, "n_slices": 6, "n_slices_right": 6}
        | {"proposed_iou": 0.7, "classified_iou": 0.2, "refined_iou": 0.4},
        {"n_slices": 10, "n_slices_right": 10},  # nothing is drawn in the middle slice
    ]
    table = tables.steps({"out of fold": {"each": each}})
    expected = "| 2 of 2, 0.80 | 1 of 2, 0.40 | 1 of 2, 0.60 | 19 of 20 (95.0 %) |"
    assert table.count(expected) == 1
