from lvvol.report.text import describe_stack, format_number, listed, one_line
from tests.support.discs import disc_stack


def test_numbers_have_one_decimal():
    assert [format_number(x) for x in (0.0, 1.25, 12.34, float("nan"), float("inf"))] == [
        "0.0",
        "1.2",
        "12.3",
        "-",
        "-",
    ]


def test_nothing_that_steers_a_terminal_is_left():
    # Escape and CSI (7 and 8 bit), carriage return, backspace, a bidirectional override.
    assert one_line("a\x1b[31mb\x9b1mc\rd\be\u202ef\n") == "a [31mb 1mc d e f"
    assert one_line("Caf\xe9 \u5fc3\u81d3") == "Caf\xe9 \u5fc3\u81d3"


def test_items_are_wrapped_below_their_dash():
    assert listed(["one", "two " * 5, "a\x1b\nb"], 14) == [
        "  - one",
        "  - two two",
        "    two two",
        "    two",
        "  - a b",
    ]


def test_a_stack_with_even_and_with_uneven_gaps():
    stack = disc_stack(n_slices=3, n_phases=5)
    pixels = "160 x 152 pixels of 1.50 x 1.25 mm"
    assert describe_stack(stack) == f"3 slices 10.0 mm apart, 5 phases, {pixels}"
    stack.positions_mm[-1] += 10
    assert describe_stack(stack) == f"3 slices 10.0 to 20.0 mm apart, 5 phases, {pixels}"
