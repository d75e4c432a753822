"""The paper's own situation: few patients with masks, many with two volumes and nothing else.

``python -m benchmarks.accuracy.volumes_only PNG RUNS`` trains on 50 phantoms, written as a DSB2
tree with ``train.csv`` (whole cines, EDV and ESV, no phases, no masks), and on the masks of 20
Sunnybrook patients in PNG/sunnybrook_png; then it measures 20 other phantoms and writes
``results/volumes_only.json``. RUNS, a folder, keeps phantoms, cache and run: a second call goes on
where the first was stopped.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol import load_model
from lvvol.datasets import SHIPPED, open_dataset, read_split
from lvvol.datasets.prepare import prepare
from lvvol.errors import RoiNotFoundError
from lvvol.phantom import PhantomStudy, make_phantom, write_studies
from lvvol.train import BlockReport, Recipe, Selection, read_recipe, train_networks

TRAINED = range(1000, 1050)
MEASURED = range(2000, 2020)
N_WITH_MASKS = 20

RECIPE = Path(__file__).parents[2] / "recipes" / "volumes_only.toml"


def masks_and_phantoms(sunnybrook_png: Path, runs: Path, n_masks: int) -> Selection:
    """Write a split of the first training patients of Sunnybrook and every phantom."""
    shipped = read_split(SHIPPED)
    names = open_dataset(sunnybrook_png).names
    drawn = [name for name in names if shipped.part_of(name) == "train"][:n_masks]
    phantoms = open_dataset(runs / "cache").names
    parts = {"train": [*drawn, *phantoms], "unused": sorted(set(names) - set(drawn))}
    path = runs / "split.json"
    path.write_text(json.dumps(parts), encoding="utf-8")
    return Selection(path)


def _drawn(seed: int) -> PhantomStudy:
    return make_phantom(seed, vendor="SIEMENS")  # as all of DSB2 is


def write_phantoms(seeds: range, runs: Path) -> None:
    """Write phantoms as a DSB2 tree and read them into a cache, unless it is there."""
    tree, done = runs / "dsb2", runs / "phantoms_written"
    if not done.exists():
        write_studies(map(_drawn, seeds), tree, "dsb2")
        done.touch()
    prepare([f"dsb2:{tree}"], runs / "cache", jobs=1)


def measure(weights: Path, seeds: range) -> list[dict[str, Any]]:
    """Return true and measured volumes of phantoms; nothing measured where none is found."""
    model = load_model(weights)
    each = []
    for seed in seeds:
        phantom = _drawn(seed)
        entry: dict[str, Any] = {
            "seed": seed,
            "true_edv_ml": phantom.truth.edv_ml,
            "true_esv_ml": phantom.truth.esv_ml,
        }
        try:
            measured = model.predict(phantom.to_cine_stack())
            entry |= {"edv_ml": measured.edv_ml, "esv_ml": measured.esv_ml}
        except RoiNotFoundError as error:
            entry["refused"] = str(error)
        each.append(entry)
    return each


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Return RMSE and mean error of EDV and ESV in percent of the true volumes."""
    known = [entry for entry in each if "edv_ml" in entry]
    report: dict[str, Any] = {"measured": len(known), "refused": len(each) - len(known)}
    if not known:
        return report
    for name in ("edv_ml", "esv_ml"):
        errors = np.array([100 * (entry[name] / entry[f"true_{name}"] - 1) for entry in known])
        report[f"{name[:3]}_rmse_percent"] = float(np.sqrt((errors**2).mean()))
        report[f"{name[:3]}_mean_error_percent"] = float(errors.mean())
    return report


def main(
    png: Path,
    runs: Path,
    *,
    recipe: Recipe | None = None,
    trained: range = TRAINED,
    measured: range = MEASURED,
    n_masks: int = N_WITH_MASKS,
) -> dict[str, Any]:
    """Train, measure and compare."""
    write_phantoms(trained, runs)
    sunnybrook = png / "sunnybrook_png"
    selection = masks_and_phantoms(sunnybrook, runs, n_masks)
    began = time.monotonic()

    def show(block: BlockReport) -> None:
        print(block.line(), flush=True)

    train_networks(
        [sunnybrook],
        [runs / "cache"],
        runs / "run",
        recipe or read_recipe(RECIPE),
        selection=selection,
        repick=True,
        device="cpu",
        resume=True,
        on_block=show,
    )
    training_s = time.monotonic() - began
    shipped = measure(Path(load_model().weights), measured)
    each = measure(runs / "run", measured)
    report = {
        "phantoms_trained": len(trained),
        "patients_with_masks": n_masks,
        "training_s": training_s,
        "trained": summary(each),
        "shipped": summary(shipped),
        "each": each,
    }
    print(json.dumps({name: report[name] for name in ("trained", "shipped")}, indent=1))
    return report


if __name__ == "__main__":
    run(main, __doc__, "PNG", "RUNS", results="volumes_only")
