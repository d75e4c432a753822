"""`CineStack`: one line to print, whatever it holds."""

from tests.support.discs import disc_stack


def test_a_stack_with_even_and_with_uneven_gaps():
    stack = disc_stack(n_slices=3, n_phases=5)
    pixels = "160 x 152 pixels of 1.50 x 1.25 mm"
    assert stack.describe() == f"3 slices 10.0 mm apart, 5 phases, {pixels}"
    stack.positions_mm[-1] += 10
    assert stack.describe() == f"3 slices 10.0 to 20.0 mm apart, 5 phases, {pixels}"


def test_a_stack_prints_one_line():
    pixels = "160 x 152 pixels of 1.50 x 1.25 mm"
    assert repr(disc_stack(n_slices=3)) == (
        f"CineStack(3 slices 10.0 mm apart, 5 phases, {pixels}, 0 warnings)"
    )
    assert repr(disc_stack(n_slices=1)) == f"CineStack(1 slice, 5 phases, {pixels}, 0 warnings)"
