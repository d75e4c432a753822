import numpy as np
import pytest

from lvvol.report.slices import name_series, summarise_slices, usual_gap_mm
from tests.support.discs import disc_stack
from tests.support.surveys import a_stack


def test_summary_of_each_slice():
    slices = summarise_slices(a_stack())
    assert [s.number for s in slices] == [1, 2, 3, 4]
    assert [s.position_mm for s in slices] == [-15, -5, 15, 25]
    assert [s.gap_mm for s in slices] == [None, 10, 20, 10]
    assert [s.wide for s in slices] == [False, False, True, False]
    assert [s.series for s in slices] == ["5", "6", "7", "8"]


@pytest.mark.parametrize(
    ("apex", "ends"),
    [
        ("last", ["base", "", "", "apex"]),
        ("first", ["apex", "", "", "base"]),
        (None, ["", "", "", ""]),
    ],
)
def test_ends_are_named_if_known(apex, ends):
    assert [s.end for s in summarise_slices(a_stack(apex=apex))] == ends


# A tenth of the usual gap is 1 mm for 10 mm, but less than 1 mm for 4 mm.
@pytest.mark.parametrize(
    ("usual", "gap", "wide"),
    [(10, 10.9, False), (10, 11.1, True), (4, 4.9, False), (4, 5.1, True), (10, 5, False)],
)
def test_gap_is_wide_beyond_a_tenth_and_a_millimetre(usual, gap, wide):
    positions_mm = np.cumsum([0.0, usual, usual, gap, usual])
    stack = a_stack(5, positions_mm=positions_mm)
    assert usual_gap_mm(stack) == pytest.approx(usual)
    assert [s.wide for s in summarise_slices(stack)] == [False, False, False, wide, False]


def test_unknown_series():
    assert [s.series for s in summarise_slices(disc_stack(3, 5))] == ["", "", ""]


@pytest.mark.parametrize(
    ("number", "uid", "name"),
    [(7, "1.2", "7"), (0, "1.2", "0"), (None, "", ""), (None, "1.2.3", "1.2.3")],
)
def test_series_is_named_by_number_or_uid(number, uid, name):
    assert name_series(number, uid) == name


def test_long_uid_is_shortened_to_its_end():
    assert name_series(None, "1.2.840.113619.2.12345678") == "..12345678"
