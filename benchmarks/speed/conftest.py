"""What the cases of the suite share: the study, the sizes, and figures beside times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed.contests import Settings
from lvvol.model import Model, load_model
from lvvol.phantom import make_phantom, write_study

FIGURES = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `benchmarks.speed.suite`."""
    parser.addoption("--study", type=Path, help="DICOM files of a study; a phantom by default")
    parser.addoption("--short", action="store_true", help="tiny inputs, one round")


def pytest_configure(config: pytest.Config) -> None:
    """Start without figures."""
    config.stash[FIGURES] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out two threads in the short mode."""
    if not config.getoption("--short"):
        return
    left_out = [item for item in items if _threads(item) == 2]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _threads(item: pytest.Item) -> int | None:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    contest = parameters.get("contest")
    return parameters.get("threads") if contest is None else contest.threads


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]
) -> None:
    """Add the figures that are no times of a case."""
    output_json["figures"] = config.stash[FIGURES]


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return figures beside times, by section; they land in the JSON."""
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def settings(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    figures: dict[str, Any],
) -> Settings:
    """Return the study and the sizes."""
    short, study = request.config.getoption("--short"), request.config.getoption("--study")
    if study is None:
        size = (
            {"n_slices": 6, "n_phases": 8, "rows": 96}
            if short
            else {"n_slices": 11, "n_phases": 30, "rows": 256}
        )
        phantom = make_phantom(2 if short else 8, **size)
        study = write_study(phantom, tmp_path_factory.mktemp("suite") / "study")
        figures["study"] = "phantom"
    else:
        figures["study"] = study.name
    return Settings(study.resolve(), short)


@pytest.fixture(scope="session")
def model() -> Model:
    """Return the shipped model."""
    return load_model()
