"""Status and reasons: their page lists every code, and every code is in use."""

import re
from pathlib import Path

import lvvol.status
from lvvol.status import Code, Reason, Status
from tests.support.discs import disc_prediction

ROOT = Path(__file__).parents[1]


def test_the_page_lists_every_code():
    text = (ROOT / "docs/status.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted([*Code, *Status])


def test_every_code_is_in_use():
    package = Path(lvvol.status.__file__).parent
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in package.rglob("*.py")
        if path.name != "status.py"
    )
    assert [code for code in Code if f"Code.{code.name}" not in source] == []


def test_a_measurement_without_reasons_is_ok():
    assert disc_prediction().status == Status.OK == "ok"
    assert disc_prediction(sentences=["gap"]).status == Status.REVIEW == "review"


def test_a_reason_prints_its_sentence():
    assert f"{Reason(Code.GAP, 'Slices are unevenly spaced.')}" == "Slices are unevenly spaced."
