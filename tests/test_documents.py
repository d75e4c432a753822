"""Documents that would go stale unnoticed."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import lvvol
from lvvol import errors
from lvvol.cli import (
    BROKEN_PIPE_EXIT_CODE,
    BUG_EXIT_CODE,
    INTERRUPTED_EXIT_CODE,
    OUT_OF_MEMORY_EXIT_CODE,
)

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def test_exit_codes_are_those_of_the_errors():
    table = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)`)? ?\| (.+) \|$", table, re.MULTILINE)
    written = {name: (int(code), when) for code, name, when in rows if name}
    assert written == {
        kind.__name__: (kind.exit_code, kind.__doc__.splitlines()[0].rstrip("."))
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.LvvolError)
    }
    others = {int(code) for code, name, _ in rows if not name}
    ours = {BUG_EXIT_CODE, OUT_OF_MEMORY_EXIT_CODE, INTERRUPTED_EXIT_CODE, BROKEN_PIPE_EXIT_CODE}
    assert others == {0, 2} | ours


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_citation_names_this_version_and_the_paper():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in citation
    assert "arXiv:1702.03833" in citation


def test_architecture_names_every_room():
    package = ROOT / "python" / "lvvol"
    rooms = {
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" or any(path.glob("*.*"))) and not path.name.startswith("_")
    }
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert sorted(room for room in rooms - {"py"} if f"`{room}`" not in text) == []


def test_the_reference_has_every_public_name_and_every_command():
    spec = importlib.util.spec_from_file_location("conf", ROOT / "docs" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    listed = [name for names in conf.grouped_names().values() for name in names]
    of_errors = [name for name in lvvol.__all__ if name in conf.documented_errors()]
    assert sorted([*listed, *of_errors, "__version__"]) == sorted(lvvol.__all__)
    lines = {line.strip() for line in conf.api_page().splitlines()}
    assert [name for name in listed if not {name, f"lvvol.{name}"} & lines] == []
    commands = {name for name, _ in conf.help_texts(conf.command_line, "lvvol")}
    assert {f"lvvol {name}" for name in conf.command_line.names} < commands
    assert "lvvol train detector" in commands
