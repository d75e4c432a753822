"""Predictions of others: what is read, and what is said of malformed files."""

import numpy as np
import pytest

from lvvol.errors import PredictionsError
from lvvol.evaluate.peer import read_labels, score_predictions
from lvvol.uncertainty.crps import gaussian_cdf, gaussian_crps_ml

LABELS = "id,edv_ml,esv_ml\n1,100,40\n2,200,120\n"


@pytest.fixture
def score(tmp_path):
    """Score the text of predictions by labels; returns results and failed ones."""

    def score_text(text, labels=LABELS):
        (tmp_path / "p.csv").write_text(text, encoding="utf-8")
        (tmp_path / "labels.csv").write_text(labels)
        return score_predictions(tmp_path / "p.csv", tmp_path / "labels.csv")

    return score_text


@pytest.fixture
def refused(score):
    """Return what is said of the text of predictions, after the file's name."""

    def message(text, labels=LABELS):
        with pytest.raises(PredictionsError) as error:
            score(text, labels)
        return str(error.value).partition("p.csv: ")[2]

    return message


def submission(rows=("1_Diastole", "1_Systole", "2_Diastole", "2_Systole"), changes=()):
    """Normal distributions of 10 mL about 100, 40, 200 and 120, with changed values."""
    values = gaussian_cdf([100.0, 40.0, 200.0, 120.0], 10.0)[: len(rows)]
    for row, n, value in changes:
        values[row, n] = value
    lines = [
        ",".join([name, *map(repr, each.tolist())])
        for name, each in zip(rows, values, strict=False)
    ]
    return "\n".join([",".join(["Id", *(f"P{n}" for n in range(600))]), *lines]) + "\n"


def test_a_submission_is_scored_by_its_distributions(score):
    labels = "Id,Systole,Diastole\n2,120,210\n1,45,100\n"
    (two, one), failed = score(submission(), labels)
    assert failed == []
    assert (two.patient, one.patient) == ("2", "1")
    assert (one.labelled_edv_ml, one.labelled_esv_ml) == (100, 45)
    # Of a sum over whole mL, the step at n >= V adds half a term: see docs/uncertainty.md.
    assert one.scores["edv"]["crps"] == pytest.approx(0.0039059999, abs=1e-8)
    assert 600 * two.scores["edv"]["crps"] == pytest.approx(
        gaussian_crps_ml(200.0, 10.0, 209.5), 1e-3
    )
    assert one.scores["esv"]["crps_error"] - one.scores["esv"]["crps_spread"] == pytest.approx(
        one.scores["esv"]["crps"]
    )
    assert one.edv_ml == pytest.approx(100)
    assert one.scores["edv"]["pit"] == pytest.approx(0.5)
    assert one.intervals["90"]["edv"] == pytest.approx((100 - 16.449, 100 + 16.449), abs=0.02)
    assert two.scores["edv"]["pit"] == pytest.approx(0.8413, abs=1e-4)


def test_plain_columns_with_sigma_are_the_same_distributions(score):
    header = "id,edv_ml,esv_ml,edv_sigma_ml,esv_sigma_ml"
    plain, _ = score(f"{header}\n2,200,120,10,10\n1,100,40,10,10\n")
    full, _ = score(submission())
    for ours, theirs in zip(plain, full, strict=True):
        assert ours.scores["edv"]["crps"] == pytest.approx(theirs.scores["edv"]["crps"])
        assert ours.intervals["80"]["esv"] == pytest.approx(theirs.intervals["80"]["esv"], abs=0.02)


def test_volumes_without_a_distribution_count_as_certain(score):
    (one, _), _ = score("id,edv_ml,esv_ml\n1,105,40\n2,200,120\n")
    assert 600 * one.scores["edv"]["crps"] == pytest.approx(5)
    assert "pit" not in one.scores["edv"]
    assert one.intervals == {}


def test_given_intervals_are_of_90_percent(score):
    header = "id,edv_ml,esv_ml,edv_low_ml,edv_high_ml,ef_low_percent,ef_high_percent"
    (one, two), _ = score(f"{header}\n1,105,40,90,110,61,70\n2,200,120,201,210,-5,50\n")
    assert one.intervals == {"90": {"edv": (90, 110), "ef": (61, 70)}}
    assert [one.covered("90", q) for q in ("edv", "ef")] == [1, 0]
    assert [two.covered("90", q) for q in ("edv", "ef")] == [0, 1]


def test_a_study_without_volumes_failed(score):
    (one,), failed = score("id,edv_ml,esv_ml\n1,105,40\n2,,\n")
    assert one.patient == "1"
    assert failed == ["2: no volumes"]


def test_a_byte_order_mark_blank_lines_and_other_columns_are_ignored(score):
    results, _ = score('\ufeffid,edv_ml,note,esv_ml\n1,105,"a, b",40\n\n2,200,,120\n')
    assert [r.esv_ml for r in results] == [40, 120]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (submission(changes=[(2, 17, np.nan)]), "line 4: P17: expected a number, got 'nan'"),
        (submission(changes=[(0, 599, 1.5)]), "line 2: P599: expected 0 to 1, got 1.5"),
        (submission(changes=[(1, 0, -0.1)]), "line 3: P0: expected 0 to 1, got -0.1"),
        (
            submission(changes=[(3, 300, 0.25)]),
            "line 5: P300: expected at least P299, 1, got 0.25",
        ),
        (
            submission(("1_Diastole", "1_Systole", "2_Diastole")),
            "expected a row 2_Systole, got none",
        ),
        (
            submission(("1_Diastole", "1_Systole", "2_Diastole", "1_Systole")),
            "line 5: 1_Systole: already in line 3; expected a row 2_Systole, got none",
        ),
        (
            submission(("1_Diastole", "1_Systole", "2_Diastole", "3_Systole")),
            "line 5: 3: unknown id, which has no label; expected a row 2_Systole, got none",
        ),
        (
            submission(("1_Diastole", "1_Systole", "2_Diastole", "2_systole")),
            "line 5: expected <id>_Diastole or <id>_Systole, got '2_systole'; "
            "expected a row 2_Systole, got none",
        ),
        ("Id,P0,P2\n", "line 1: column 3: expected P1, got P2"),
        ("Id,P0,P1\n", "line 1: column 4: expected P2, got nothing"),
        (
            "id,edv_ml,esv_ml\n1,100\n2,200,120\n",
            "line 2: expected 3 values, got 2; expected a row 1, got none",
        ),
        (
            "id,edv_ml,esv_ml\n1,1OO,40\n2,200,\n",
            "line 2: edv_ml: expected a number, got '1OO'; "
            "line 3: esv_ml: expected a number, got ''",
        ),
        (
            "id,edv_ml,esv_ml\n1,-1,40\n2,inf,1\n",
            "line 2: edv_ml: expected at least 0, got -1; "
            "line 3: edv_ml: expected a number, got 'inf'",
        ),
        ("id,edv_ml,esv_ml\n,1,40\n1,1,1\n2,1,1\n", "line 2: expected an id, got nothing"),
        ("id,edv_ml,esv_ml,edv_sigma_ml\n", "line 1: expected esv_sigma_ml beside edv_sigma_ml"),
        ("id,edv_ml,esv_ml,edv_ml\n", "line 1: expected each column once"),
        (
            "id,edv_ml,esv_ml,edv_low_ml,edv_high_ml\n1,1,1,5,4\n2,2,2,1,3\n",
            "line 2: edv_high_ml: expected at least 5, got 4",
        ),
        (
            "name,edv\n",
            "expected columns Id, P0 to P599, or id, edv_ml, esv_ml, got name, edv",
        ),
        ("", "expected a CSV file with a header, got nothing"),
        ("id,edv_ml,esv_ml\n1,,\n2,,\n", "expected volumes of at least one study, got none"),
    ],
)
def test_problems_are_named_by_their_lines(refused, text, message):
    assert refused(text) == message


def test_only_the_first_problems_are_named(refused):
    text = "id,edv_ml,esv_ml\n" + "".join(f"x{n},1,1\n" for n in range(30))
    assert refused(text).endswith("line 11: x9: unknown id, which has no label; and 22 more")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Id,Systole\n1,2\n", "expected columns Id, Systole, Diastole, or id, edv_ml, esv_ml"),
        ("Id,Systole,Diastole\n1,50,40\n", "line 2: expected 0 <= ESV <= EDV, got 50 and 40"),
        (
            "Id,Systole,Diastole\n1,x,40\n1,1,2\n",
            "line 2: Systole: expected a number, got 'x'; line 3: 1: already in line 2",
        ),
        ("Id,Systole,Diastole\n", "expected a row for each study, got none"),
    ],
)
def test_malformed_labels_are_named(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(PredictionsError) as error:
        read_labels(tmp_path / "labels.csv")
    assert str(error.value).partition("labels.csv: ")[2].startswith(message)


def test_missing_and_binary_files_are_refused(score, tmp_path):
    with pytest.raises(PredictionsError, match=r"none\.csv: expected a CSV file, got No such"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00id\n")
    with pytest.raises(PredictionsError, match=r"binary\.csv: expected a CSV file"):
        read_labels(tmp_path / "binary.csv")
