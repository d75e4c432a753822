"""Benchmarks as commands: their arguments, their result files, and work in new processes."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import UncommittedCodeError, require_committed_code, write_results

FOLDER = Path(__file__).parent

_CALL = """
import importlib, json, sys
module, name, arguments = json.loads(sys.argv[1])
print(json.dumps(getattr(importlib.import_module(module), name)(*arguments)))
"""


def run(main: Callable[..., Any], doc: str | None, *names: str, results: str | None = None) -> None:
    """Run a benchmark with the arguments of the command line.

    Paths that do not exist and uncommitted code are errors before anything is measured.

    Parameters
    ----------
    main : callable
        The benchmark. It takes the paths in order and the options by name, and returns its report.
    doc : str
        The module's docstring, shown by ``--help``.
    *names : str
        What `main` takes. ``PATH`` is one path, ``PATH...`` one or more, ``[PATH]`` none or one,
        and ``--option`` a text that may be left out.
    results : str, optional
        The report is written to ``results/<results>.json``; nothing is written without a name.
    """
    module = Path(sys.argv[0]).resolve().relative_to(FOLDER).with_suffix("")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{'.'.join(module.parts)}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in names:
        if name.startswith("--"):
            parser.add_argument(name, default=argparse.SUPPRESS, metavar="TEXT")
        else:
            n_paths = "+" if name.endswith("...") else "?" if name.startswith("[") else 1
            parser.add_argument(name.strip("[]."), nargs=n_paths, type=Path)
    if results is not None:
        parser.add_argument(
            "--allow-dirty", action="store_true", help="write results of uncommitted code too"
        )
    options = vars(parser.parse_args())
    allow_dirty = options.pop("allow_dirty", False)
    paths: list[Path] = []
    for name in names:
        given = options.pop(name.strip("[]."), None)
        paths += given if isinstance(given, list) else [given] if given else []
    for path in paths:
        if not path.exists():
            parser.error(f"expected a path that exists, got {path}")
    if results is None:
        main(*paths, **options)
        return
    record(parser, partial(main, *paths, **options), results, allow_dirty=allow_dirty)


def record(
    parser: argparse.ArgumentParser,
    measure: Callable[[], dict[str, Any]],
    results: str,
    *,
    allow_dirty: bool,
) -> None:
    """Measure, and write the report to ``results/<results>.json``.

    Parameters
    ----------
    parser : ArgumentParser
        Refuses uncommitted code, unless it is allowed.
    measure : callable
        Returns the report.
    results : str
        Name of the result file.
    allow_dirty : bool
        Write results of uncommitted code too.
    """
    try:
        if not allow_dirty:
            require_committed_code()
        print(write_results(results, measure(), allow_dirty=allow_dirty))
    except UncommittedCodeError as error:
        parser.error(f"{error} (commit, or pass --allow-dirty)")


def call_apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a benchmark's function in a new process; JSON must hold its arguments and result."""
    # A module that runs as a command is called __main__ except in its specification.
    specification = sys.modules[function.__module__].__spec__
    assert specification is not None
    call = json.dumps([specification.name, function.__name__, arguments])
    done = subprocess.run(
        [sys.executable, "-c", _CALL, call], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)
