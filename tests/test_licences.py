"""Dependencies' licences are those that the documentation lists, and none is copyleft."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NAMES = sorted(
    {
        re.match(r"[\w-]+", wanted)[0]
        for wanted in [
            *PROJECT["dependencies"],
            *(name for some in EXTRAS.values() for name in some),
        ]
    }
)
# Words of metadata, which has free text, classifiers or an SPDX expression.
WORDS = {
    "Apache-2.0": r"Apache( License)?[- ]?(Version )?2\.0|Apache Software License",
    "BSD-3-Clause": r"BSD",
    "MIT": r"MIT",
    "MIT-CMU": r"MIT-CMU|HPND",
    "PSF-based": r"Python Software Foundation|PSF|matplotlib",
}


def table():
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w-]+)(?: \(.*?\))? \| ([\w.-]+) \| .+ \|$", text, re.MULTILINE)
    return {name: licence for name, licence in rows if name != "package"}


def licence_of(name):
    data = metadata.metadata(name)
    classifiers = [c for c in data.get_all("Classifier", []) if c.startswith("License")]
    # The whole text, where it is given, quotes those of others.
    heading = (data.get("License-Expression") or data.get("License") or "").strip().splitlines()[:1]
    return "\n".join([*heading, *classifiers])


def test_the_table_has_every_dependency_and_no_other():
    assert sorted(table()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_licence_is_the_one_in_the_table(name):
    try:
        found = licence_of(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    assert re.search(WORDS[table()[name]], found), found
    assert not re.search(r"\bA?GPL|General Public License", found), found


def test_the_check_would_notice_the_gpl():
    assert re.search(r"\bA?GPL|General Public License", licence_of("pylibjpeg-libjpeg"))
