"""The paper's claims, tested: short trainings that differ in one thing.

``python -m benchmarks.claims.compare PNG RUNS`` trains each arm in a folder of RUNS, measures those
held out, writes ``results/claims/<arm>-<seed>.json`` after each, and then ``docs/paper.md``.
PNG holds ``dsb2_png`` and ``sunnybrook_png``. A second call goes on where the first was stopped;
arms with results are not trained again. ``--arm`` trains that one only, and ``--minutes`` starts no
further arm after so many.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.claims.arms import ARMS, Fold
from benchmarks.claims.late import right_picks
from benchmarks.claims.measure import measure_patients, summary
from benchmarks.claims.page import write_page
from benchmarks.command import run
from benchmarks.machine import RESULTS, require_committed_code, write_results
from lvvol.train import BlockReport, train_networks

FOLDER = RESULTS / "claims"


def main(png: Path, runs: Path, *, arm: str | None = None, minutes: str = "inf") -> None:
    """Train, measure and write."""
    require_committed_code()
    FOLDER.mkdir(exist_ok=True)
    fold = Fold(png / "dsb2_png", png / "sunnybrook_png", runs)
    last = time.monotonic() + 60 * float(minutes)
    # The first seed of every arm comes before the second of any.
    for seed in sorted({seed for each in ARMS.values() for seed in each.seeds}):
        for name, each in ARMS.items():
            result = f"claims/{name.replace(' ', '_').replace(',', '')}-{seed}"
            done = (RESULTS / f"{result}.json").exists()
            if done or seed not in each.seeds or arm not in (None, name):
                continue
            if time.monotonic() > last:
                break
            write_results(result, _train(name, seed, fold, runs))
    write_page(read_results())


def read_results() -> dict[str, list[dict[str, Any]]]:
    """Return the results of each arm, one per seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(FOLDER.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(report["arm"], []).append(report)
    return found


def _train(name: str, seed: int, fold: Fold, runs: Path) -> dict[str, Any]:
    arm = ARMS[name]
    seg, vol = fold.datasets(arm)
    folder = runs / f"{name}-{seed}"

    def show(block: BlockReport) -> None:
        print(f"{name}, seed {seed}: {block.line()}", flush=True)

    began = time.monotonic()
    train_networks(
        seg,
        vol,
        folder,
        arm.recipe(seed),
        stages=("hfcn",),
        selection=fold.selection(arm),
        repick=arm.repick,
        device="cpu",
        resume=True,
        on_block=show,
    )
    training_s = time.monotonic() - began
    rows = measure_patients(folder, fold.measured(arm), arm.sources)
    picks = {"picks": right_picks(folder / "phases.csv")} if arm.repick else {}
    return {
        "arm": name,
        "seed": seed,
        "recipe": arm.recipe(seed).to_dict()["segmentation"],
        "training_s": training_s,
        "n_patients": len(rows),
        **summary(rows, arm.sources),
        **picks,
        "each": rows,
    }


if __name__ == "__main__":
    run(main, __doc__, "PNG", "RUNS", "--arm", "--minutes")
