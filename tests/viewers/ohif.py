"""OHIF in a headless browser: open a study with its cine SEG and look at every phase of a slice."""

import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Error, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
PATIENCE_MS = 900_000
"""A machine without a graphics card that others use too takes minutes."""

SETTLED_MS = 3000
LEAST_COLOUR = 40
"""Difference of the channels of a pixel from which it counts as coloured: images are grey."""

# Viewports of volumes have no method of their own to go to an image.
GO_TO = """index => {
  const viewport = window.cornerstone.getRenderingEngines()[0].getViewports()[0];
  if (viewport.setImageIdIndex) return viewport.setImageIdIndex(index).then(() => null);
  window.cornerstone.utilities.jumpToSlice(viewport.element, { imageIndex: index });
}"""
WHEEL_MS = NOTICE_MS = 60_000

VIEWPORT = "window.cornerstone.getRenderingEngines()[0].getViewports()[0]"


@dataclass(frozen=True)
class Seen:
    """What the viewer shows at one phase.

    Parameters
    ----------
    sop_instance_uid : str
        The image in the viewport.
    coloured : int
        Pixels of the segmentation in the middle of the picture.
    screenshot : Path
        The viewport.
    by_wheel : bool
        Whether the mouse wheel led there from the phase before.
    """

    sop_instance_uid: str
    coloured: int
    screenshot: Path
    by_wheel: bool


@contextmanager
def opened(address, study_uid):
    """Open a study; at the end the browser is closed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{address}/viewer?StudyInstanceUIDs={study_uid}", wait_until="commit")
        page.wait_for_function(
            f"() => {{ try {{ return {VIEWPORT}.getCurrentImageId() }} catch {{ return null }} }}"
        )
        for notice in ("Skip all", "Confirm and hide"):  # they cover the page
            with suppress(Error):  # not shown
                page.get_by_text(notice, exact=True).first.click(timeout=NOTICE_MS)
        try:
            yield page
        finally:
            browser.close()


def load_segmentation(page):
    """Double-click the thumbnail of the segmentation and agree to open it."""
    thumbnails = page.locator("[data-cy='study-browser-thumbnail-no-image']")
    thumbnails.filter(has_text="SEG").first.dblclick()
    agree = page.get_by_role("button", name="Yes")
    loaded = "() => window.services.segmentationService.getSegmentations().length > 0"
    for _ in range(PATIENCE_MS // 2000):
        if agree.count():
            agree.first.click()
        if page.evaluate(loaded):
            break
        page.wait_for_timeout(2000)
    page.wait_for_function(loaded)


def look_at(page, uids, folder):
    """Show the images of one slice, phase by phase, and take a picture of each.

    Parameters
    ----------
    page
        From `opened`, with the segmentation loaded.
    uids : sequence of str
        SOP Instance UIDs of the phases.
    folder : Path
        Where to write the pictures.

    Returns
    -------
    list of Seen
        One a phase.
    """
    names = page.evaluate(f"() => {VIEWPORT}.getImageIds()")
    pane = page.locator("canvas.cornerstone-canvas").first
    seen = []
    for number, uid in enumerate(uids, start=1):
        (index,) = [i for i, name in enumerate(names) if f"/instances/{uid}/" in name]
        now = page.evaluate(f"() => {VIEWPORT}.getCurrentImageIdIndex()")
        there = f"i => {VIEWPORT}.getCurrentImageIdIndex() === i"
        by_wheel = index == now + 1  # as a person goes through the beat
        if by_wheel:
            pane.hover()
            page.mouse.wheel(0, 100)
            try:
                page.wait_for_function(there, arg=index, timeout=WHEEL_MS)
            except Error:  # in time
                by_wheel = False
        if not by_wheel:
            page.evaluate(GO_TO, index)
            page.wait_for_function(there, arg=index)
        page.wait_for_timeout(SETTLED_MS)
        path = folder / f"phase_{number:02d}.png"
        pane.screenshot(path=path)
        seen.append(Seen(uid, count_coloured(path), path, by_wheel))
    return seen


def count_coloured(path):
    """Return the coloured pixels in the middle of a picture; texts lie in its corners."""
    picture = cv2.imread(str(path)).astype(int)
    rows, columns = picture.shape[:2]
    middle = picture[rows // 6 : rows - rows // 6, columns // 6 : columns - columns // 6]
    return int(np.count_nonzero(np.ptp(middle, axis=2) >= LEAST_COLOUR))
