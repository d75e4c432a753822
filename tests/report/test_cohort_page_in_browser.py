"""`summary.html` in a real browser: filters choose rows and bars, headings sort."""

import shutil

import pytest

from lvvol.report.cohort.page import Line, make_cohort_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

LINES = [
    Line("p1", "ok", 150.0, 60.0, 60.0, ef_interval_percent=(55.0, 65.0), report="p1/report.html"),
    Line("p2", "review", 250.0, 180.0, 28.0, ef_interval_percent=(20.0, 40.0), reasons=("gap",)),
    Line("p10", "failed", error="NotDicomError", message="p10: found <nothing>"),
]


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "summary.html"
    path.write_text(make_cohort_page(LINES, "cohort"), encoding="utf-8")
    said = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: r.url[:5] in ("file:", "data:") or said.append(r.url))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert said == []


def shown(page):
    return page.eval_on_selector_all("#rows td:first-child", "cells => cells.map(c => c.innerText)")


def bars(page):
    """Heights of the coloured parts of EF's bars, by bin."""
    found = page.eval_on_selector_all(
        "[data-histogram='2']",
        """groups => groups.map(g => ['.ok', '.review'].map(
            name => Number(g.querySelector(name).getAttribute('height'))))""",
    )
    return {number: tuple(pair) for number, pair in enumerate(found) if any(pair)}


def test_filters_choose_and_headings_sort(page):
    assert shown(page) == ["p2", "p1", "p10"]
    assert bars(page) == {5: (0, 108), 12: (108, 0)}
    assert page.get_attribute("#rows a", "href") == "p1/report.html"
    page.click("[data-reason=gap]")
    assert (shown(page), bars(page)) == (["p2"], {5: (0, 108)})
    page.click("[data-reason=gap]")
    page.uncheck("[data-status=review]")
    assert shown(page) == ["p1", "p10"]
    page.click("#reset")
    page.fill("#find", "nothing")
    assert shown(page) == ["p10"]
    assert "NotDicomError: p10: found <nothing>" in page.inner_text("#rows")
    page.click("#reset")
    page.fill("#to", "50")
    assert (shown(page), page.inner_text("#shown")) == (["p2"], "1 of 3 shown")
    page.click("#reset")
    page.click("[data-histogram='2'][data-bin='12'] .hit", force=True)
    assert shown(page) == ["p1"]
    page.click("#reset")
    page.click("th[data-sort=id]")
    assert shown(page) == ["p1", "p2", "p10"]
    page.click("th[data-sort=edv]")
    assert shown(page) == ["p2", "p1", "p10"]
    assert bars(page) == {5: (0, 108), 12: (108, 0)}
