"""Run cases in child processes, so that a crash or hang does not stop the run."""

from __future__ import annotations

import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import IO

from lvvol import CineStack, load_study
from lvvol.errors import LvvolError
from tests.dicom.fuzz.case import Case
from tests.dicom.fuzz.mutations import mutate
from tests.dicom.fuzz.oracle import check, check_told
from tests.dicom.fuzz.studies import REAL, SYNTHETIC, Base, base_of

REPOSITORY = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60.0
MEMORY_BYTES = 2 << 30


@dataclass
class Result:
    """The outcome of a case."""

    case: int
    base: str
    outcome: str
    problems: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


def base_names(data: Path | None) -> list[str]:
    """Return the names of the studies to mutate; every second one is real, if available."""
    if data is None:
        return list(SYNTHETIC)
    return [name for pair in zip([*REAL] * 3, SYNTHETIC, strict=True) for name in pair]


def make_case(case: int, seed: int, data: Path | None) -> Case:
    """Mutate a study, reproducibly for the same numbers and studies."""
    names = base_names(data)
    name = names[case % len(names)]
    return mutate(base_of(name, data), Random(f"{seed}/{name}/{case}"))


def write_case(case: Case, folder: Path) -> None:
    """Write the files of a case into an existing folder."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def run_case(case: int, seed: int, data: Path | None) -> Result:
    """Make a case, load it and check the result."""
    return judge(case, make_case(case, seed, data))


def judge(case: int, mutated: Case) -> Result:
    """Load a mutated study and check the result."""
    base = mutated.base
    result = Result(case, base.name, "", log=mutated.log)
    with tempfile.TemporaryDirectory() as folder:
        write_case(mutated, Path(folder))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                stack = load_study(folder)
        except LvvolError as error:
            result.outcome = type(error).__name__
            if not str(error).startswith(f"{folder}: ") or len(str(error)) > 1000:
                result.problems.append(f"unhelpful message: {str(error)!r}")
        except Exception as error:
            result.outcome = "exception"
            result.problems.append(f"{type(error).__name__}: {error}")
            result.problems.append(traceback.format_exc())
        else:
            whole = stack.images.shape[:2] == (len(base.slices), len(base.slices[0]))
            result.outcome = "whole stack" if whole else "smaller or other stack"
            result.problems += check(stack, mutated.files, base.files)
            if mutated.plausible:
                result.problems += check_told(stack, untouched(base), mutated)
    return result


@lru_cache
def untouched(base: Base) -> CineStack:
    """Return the stack of a study without mutations."""
    with tempfile.TemporaryDirectory() as folder:
        write_case(Case(base, Random(), base.files, []), Path(folder))
        return load_study(folder)


def run_here(first: int, stop: int, step: int, seed: int, data: Path | None) -> None:
    """Run cases in this process; print each case number, then its result."""
    for name in base_names(data):
        base_of(name, data)
    with suppress(FileNotFoundError):  # without /proc, memory is not limited
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    for case in range(first, stop, step):
        print(json.dumps(case), flush=True)
        print(json.dumps(asdict(run_case(case, seed, data))), flush=True)


def _start(
    first: int, stop: int, step: int, seed: int, data: Path | None, errors: IO[str]
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.dicom.fuzz", "--child", f"{first}:{stop}:{step}"]
    command += ["--seed", str(seed), "--data", str(data or "none")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=environment,
    )


def _results(first: int, stop: int, step: int, seed: int, data: Path | None) -> Iterator[Result]:
    """Run cases in a child process; restart it after a case that crashes or hangs."""
    while first < stop:
        running: int | None = None
        with tempfile.TemporaryFile("w+") as errors:
            child = _start(first, stop, step, seed, data, errors)
            assert child.stdout is not None
            lines: queue.Queue[str | None] = queue.Queue()
            reader = threading.Thread(target=_forward, args=(child.stdout, lines), daemon=True)
            reader.start()
            problem = ""
            while True:
                try:
                    line = lines.get(timeout=TIMEOUT_S)
                except queue.Empty:
                    child.kill()
                    problem = "hang"
                    line = None
                if line is None:
                    break
                message = json.loads(line)
                if isinstance(message, int):
                    running = message
                else:
                    yield Result(**message)
                    running, first = None, message["case"] + step
            code = child.wait()
            reader.join()
            child.stdout.close()
            errors.seek(0)
            output = errors.read()[-2000:]
        if code == 0 and first >= stop:
            return
        failed = first if running is None else running
        yield Result(failed, "", problem or "crash", [f"exit code {code}: {output}"])
        first = failed + step


def _forward(stream: Iterable[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def run(
    cases: int, seed: int, data: Path | None, jobs: int = 1, progress: bool = False
) -> list[Result]:
    """Run cases from 0 on, in `jobs` processes.

    Returns
    -------
    list of Result
        One per case, in order.
    """
    done: queue.Queue[Result | None] = queue.Queue()

    def work(first: int) -> None:
        try:
            for result in _results(first, cases, jobs, seed, data):
                done.put(result)
        finally:
            done.put(None)

    for first in range(jobs):
        threading.Thread(target=work, args=(first,), daemon=True).start()
    results: list[Result] = []
    working = jobs
    while working:
        result = done.get()
        if result is None:
            working -= 1
            continue
        results.append(result)
        if result.problems:
            print(f"case {result.case} ({result.base}) {result.outcome}", file=sys.stderr)
            for line in [*result.log, *result.problems]:
                print(f"    {line}", file=sys.stderr)
        if progress and len(results) % 500 == 0:
            print(f"{len(results)} of {cases}", file=sys.stderr)
    return sorted(results, key=lambda r: r.case)


def summary(results: list[Result], cases: int, seed: int) -> str:
    """Format the tables of a run."""
    wrong = sum(bool(result.problems) for result in results)
    lines = [
        f"`make fuzz CASES={cases} SEED={seed}` on {datetime.now(UTC):%Y-%m-%d}: {len(results)} "
        f"cases, {wrong} with a problem.",
        "",
        "| outcome | cases |",
        "|---|---|",
        *(
            f"| {outcome} | {n} |"
            for outcome, n in Counter(r.outcome for r in results).most_common()
        ),
        "",
        "| study | cases | stacks | refused | problems |",
        "|---|---|---|---|---|",
    ]
    for base in dict.fromkeys(r.base for r in results):
        of_base = [r for r in results if r.base == base]
        stacks = sum("stack" in r.outcome for r in of_base)
        wrong = sum(bool(r.problems) for r in of_base)
        refused = len(of_base) - stacks
        lines.append(f"| {base} | {len(of_base)} | {stacks} | {refused} | {wrong} |")
    return "\n".join(lines)
