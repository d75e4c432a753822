"""`summary.html`: counts, bins, and nothing that could run or load."""

import json
import re

import pytest

from lvvol.report.cohort import page
from lvvol.report.cohort.page import Histogram, Line, make_cohort_page


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def measured(name, ef, width, **options):
    ends = (ef - width / 2, ef + width / 2)
    return Line(name, "ok", 100.0, 50.0, ef, ef_interval_percent=ends, **options)


def test_bins_hold_what_is_from_their_start_to_the_next_and_the_last_all_beyond():
    histogram = Histogram("EF", "%", "ef_percent", 5, 20)
    for ef in (0.0, 4.99, 5.0, 99.0, 120.0, -3.0, None):
        histogram.add(Line("a", "ok", ef_percent=ef))
    counts = [counts["ok"] for counts in histogram.counts]
    assert (counts[0], counts[1], counts[19], sum(counts)) == (3, 1, 2, 6)
    assert histogram.most == 3


def test_the_widest_interval_comes_first_and_failures_last():
    lines = [
        measured("narrow", 60, 4),
        Line("bad", "failed", error="NotDicomError", message="no DICOM"),
        measured("wide", 50, 30),
        Line("without", "review", 90.0, 40.0, 55.0, reasons=("gap",)),
    ]
    text = make_cohort_page(lines, "cohort")
    rows = data_of(text)["rows"]
    assert [row[0] for row in rows] == ["wide", "narrow", "bad", "without"]
    assert rows[0][4] == [50, 35, 65]
    assert rows[3][2] == [90.0, None, None]
    assert rows[2][6:8] == ["NotDicomError", "no DICOM"]


def test_a_page_of_many_lists_the_widest_and_counts_all(monkeypatch):
    monkeypatch.setattr(page, "MOST_LISTED", 2)
    text = make_cohort_page([measured(f"p{i}", 50, i + 1) for i in range(5)], "cohort")
    data = data_of(text)
    assert [row[0] for row in data["rows"]] == ["p4", "p3"]
    assert data["total"] == 5
    assert "The table has the 2 studies" in text
    assert "<b>5</b> ok" in text
    assert data["bins"][2]["most"] == 5


def test_ids_and_messages_cannot_run():
    evil = "</script><script>alert(1)</script>"
    text = make_cohort_page([Line(evil, "failed", error=evil, message=evil)], evil)
    assert evil not in text
    assert data_of(text)["rows"][0][0] == evil
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("lines", [[Line("a", "failed", error="E")], [Line("a", "ok", 1.0, 1.0)]])
def test_one_study_has_a_page_too(lines):
    assert "1 study" in make_cohort_page(lines, "cohort")
