import numpy as np
import pytest

from lvvol.cine import Decision
from lvvol.report.survey import WIDTH, format_survey
from lvvol.status import Code, Reason
from tests.support.surveys import a_series, a_stack, a_survey, a_survey_without_stack


def test_the_tables_of_a_known_study():
    assert format_survey(a_survey()) == "\n".join(
        [
            "5 series in 25 files",
            "  No.  Description  View        Slices  Phases  mm    Used  Why",
            "    5  sax          short axis       1       5  1.50  yes   slice 1",
            "    6  sax          short axis       1       5  1.50  yes   slice 2",
            "    7  sax          short axis       1       5  1.50  yes   slice 3",
            "    8  sax          short axis       1       5  1.50  yes   slice 4",
            "   20  4ch          long axis        1       5  1.50  no    it is tilted",
            "",
            "Stack: 4 slices 10.0 to 20.0 mm apart, 5 phases, 160 x 152 pixels of 1.50 x 1.25 mm",
            "  Slice  Position, mm  Gap, mm  Series  Time, ms",
            "      1         -15.0        -       5  0 to 120  base",
            "      2          -5.0     10.0       6  0 to 120",
            "      3          15.0     20.0       7  0 to 120  wide gap, usually 10.0 mm",
            "      4          25.0     10.0       8  0 to 120  apex",
            "",
            "Reasons to review",
            "  - Slices are unevenly spaced. [gap]",
            "",
            "Decisions",
            "  - Excluded series 20 (4ch). Its plane is tilted. (2 files, first: 4ch/a.dcm)",
            "  - Matched phases. One is missing. (sax/c.dcm)",
            "  - Skipped 2 files (first: a.txt). Not DICOM.",
            "  - Measured slice gaps from positions. Other attributes are only compared.",
        ]
    )


def test_study_without_a_stack_lists_its_series():
    text = format_survey(a_survey_without_stack())
    assert "Stack: none" in text.splitlines()
    assert text.splitlines()[:7] == format_survey(a_survey()).splitlines()[:7]
    assert "Excluded series 20" in text


def test_singular_and_empty_lists():
    text = format_survey(a_survey(series=(a_series(n_files=1),), reasons=(), decisions=()))
    assert text.startswith("1 series in 1 file\n")
    assert "Reasons to review: none" in text.splitlines()
    assert text.splitlines()[-1] == "Decisions: none"


def test_ranges_within_a_series():
    text = format_survey(
        a_survey(
            series=(
                a_series(
                    views=("long axis", "short-axis still"),
                    n_phases=(20, 30),
                    n_planes=12,
                    n_slices_used=10,
                    pixel_spacing_mm=(1.5, 1.25),
                ),
            )
        )
    )
    assert text.splitlines()[1:5] == [
        "  No.  Description  View        Slices  Phases  mm      Used  Why",
        "    5  sax          long axis,      12   20-30  1.50 x  10    slice 1",
        "                    short-axis                  1.25",
        "                    still",
    ]


def test_ambiguous_series_numbers_add_folder_and_uid():
    series = (
        a_series(5, uid="1.2.3.1"),
        a_series(5, uid="1.2.3.2"),
        a_series(6, uid="1.2.3.3"),
        a_series(None, uid=""),
    )
    lines = format_survey(a_survey(series=series)).splitlines()
    assert lines[2].endswith("slice 1; folder sax_5; UID 1.2.3.1")
    assert lines[3].endswith("slice 1; folder sax_5; UID 1.2.3.2")
    assert lines[4].endswith("slice 1")  # its number is unique
    assert lines[5].split()[0] == "-"


def test_end_slice_after_a_wide_gap():
    lines = format_survey(a_survey(stack=a_stack(3))).splitlines()
    assert any(line.endswith("7  0 to 120  apex, wide gap, usually 15.0 mm") for line in lines)


def test_time_range_with_repeated_or_missing_times():
    stack = a_stack(3, positions_mm=np.array([-10.0, -0.01, 10.0]))
    stack.times_ms[0, -1] = 0  # filled with the first image
    stack.times_ms[1, 0] = float("nan")
    lines = format_survey(a_survey(stack=stack)).splitlines()
    rows = lines[lines.index("Reasons to review") - 4 : lines.index("Reasons to review") - 1]
    assert [row.split()[4:7] for row in rows] == [
        ["0", "to", "90"],
        ["30", "to", "120"],
        ["0", "to", "120"],
    ]
    assert rows[1].split()[1] == "0.0"  # not -0.0


def test_unknown_values():
    stack = a_stack(apex=None, series_numbers=(), series_uids=())
    stack.times_ms[1:] = float("nan")
    series = (a_series(description=""), a_series(6, description=""))
    lines = format_survey(a_survey(stack=stack, series=series)).splitlines()
    assert lines[1].split() == ["No.", "View", "Slices", "Phases", "mm", "Used", "Why"]
    row = next(line for line in lines if line.split()[:2] == ["2", "-5.0"])
    assert row.split()[3:] == ["-", "-"]  # series, time
    assert "  The apical end of the stack is unknown." in lines


def test_lines_are_wrapped_without_losing_words():
    why = " ".join(f"word{i}" for i in range(60))
    series = tuple(
        a_series(
            1000 + i,
            description="a description of nearly sixty-four characters as DICOM allows",
            views=("short-axis still", "localiser", "other cine"),
            n_phases=(100, 200),
            n_planes=1000,
            pixel_spacing_mm=(1.5, 1.25),
            why=why,
        )
        for i in range(3)
    )
    survey = a_survey(
        series=series,
        reasons=(Reason(Code.GAP, why),),
        decisions=(Decision(why, why, ("folder/" * 30 + "file.dcm",)),),
    )
    lines = format_survey(survey).splitlines()
    assert max(map(len, lines)) <= WIDTH == 100
    for word in why.split():
        assert sum(word in line.split() for line in lines) == 3 + 1 + 2


def test_overlong_description_is_shortened():
    text = format_survey(a_survey(series=(a_series(description="x" * 5000),)))
    assert text.count("x") < 5000 / 10
    assert ".." in text


def test_control_characters_are_removed():
    evil = "a\x1b[2Jb\x9b31mc\r\x07\u202ed\nnew line"
    stack = a_stack(series_numbers=(None,) * 4, series_uids=(evil,) * 4)
    survey = a_survey(
        series=(a_series(None, uid=evil, description=evil, why=evil), a_series(None, uid=evil)),
        stack=stack,
        reasons=(Reason(Code.GAP, evil),),
        decisions=(Decision(evil, evil, (evil,)),),
    )
    text = format_survey(survey)
    assert text.replace("\n", "").isprintable()
    assert not any(line.startswith("new line") for line in text.splitlines())


@pytest.mark.parametrize(("n_decisions", "more"), [(60, None), (61, 1), (100, 40)])
def test_many_decisions_are_counted(n_decisions, more):
    decisions = tuple(Decision(f"Decision {i}.", "Why.") for i in range(n_decisions))
    lines = format_survey(a_survey(decisions=decisions)).splitlines()
    shown = sum(line.startswith("  - Decision") for line in lines)
    assert shown == min(n_decisions, 60)
    assert (lines[-1] == f"  and {more} more (use --json to list all)") == (more is not None)
