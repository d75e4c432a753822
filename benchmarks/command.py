"""What benchmarks share as commands: the paths they are given, and work in further processes."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

_CALL = """
import importlib, json, sys
module, name, arguments = json.loads(sys.argv[1])
print(json.dumps(getattr(importlib.import_module(module), name)(*arguments)))
"""


def read_paths(doc: str | None, *names: str) -> list[Path]:
    """Read the paths that a benchmark is given; ``--help`` shows its docstring.

    A name that ends in ``...`` takes one path or more, one in brackets none or one.
    """
    module = Path(sys.argv[0]).resolve().relative_to(FOLDER).with_suffix("")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{'.'.join(module.parts)}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in names:
        n_paths = "+" if name.endswith("...") else "?" if name.startswith("[") else 1
        parser.add_argument(name.strip("[].") if n_paths != 1 else name, nargs=n_paths, type=Path)
    given: list[Path] = []
    for value in vars(parser.parse_args()).values():
        given += value if isinstance(value, list) else [value] if value else []
    for path in given:
        if not path.exists():
            parser.error(f"expected a path that exists, got {path}")
    return given


def call_apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a benchmark's function in a new process; what goes in and out must fit into JSON."""
    # A benchmark that runs as a command bears its own name in its specification only.
    specification = sys.modules[function.__module__].__spec__
    assert specification is not None
    call = json.dumps([specification.name, function.__name__, arguments])
    done = subprocess.run(
        [sys.executable, "-c", _CALL, call], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)
