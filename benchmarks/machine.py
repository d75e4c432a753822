"""Result files, and what they record of the machine and the code that made them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from lvvol.model import hash_weights

CHECKOUT = Path(__file__).parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"

CODE = ("benchmarks", "python", "src", "tests")
"""Folders in which a file that git does not track may be code that ran."""
NOT_CODE = (":(exclude)benchmarks/results", ":(exclude)docs")
"""Folders that benchmarks write to and nothing is run from."""


class UncommittedCodeError(Exception):
    """No commit holds the code that would be measured."""


def write_results(name: str, results: dict[str, Any], *, allow_dirty: bool = False) -> Path:
    """Write results to ``results/<name>.json``, with the machine and the hash of the weights.

    Parameters
    ----------
    name : str
        Name of the file.
    results : dict
        Plain values, as JSON holds them.
    allow_dirty : bool
        Accept uncommitted code; the commit is then recorded with ``-dirty`` appended.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UncommittedCodeError
        If code is uncommitted and `allow_dirty` is false. The results are kept in
        ``results/<name>.part``, which git ignores.
    """
    path = RESULTS / f"{name}.json"
    part = path.with_suffix(".part")
    made_by = {"machine": describe(), "weights_sha256": hash_weights()}
    text = json.dumps({**made_by, **results}, indent=1)
    part.write_text(f"{text}\n", encoding="utf-8")
    if not allow_dirty:
        try:
            require_committed_code()
        except UncommittedCodeError as error:
            raise UncommittedCodeError(f"{error}; results kept in {part}") from None
    part.replace(path)
    return path


def describe() -> dict[str, Any]:
    """Return processor, cores, memory, versions and commit as plain values."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        processor = next((x.split(": ")[1] for x in lines if x.startswith("model name")), processor)
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    commit = _git("describe", "--always", "--abbrev=12")
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("lvvol", "numpy", "torch", "pydicom")},
        "commit": "unknown" if commit is None else commit + "-dirty" * bool(uncommitted_files()),
    }


def version(name: str) -> str | None:
    """Return a package's version; None where it is not installed, as torch need not be."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def require_committed_code() -> None:
    """Raise UncommittedCodeError unless a commit holds the code of this checkout."""
    if _git("rev-parse", "HEAD") is None:
        raise UncommittedCodeError(f"expected a git checkout with a commit in {CHECKOUT}")
    files = uncommitted_files()
    if files:
        raise UncommittedCodeError(f"expected committed code, got changes to {', '.join(files)}")


def uncommitted_files() -> list[str]:
    """Return files with code that no commit holds, relative to the checkout.

    Changes to tracked files count, except in documents and results; so do untracked files in the
    folders of code, unless git ignores them.
    """
    changed = _git("diff", "--name-only", "HEAD", "--", ".", *NOT_CODE) or ""
    untracked = _git("ls-files", "--others", "--exclude-standard", "--", *CODE, *NOT_CODE) or ""
    return sorted({*changed.splitlines(), *untracked.splitlines()})


def _git(*arguments: str) -> str | None:
    """Return what git prints about the checkout, or None where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
