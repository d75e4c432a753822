"""``python -m tests.dicom.fuzz``: run the fuzz test, or a single case."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.dicom.fuzz.run import REPOSITORY, make_case, run, run_case, run_here, summary, write_case

REPORT = REPOSITORY / "docs" / "fuzz.md"
MARK = "<!-- Below here `make fuzz` writes. -->\n"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.dicom.fuzz")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--case", type=int, help="run a single case in this process and show it")
    parser.add_argument("--keep", type=Path, help="with --case: write the mutated study here")
    parser.add_argument("--data", help="folder of the unpacked real studies, or 'none'")
    parser.add_argument("--write", action="store_true", help="write the summary to docs/fuzz.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = _real_studies() if options.data is None else Path(options.data)
    if options.data == "none":
        data = None
    if options.child:
        run_here(*map(int, options.child.split(":")), options.seed, data)
        return 0
    if options.case is not None:
        if options.keep:
            write_case(make_case(options.case, options.seed, data), options.keep)
        result = run_case(options.case, options.seed, data)
        print(f"case {result.case} of {result.base}: {result.outcome}")
        print("\n".join([*result.log, *(f"PROBLEM {p}" for p in result.problems)]))
        return bool(result.problems)
    results = run(options.cases, options.seed, data, options.jobs, progress=True)
    text = summary(results, options.cases, options.seed)
    print(text)
    if options.write:
        kept = REPORT.read_text(encoding="utf-8").partition(MARK)[0]
        REPORT.write_text(f"{kept}{MARK}\n{text}\n", encoding="utf-8")
    return any(result.problems for result in results)


def _real_studies() -> Path | None:
    """Find the real studies in the same places as the tests; None if not unpacked."""
    places = [REPOSITORY / "data", REPOSITORY.parent / "shared" / "data"]
    if os.environ.get("LVVOL_DATA"):
        places.insert(0, Path(os.environ["LVVOL_DATA"]))
    return next((place for place in places if (place / "dsb2_dicom" / "1").is_dir()), None)


if __name__ == "__main__":
    sys.exit(main())
