"""Time and size of the files of a result, as shares of the time to predict.

``python -m benchmarks.speed.outputs`` predicts a phantom of 11 slices and 30 phases, makes each
file three times and writes ``results/outputs.json``. Other work on the machine slows both, so that
ratios hold and times do not. Writing to disk is not part of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.timing import times_ms
from lvvol.model import load_model
from lvvol.phantom import make_phantom, write_study
from lvvol.provenance import Provenance
from lvvol.report.files import DEFAULT, WRITERS

N_SLICES, N_PHASES, ROWS = 11, 30, 256
REPEATS = 3


def measure(study: Path, repeats: int) -> dict[str, Any]:
    """Predict a study and make its files, alternately, and return medians."""
    model = load_model()
    prediction = model.predict(study)
    provenance = Provenance(study=study, names=tuple(WRITERS))
    makers = {name: partial(WRITERS[name].make, prediction, provenance) for name in WRITERS}
    # Also the first, untimed call, which imports the libraries that a writer needs.
    sizes = {name: {f: len(c) for f, c in make().items()} for name, make in makers.items()}
    work: dict[str, Callable[[], object]] = {"predict": partial(model.predict, study), **makers}
    times = times_ms(work, repeats, warm_ups=0)
    shares = {name: times[name] / times["predict"] for name in WRITERS}
    together = {
        "default": DEFAULT,
        "seg and sr": ("seg", "sr"),
        "all": tuple(WRITERS),
    }
    return {
        "study": f"{prediction.stack.describe()}",
        "repeats": repeats,
        "predict_s": times["predict"].median / 1000,
        "share_of_predict": {name: share.median for name, share in shares.items()},
        "together_share_of_predict": {
            what: sum(shares[name].median for name in names) for what, names in together.items()
        },
        "bytes": sizes,
    }


def main() -> dict[str, Any]:
    """Measure the phantom."""
    with tempfile.TemporaryDirectory() as folder:
        phantom = make_phantom(8, n_slices=N_SLICES, n_phases=N_PHASES, rows=ROWS)
        return measure(write_study(phantom, Path(folder) / "study"), REPEATS)


if __name__ == "__main__":
    run(main, __doc__, results="outputs")
