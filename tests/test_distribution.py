"""What releases are built from names things that exist."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_wheels_are_built_for_every_python_that_is_supported_and_for_three_platforms():
    wheels = PROJECT["tool"]["cibuildwheel"]
    lowest = re.search(r">=3\.(\d+)", PROJECT["project"]["requires-python"]).group(1)
    assert wheels["build"][0] == f"cp3{lowest}-*"
    assert wheels["linux"]["archs"] == ["x86_64", "aarch64"]
    assert {v for k, v in wheels["linux"].items() if k.endswith("-image")} == {"manylinux_2_28"}
    assert wheels["macos"]["archs"] == ["arm64"]


def test_the_container_installs_extras_that_exist_and_is_not_root():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    extras = {name for found in re.findall(r"\[([a-z,]+)\]", text) for name in found.split(",")}
    assert extras == {"export", "dask", "dicomweb"}
    assert extras <= PROJECT["project"]["optional-dependencies"].keys()
    assert text.index("\nUSER lvvol") < text.index("\nENTRYPOINT")
    assert "NOT BUILT HERE" in text


def test_the_container_leaves_out_nothing_that_it_builds_from():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    needed = {"python", "src", "CMakeLists.txt", "pyproject.toml", "constraints.txt", "README.md"}
    assert not needed & set(ignored)
