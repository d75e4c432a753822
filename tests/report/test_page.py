"""`report.html`: what it says, and that it keeps silent about the patient and loads nothing."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from lvvol.cine import Decision
from lvvol.provenance import Patient, Provenance
from lvvol.report.distributions import draw_distributions
from lvvol.report.page import make_page
from lvvol.uncertainty import Intervals, Joint
from tests.support.discs import ED_RADIUS_MM, disc_prediction

NAMED = Patient(name="Doe Jane", patient_id="P-17", birth_date="19700102", study_date="20240305")


def page_of(prediction=None, **provenance):
    return make_page(prediction or disc_prediction(), Provenance(**provenance))


def data_of(page):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    )


class Tags(HTMLParser):
    """Every tag must be closed in order, apart from those that HTML leaves open."""

    OPEN = frozenset({"meta", "link", "br", "input", "path", "circle", "polyline", "img"})

    def __init__(self, page):
        super().__init__()
        self.stack, self.seen = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.OPEN:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_page_is_whole():
    tags = Tags(page_of(disc_prediction(sentences=["few slices"])))
    assert tags.stack == []
    labels = [attrs for tag, attrs in tags.seen if tag in ("canvas", "svg")]
    assert all("aria-label" in attrs or attrs.get("aria-hidden") for attrs in labels)
    assert dict(tags.seen)["html"] == {"lang": "en"}


def test_nothing_is_loaded_from_elsewhere():
    page = page_of()
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    assert "default-src 'none'" in page


def test_volumes_status_and_reasons_are_said():
    page = page_of(disc_prediction(sentences=["few slices"]))
    for said in ("<b>54.3</b>", "<b>13.6</b>", "<b>75.0</b>", "Status: review", "few slices"):
        assert said in page
    assert "Research use only" in page
    assert "Status: ok" in page_of()


def test_texts_of_files_cannot_change_the_page():
    evil = '</script><script>alert("x")</script>'
    stack = replace(
        disc_prediction().stack, study_uid=evil, decisions=(Decision(evil, evil, (evil,)),)
    )
    page = page_of(replace(disc_prediction(sentences=[evil]), stack=stack))
    assert page.count("<script") == 2
    assert "alert(&#34;x&#34;)" in page


def test_the_patient_is_named_only_if_asked():
    assert not re.search("Doe|P-17|1970|2024", page_of())
    for said in ("Doe Jane", "P-17", "19700102", "20240305"):
        assert said in page_of(patient=NAMED)


def test_volumes_per_body_surface_area_need_height_and_weight():
    assert "EDVi" not in page_of(patient=Patient(height_cm=180))
    page = page_of(patient=Patient(height_cm=180, weight_kg=80))  # BSA 2 m2
    assert "EDVi" in page
    assert "<b>27.1</b>" in page


def test_heart_rate_and_output_are_those_of_the_cycle():
    prediction = disc_prediction()
    assert "cardiac output" not in page_of(prediction)
    stack = replace(prediction.stack, cycles_ms=(1000.0, 900.0, 1000.0, float("nan")))
    page = page_of(replace(prediction, stack=stack))
    assert "<b>60.0</b>" in page
    assert "<b>2.4</b>" in page  # 40.7 mL a beat
    assert "which differ by 10 %" in page
    assert data_of(page)["cycle"] == 1000


def test_contours_are_drawn_where_the_sprites_show_the_cavity():
    data = data_of(page_of())
    (points,) = data["slices"][0]["contours"][0]
    x, y = np.array(points).reshape(-1, 2).T / 10
    # The view is 80 mm of ROI and 15 mm on either side, on 192 pixels.
    per_mm = data["tile"] / 110
    assert np.hypot(x - 96, y - 96) == pytest.approx(ED_RADIUS_MM * per_mm, abs=0.5)
    assert len(data["slices"]) == 4
    assert data["slices"][0]["areas"] == [1810, 1018, 1018, 452, 1018]


def test_the_curve_ends_at_the_last_phase_and_marks_both():
    page = page_of()
    assert len(data_of(page)["xs"]) == 5
    assert ">ED</text>" in page
    assert ">ES</text>" in page
    assert "ms after the R wave" in page
    stack = replace(disc_prediction().stack, times_ms=np.full((4, 5), np.nan))
    assert "ms after the R wave" not in page_of(replace(disc_prediction(), stack=stack))


def test_a_study_without_cavity_has_a_page():
    prediction = replace(disc_prediction(), areas_mm2=np.zeros((4, 5)))
    assert "<b>-</b>" in page_of(prediction)


def test_eleven_slices_of_thirty_phases_stay_below_6_mb():
    prediction = disc_prediction(n_slices=11, n_phases=30)
    noise = np.random.default_rng(1).normal(0, 20, prediction.stack.images.shape)
    prediction.stack.images[:] += noise.astype(np.float32)
    assert len(page_of(prediction)) < 6e6


def with_intervals(edv_ml=150.0, esv_ml=60.0):
    intervals = Intervals(
        source="none", level=0.9, joint=Joint(edv_ml, esv_ml, 10.0, 5.0, 0.5),
        edv_interval_ml=(130.0, 170.0), esv_interval_ml=(50.0, 70.0),
        sv_interval_ml=(70.0, 110.0), ef_interval_percent=(54.0, 66.0),
    )  # fmt: skip
    return replace(disc_prediction(), intervals=intervals)


def shape_of(picture, style):
    """Left and right end and highest place of a distribution, and the axis: pixels by value."""
    outline = re.search(rf'class="density {style}" d="M([^"]+)Z"', picture)[1]
    points = np.array([[float(n) for n in p.split()] for p in outline.split("L")])
    ticks = re.findall(r'class="tick low" x="([\d.]+)" y="\d+">(\d+)<', picture)
    per, start = np.polyfit([float(x) for x, _ in ticks], [float(v) for _, v in ticks], 1)
    ends = points[[0, -1], 0] * per + start
    return ends, points[points[:, 1].argmin(), 0] * per + start


def test_distributions_lie_where_the_volumes_are():
    volumes, ef = draw_distributions(with_intervals())
    ends, peak = shape_of(volumes, "ed")
    assert peak == pytest.approx(150, abs=1)
    # A normal density falls to 0.003 of its peak at 3.4 standard deviations.
    np.testing.assert_allclose(ends, [150 - 34, 150 + 34], atol=1.5)
    ends, peak = shape_of(volumes, "es")
    assert peak == pytest.approx(60, abs=1)
    np.testing.assert_allclose(ends, [60 - 17, 60 + 17], atol=1.5)
    _, peak = shape_of(ef, "ef")
    assert peak == pytest.approx(60, abs=1.5)
    assert "EDV 150.0 mL (130\N{EN DASH}170)" in volumes
    assert "EF 60.0 % (54\N{EN DASH}66)" in ef


def test_distributions_are_in_the_page_where_there_are_intervals():
    page = page_of(with_intervals())
    assert page.count("Predicted distribution: ") == 2
    assert "the 90 % interval" in page
    assert Tags(page).stack == []
    assert "Predicted distribution" not in page_of()
    assert draw_distributions(disc_prediction()) == ()
    # Beyond the range of the distribution there is nothing to draw.
    (volumes, _) = draw_distributions(with_intervals(edv_ml=900.0))
    assert "density es" in volumes
    assert "density ed" not in volumes
