import numpy as np
import pytest

from lvvol.report.slices import name_series, note_slices, usual_gap_mm
from tests.support.discs import disc_stack
from tests.support.surveys import a_stack


def test_each_slice_is_told_from_one():
    notes = note_slices(a_stack())
    assert [note.number for note in notes] == [1, 2, 3, 4]
    assert [note.position_mm for note in notes] == [-15, -5, 15, 25]
    assert [note.gap_mm for note in notes] == [None, 10, 20, 10]
    assert [note.wide for note in notes] == [False, False, True, False]
    assert [note.series for note in notes] == ["5", "6", "7", "8"]


@pytest.mark.parametrize(
    ("apex", "ends"),
    [
        ("last", ["base", "", "", "apex"]),
        ("first", ["apex", "", "", "base"]),
        (None, ["", "", "", ""]),
    ],
)
def test_the_ends_are_named_where_known(apex, ends):
    assert [note.end for note in note_slices(a_stack(apex=apex))] == ends


# The usual gap is 10 mm, so a tenth is 1 mm; at 4 mm a tenth would be less than 1 mm.
@pytest.mark.parametrize(
    ("usual", "gap", "wide"),
    [(10, 10.9, False), (10, 11.1, True), (4, 4.9, False), (4, 5.1, True), (10, 5, False)],
)
def test_a_gap_is_wide_beyond_a_tenth_and_a_millimetre(usual, gap, wide):
    positions_mm = np.cumsum([0.0, usual, usual, gap, usual])
    stack = a_stack(5, positions_mm=positions_mm)
    assert usual_gap_mm(stack) == pytest.approx(usual)
    assert [note.wide for note in note_slices(stack)] == [False, False, False, wide, False]


def test_a_stack_that_does_not_say_its_series():
    assert [note.series for note in note_slices(disc_stack(3, 5))] == ["", "", ""]


@pytest.mark.parametrize(
    ("number", "uid", "name"),
    [(7, "1.2", "7"), (0, "1.2", "0"), (None, "", ""), (None, "1.2.3", "1.2.3")],
)
def test_a_series_is_named_by_number_else_uid(number, uid, name):
    assert name_series(number, uid) == name


def test_a_long_uid_is_named_by_its_end():
    assert name_series(None, "1.2.840.113619.2.12345678") == "..12345678"
