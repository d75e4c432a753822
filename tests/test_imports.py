"""Who may import whom: data flows one way, and heavy libraries stay in their rooms.

docs/architecture.md has the same rules in a table.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lvvol
from lvvol.phantom import make_phantom, write_study

TESTS = Path(__file__).parent
PACKAGE = next(p for p in map(Path, lvvol.__path__) if (p / "errors.py").exists())
BASE = {
    *("errors", "typing", "status", "output", "cine", "survey", "geometry", "motion", "planes"),
    *("windows", "contours", "slice_choice"),
}

MAY_IMPORT = {
    "__init__": {
        *("cascade", "cine", "dicom", "errors", "model", "planes", "prediction", "status"),
        *("survey", "volume", "windows"),
    },
    "__main__": {"cli"},
    "errors": set(),
    "typing": set(),
    "output": {"errors"},
    "status": set(),
    "cine": {"status", "typing"},
    "survey": {"cine", "errors", "status"},
    "geometry": {"_core", "typing"},
    "motion": {"typing"},
    "planes": {"_core", "typing"},
    "windows": {"_core", "planes", "typing"},
    "cascade": {"_core", "output", "typing"},
    "patches": {"networks", "typing", "windows"},
    "contours": {"typing"},
    "slice_choice": {"errors"},
    "quantities": BASE | {"prediction", "provenance"},
    "prediction": {
        *("cine", "contours", "roi", "slice_choice", "status", "typing", "uncertainty", "volume"),
    },
    "volume": {"typing"},
    "papillary": {"planes", "prediction", "typing", "volume"},
    "preprocess": BASE,
    "sources": {"errors"},
    "dicom": BASE | {"_core", "provenance", "sources"},
    "networks": BASE | {"_core", "kernels"},
    "kernels": {"_core", "errors", "typing", "windows"},
    "roi": BASE | {"cascade"},
    "quality": BASE | {"prediction", "roi"},
    "uncertainty": BASE | {"roi", "volume"},
    "pipeline": BASE
    | {"cascade", "networks", "patches", "prediction", "preprocess", "quality", "roi"},
    "model": BASE
    | {"cascade", "dicom", "networks", "pipeline", "prediction", "roi", "uncertainty"},
    "datasets": BASE | {"dicom", "phantom", "preprocess"},
    "train": BASE | {"cascade", "datasets", "networks", "patches", "preprocess", "roi", "volume"},
    "evaluate": BASE | {"datasets", "model", "prediction", "roi", "uncertainty", "volume"},
    "phantom": BASE | {"volume"},
    "provenance": {"sources"},
    "export": BASE | {"dicom", "prediction", "provenance", "quantities", "volume"},
    "measure": BASE | {"datasets", "export", "volume"},
    "report": BASE
    | {"export", "measure", "prediction", "provenance", "quantities", "uncertainty", "volume"},
    "cohort": BASE | {"dicom", "model", "prediction", "provenance", "report", "sources", "volume"},
    "service": {"cohort", "errors", "sources"},
    "cli": {
        "bench",
        "cohort",
        "datasets",
        "dicom",
        "errors",
        "evaluate",
        "measure",
        "model",
        "output",
        "papillary",
        "phantom",
        "provenance",
        "report",
        "service",
        "train",
        "typing",
        "uncertainty",
    },
    "bench": BASE | {"model", "networks", "prediction"},
    "weights": set(),
}
ONLY_IN = {
    "pydicom": {"dicom", "export", "phantom/export", "service"},
    "highdicom": {"export"},
    "nibabel": {"datasets", "export"},
    "jinja2": {"report"},
    "PIL": {"report"},
    "matplotlib": {"report/evaluation", "train"},
    "click": {"cli"},
    "rich": {"cli"},
    "dicomweb_client": {"service"},
    "requests": {"service"},
    "dask": {"cohort"},
    "dask_jobqueue": {"cohort"},
    "distributed": {"cohort"},
    "torch": {"kernels", "networks", "train", "volume"},
    "safetensors": {"networks"},
    "triton": {"kernels"},
    "cv2": {"datasets", "papillary", "report"},
}


def room_of(path):
    """The first step of a module's name below lvvol."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path):
    """Dotted names that a module imports anywhere, inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "lvvol":
                yield from (f"lvvol.{alias.name}" for alias in node.names)


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def test_the_rule_covers_every_room():
    assert {room_of(path) for path in modules()} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_one_way(path):
    room = room_of(path)
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "lvvol" and rest:
            target = rest.split(".")[0]
            assert target == room or target in MAY_IMPORT[room], f"{room} imports {target}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    for name in imported(path):
        library = name.partition(".")[0]
        if library in ONLY_IN:
            rooms = {room_of(path), str(path.parent.relative_to(PACKAGE))}
            assert rooms & ONLY_IN[library], f"{room_of(path)} imports {library}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_package_imports_neither_benchmarks_nor_tests(path):
    tops = {name.partition(".")[0] for name in imported(path)}
    assert not tops & {"benchmarks", "tests"}


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("*.py")), ids=lambda p: str(p.relative_to(TESTS))
)
def test_only_tests_of_benchmarks_import_them(path):
    tops = {name.partition(".")[0] for name in imported(path)}
    assert "benchmarks" not in tops or path.is_relative_to(TESTS / "benchmarks")


def test_the_rule_has_no_circle():
    done, under_way = set(), []

    def visit(room):
        assert room not in under_way, f"circle through {[*under_way, room]}"
        if room in done:
            return
        under_way.append(room)
        for target in MAY_IMPORT.get(room, ()):
            visit(target)
        done.add(under_way.pop())

    for room in MAY_IMPORT:
        visit(room)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("lvvol.cli", {"numpy", "torch", "cv2", "pydicom"}),
        ("lvvol.volume", {"torch", "cv2", "pydicom"}),
        ("lvvol.preprocess", {"torch", "cv2", "pydicom"}),
        ("lvvol.roi", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.dicom", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.table", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.files", {"numpy", "torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.write", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.survey", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.survey_json", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.report.overlay", {"torch", "pydicom", "click"}),
        ("lvvol.report.contact_sheet", {"torch", "pydicom", "click"}),
        ("lvvol.phantom", {"torch", "pydicom", "click"}),
        ("lvvol.uncertainty", {"torch", "cv2", "pydicom", "click", "scipy"}),
        ("lvvol.networks.inference", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.pipeline", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.model", {"torch", "cv2", "pydicom", "click"}),
        ("lvvol.train", {"click", "lvvol.model", "lvvol.pipeline", "pydicom"}),
    ],
)
def test_a_fresh_interpreter_loads_no_more_than_a_room_needs(module, absent):
    code = f"import sys, {module}; print(*sorted({absent!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_plain_studies_are_read_without_pydicom(tmp_path):
    """Importing it takes longer than reading them."""
    study = write_study(make_phantom(1, n_slices=3, n_phases=4, rows=64), tmp_path)
    code = f"import sys, lvvol; lvvol.load_study({str(study)!r}); print('pydicom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
