"""`report.html` in a real browser: it draws, beats, and obeys keyboard, mouse and touch."""

import shutil
from dataclasses import replace

import pytest

from lvvol.provenance import Provenance
from lvvol.report.page import make_page
from tests.support.discs import ES_PHASE, disc_prediction

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

YELLOW = """canvas => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) n += data[i] > 200 && data[i + 2] < 120;
  return n;
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    prediction = disc_prediction(n_slices=4, n_phases=8, sentences=["few slices"])
    stack = replace(prediction.stack, cycles_ms=(400.0,) * 4)
    path = tmp_path_factory.mktemp("page") / "report.html"
    page = make_page(replace(prediction, stack=stack), Provenance())
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    """Open the page; at the end nothing must have been loaded and no error said."""
    contexts, said = [], []

    def heard(message):
        if "willReadFrequently" not in message.text:  # of these tests, which read pixels back
            said.append(message.text)

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: request.url[:5] in ("file:", "data:") or said.append(request.url),
        )
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def phase(page):
    return int(page.locator("#phase").input_value())


def test_it_beats_and_stops(opened):
    page = opened()
    seen = {phase(page)}
    for _ in range(200):
        page.wait_for_timeout(50)
        seen.add(phase(page))
        if len(seen) > 2:
            break
    assert len(seen) > 2
    page.get_by_role("button", name="Pause").click()
    stopped = phase(page)
    page.wait_for_timeout(150)
    assert phase(page) == stopped


def test_contours_follow_the_phase_and_can_be_hidden(opened):
    page = opened(reduced_motion="reduce")
    large = page.locator("#large")
    drawn = [large.evaluate(YELLOW)]
    page.locator("#phase").fill(str(ES_PHASE))
    drawn.append(large.evaluate(YELLOW))
    assert drawn[0] > 1.5 * drawn[1] > 0  # radii of 24 and 12 mm
    page.get_by_role("checkbox", name="Contours").uncheck()
    assert large.evaluate(YELLOW) == 0
    assert page.locator("canvas.still").first.evaluate(YELLOW) > 0


def test_keys_step_and_choose(opened):
    page = opened(reduced_motion="reduce")
    page.locator("#player").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert phase(page) == 2
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert page.locator("#large-caption").inner_text().startswith("Slice 2 of 4, phase 2:")
    page.keyboard.press("c")
    assert not page.get_by_role("checkbox", name="Contours").is_checked()
    page.keyboard.press(" ")
    assert page.locator("#play").inner_text() == "Pause"


def test_fields_and_slices_are_chosen_by_mouse(opened):
    page = opened(reduced_motion="reduce")
    page.locator("#map td[data-z='0'][data-t='5']").click()
    assert page.locator("#large-caption").inner_text().startswith("Slice 1 of 4, phase 6:")
    page.get_by_role("button", name="Slice 4").click()
    assert page.locator("#large-caption").inner_text().startswith("Slice 4 of 4, phase 6:")


def test_a_finger_moves_through_the_beat_on_a_phone(opened):
    page = opened(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True,
        reduced_motion="reduce",
    )  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    large = page.locator("#large")
    large.scroll_into_view_if_needed()
    box = large.bounding_box()
    x, y = box["x"] + 20, box["y"] + 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 2, y, steps=4)
    page.mouse.up()
    assert phase(page) == 4  # half of 8 phases
    page.locator("button.thumb").first.tap()
    assert page.locator("#large-caption").inner_text().startswith("Slice 1")
