from dataclasses import replace

import numpy as np

from lvvol.report.table import format_table
from lvvol.uncertainty import intervals
from tests.support.discs import disc_prediction
from tests.support.labelled_rows import calibration, sigma_model


def test_the_table_of_a_known_study():
    # Prisms of 30 mm on discs of radius 24 and 12 mm: 54.287 and 13.572 mL, so EF is 75 %.
    assert format_table(disc_prediction(n_slices=4, n_phases=5)) == "\n".join(
        [
            "4 slices 10.0 mm apart, 5 phases, 160 x 152 pixels of 1.50 x 1.25 mm",
            "",
            "  EDV     54.3 mL   phase 1 of 5",
            "  ESV     13.6 mL   phase 4 of 5",
            "  SV      40.7 mL",
            "  EF      75.0 %",
            "",
            "  No intervals: the errors of these weights are not known (lvvol calibrate).",
            "",
            "Status: ok",
            "",
            "Time",
            "  read           1.2 s",
            "  resample       0.2 s",
            "  roi            1.0 s",
            "  segment        2.0 s",
            "  volume         0.1 s",
            "  all stages     4.5 s",
        ]
    )


def test_intervals_stand_beside_their_values():
    """Of the known study, 90 % of a normal distribution lie within 1.645 standard deviations."""
    sigma = sigma_model(constant=np.log(10.0), volume=0.0)
    known = calibration(edv_sigma=sigma, esv_sigma=sigma)
    prediction = disc_prediction(n_slices=4, n_phases=5)
    lines = format_table(
        replace(prediction, intervals=intervals(prediction, known, 0.9))
    ).splitlines()
    assert lines[2] == "  EDV     54.3 mL   (38\N{EN DASH}71)   phase 1 of 5"
    assert lines[3] == "  ESV     13.6 mL   (0\N{EN DASH}30)    phase 4 of 5"
    assert lines[5].startswith("  EF      75.0 %    (")
    assert "  In brackets: intervals that hold the true value in 90 % of studies." in lines


def test_uneven_gaps_are_said():
    prediction = disc_prediction()
    prediction.stack.positions_mm[-1] += 10
    assert "10.0 to 20.0 mm apart" in format_table(prediction)


def test_every_reason_to_review_is_printed_and_wrapped():
    lines = format_table(disc_prediction(sentences=["one", "two " * 40])).splitlines()
    assert "Status: review" in lines
    assert "  - one [few_slices]" in lines
    assert sum("two" in line for line in lines) == 2
    assert max(map(len, lines)) <= 88


def test_an_undefined_ejection_fraction_is_a_dash():
    prediction = disc_prediction()
    prediction.volumes_ml[:] = 0
    assert "  EF         - %" in format_table(prediction).splitlines()
