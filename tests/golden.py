"""Volumes of phantoms and of the five whole studies, as the shipped weights measure them.

They say that something moved, not that it was right: a change that moves one by more than
0.1 mL is either a mistake or a change in numbers, which CHANGELOG.md lists. ``make golden``
measures again, writes ``tests/golden.json`` and prints the differences.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lvvol
from lvvol.phantom import make_phantom
from tests.support.real_studies import STUDIES

FILE = Path(__file__).with_suffix(".json")
SEEDS = (2, 3, 5, 8)

Volumes = dict[str, dict[str, float]]


def names() -> list[str]:
    """Return the names of all studies."""
    return [*(f"phantom {seed}" for seed in SEEDS), *STUDIES]


def measure(name: str, data: Path) -> dict[str, float]:
    """Measure one study; `data` holds the unpacked real ones."""
    kind, _, seed = name.partition(" ")
    study = make_phantom(int(seed)).to_cine_stack() if kind == "phantom" else data / name
    prediction = lvvol.predict(study)
    return {"edv_ml": round(prediction.edv_ml, 2), "esv_ml": round(prediction.esv_ml, 2)}


def recorded() -> Volumes:
    """Read the recorded volumes."""
    volumes: Volumes = json.loads(FILE.read_text(encoding="utf-8"))
    return volumes


def main(data: Path) -> None:
    """Measure all studies, write the file, and print what moved as lines for CHANGELOG.md."""
    before = recorded() if FILE.exists() else {}
    after = {name: measure(name, data) for name in names()}
    FILE.write_text(json.dumps(after, indent=2) + "\n", encoding="utf-8")
    for name, volumes in after.items():
        for key, value in volumes.items():
            old = before.get(name, {}).get(key)
            if old is None or abs(value - old) > 0.1:
                sys.stdout.write(f"{name}: {key} {'new' if old is None else old} -> {value}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
