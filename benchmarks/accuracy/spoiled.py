"""Spoiled studies: whether a wrong volume ever comes without a word.

``python -m benchmarks.accuracy.spoiled DATA`` spoils phantoms and the five DICOM studies in DATA in
`KINDS` of ways, reads and measures them as folders of files, and compares the volumes with those of
the untouched study. It writes ``results/spoiled.json`` and, unless ``--cases``, ``--seed`` or
``--kind`` ask for some only, the tables of ``docs/spoiled.md``.
"""

from __future__ import annotations

import re
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.spoil import files, headers, pixels
from benchmarks.accuracy.spoil.study import SlicedStudy, real_study, sliced_phantom
from benchmarks.command import run
from benchmarks.machine import CHECKOUT
from lvvol import Prediction, Status, predict
from lvvol.errors import LvvolError
from tests.support.real_studies import STUDIES

Spoil = Callable[[SlicedStudy, np.random.Generator], str]
Mix = Callable[[SlicedStudy, SlicedStudy, np.random.Generator], str]

PHANTOM_SEEDS = range(1, 7)
N_CASES = 300
RIGHT, NEAR = 0.02, 0.15
"""Largest errors of EDV and ESV, relative to the untouched study."""
OUTCOMES = ("right", "near", "said", "refused", "silent")

KINDS: dict[str, Spoil] = {
    "slices missing at the base": files.lose_base,
    "slices missing at the apex": files.lose_apex,
    "slices missing in the middle": files.lose_middle,
    "phases missing around ED": files.lose_phases,
    "images missing": files.lose_images,
    "only a quarter of the cycle": files.keep_quarter,
    "slices moved in their plane": headers.move_in_plane,
    "slices moved along the normal": headers.move_along_normal,
    "slices at other depths of breath": headers.breathe,
    "slices mirrored": headers.mirror,
    "pixels not square": headers.squeeze,
    "clocks scrambled": headers.scramble_clocks,
    "instance numbers scrambled": headers.scramble_instances,
    "trigger times scrambled": headers.scramble_triggers,
    "positions scrambled": headers.scramble_positions,
    "derived copies": files.add_derived,
    "real, imaginary, phase": files.add_components,
    "real time beside it": files.add_real_time,
    "real time only": files.only_real_time,
    "noise": pixels.add_noise,
    "blur": pixels.blur,
    "ghosts": pixels.add_ghosts,
    "Rescale Slope of one image": pixels.spoil_slope,
    "frozen": pixels.freeze,
    "pixel spacing scaled": headers.scale,
}
MIXED: dict[str, Mix] = {
    "two patients, no identifiers": lambda study, other, _: files.mix_patients(study, other),
    "slices of another patient": files.mix_series,
}
INVISIBLE = "pixel spacing scaled"
"""The kind that no check can see where the factor is plausible; the tables list it apart."""

REPORT = CHECKOUT / "docs" / "spoiled.md"
MARK = "<!-- Below here `benchmarks.accuracy.spoiled` writes. -->\n"


def measure(study: SlicedStudy) -> Prediction:
    """Write a study into a folder of its own and measure that."""
    with tempfile.TemporaryDirectory() as folder:
        return predict(study.write(Path(folder) / "study"))


def outcome_of(untouched: Prediction, spoiled: Prediction, new_warnings: Sequence[str]) -> str:
    """Return ``right``, ``near``, ``said`` or ``silent``."""
    error = max(
        abs(spoiled.edv_ml / untouched.edv_ml - 1), abs(spoiled.esv_ml / untouched.esv_ml - 1)
    )
    if error <= RIGHT:
        return "right"
    if error <= NEAR:
        return "near"
    return "said" if new_warnings else "silent"


def is_wrong_yet_ok(untouched: Prediction, spoiled: Prediction) -> bool:
    """Return whether a measurement is neither right, nor within its interval, nor doubted.

    Wrong is more than 15 %, and more than half the width of the 90 % interval, off in EDV or ESV.
    """
    if spoiled.status is not Status.OK:
        return False
    for before_ml, after_ml, interval in (
        (untouched.edv_ml, spoiled.edv_ml, spoiled.edv_interval_ml),
        (untouched.esv_ml, spoiled.esv_ml, spoiled.esv_interval_ml),
    ):
        half_width_ml = (interval[1] - interval[0]) / 2 if interval else 0.0
        off_ml = abs(after_ml - before_ml)
        if off_ml > NEAR * before_ml and off_ml > half_width_ml:
            return True
    return False


def added_warnings(untouched: Sequence[str], spoiled: Sequence[str]) -> list[str]:
    """Return the warnings of which the untouched study has none of the kind.

    Warnings that differ in their numbers alone are of one kind.
    """
    known = {_without_numbers(text) for text in untouched}
    return [text for text in spoiled if _without_numbers(text) not in known]


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d., ]*\d[\d., ]*", "#", text)


def try_case(
    study: SlicedStudy, untouched: Prediction, spoil: Spoil, seed: Sequence[int]
) -> dict[str, Any]:
    """Spoil a copy of a study, measure it, and compare."""
    spoiled = study.copy()
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of invalid UIDs in real studies
        entry: dict[str, Any] = {"how": spoil(spoiled, np.random.default_rng(seed))}
    try:
        measured = measure(spoiled)
    except LvvolError as error:
        message = re.sub(r"^\S+/study: ", "", str(error))
        entry |= {"outcome": "refused", "error": type(error).__name__, "message": message}
    else:
        new = added_warnings(untouched.warnings, measured.warnings)
        entry |= {
            "outcome": outcome_of(untouched, measured, new),
            "edv_ml": measured.edv_ml,
            "esv_ml": measured.esv_ml,
            "edv_percent": 100 * (measured.edv_ml / untouched.edv_ml - 1),
            "esv_percent": 100 * (measured.esv_ml / untouched.esv_ml - 1),
            "status": str(measured.status),
            "edv_interval_ml": measured.edv_interval_ml,
            "esv_interval_ml": measured.esv_interval_ml,
            "wrong_yet_ok": is_wrong_yet_ok(untouched, measured),
            "new_warnings": new,
        }
    return {**entry, "seconds": time.perf_counter() - started}


def compare(
    studies: Sequence[SlicedStudy], n_cases: int, seed: int, kinds: Sequence[str]
) -> list[dict[str, Any]]:
    """Spoil one study after another, in one kind of way after another.

    Two patients are mixed only if both are phantoms or both are real.
    """
    untouched = {}
    for study in studies:
        untouched[study.name] = measured = measure(study)
        study.ed_phase = measured.ed_phase
    each = []
    for case in range(n_cases):
        kind = kinds[case % len(kinds)]
        at = (case // len(kinds) + [*KINDS, *MIXED].index(kind)) % len(studies)
        study = studies[at]
        spoil = KINDS.get(kind) or partial(_mix, MIXED[kind], _partner(study, studies))
        base = untouched[study.name]
        entry = {
            "case": case,
            "kind": kind,
            "study": study.name,
            "untouched_edv_ml": base.edv_ml,
            "untouched_esv_ml": base.esv_ml,
            **try_case(study, base, spoil, (seed, case)),
        }
        each.append(entry)
        print(case, study.name, entry["how"], entry["outcome"], sep=" | ", flush=True)
    return each


def _mix(mix: Mix, other: SlicedStudy, study: SlicedStudy, rng: np.random.Generator) -> str:
    return mix(study, other.copy(), rng)


def _partner(study: SlicedStudy, studies: Sequence[SlicedStudy]) -> SlicedStudy:
    """Return the next study that is real or a phantom too."""
    alike = [s for s in studies if s.name.startswith("phantom") == study.name.startswith("phantom")]
    return alike[(alike.index(study) + 1) % len(alike)]


def table(each: Iterable[dict[str, Any]]) -> str:
    """Return a table of how many cases of each kind had which outcome."""
    counts: dict[str, Counter[str]] = {}
    for entry in each:
        counts.setdefault(entry["kind"], Counter())[entry["outcome"]] += 1
    rows = [
        [kind, *(str(counts[kind][outcome] or "") for outcome in OUTCOMES)]
        for kind in (*KINDS, *MIXED)
        if kind in counts
    ]
    total = sum(counts.values(), Counter[str]())
    if len(rows) > 1:
        rows.append(["all", *(str(total[outcome]) for outcome in OUTCOMES)])
    head = ["kind", *OUTCOMES]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def document(each: Sequence[dict[str, Any]], seed: int) -> str:
    """Return the text below the mark of ``docs/spoiled.md``."""
    visible = [entry for entry in each if entry["kind"] != INVISIBLE]
    scaled = [entry for entry in each if entry["kind"] == INVISIBLE]
    silent = [
        f"- {entry['kind']}, {entry['study']}: {entry['how']}; "
        f"EDV {entry['edv_percent']:+.0f} %, ESV {entry['esv_percent']:+.0f} %"
        for entry in visible
        if entry["outcome"] == "silent"
    ]
    refused = Counter(entry["error"] for entry in each if entry["outcome"] == "refused")
    trusted = [
        f"- {entry['kind']}, {entry['study']}: {entry['how']}; "
        f"EDV {entry['edv_percent']:+.0f} %, ESV {entry['esv_percent']:+.0f} %"
        for entry in each
        if entry.get("wrong_yet_ok")
    ]
    return "\n".join(
        [
            f"{len(each)} studies, seed {seed}.",
            "",
            table(visible),
            "",
            "Invisible where the factor is plausible and no attribute contradicts it:",
            "",
            table(scaled),
            "",
            f"Refused with {', '.join(f'{name} ({n})' for name, n in refused.most_common())}.",
            "",
            *(["Silent:", "", *silent] if silent else ["None is silent."]),
            "",
            "With status `ok`, EDV or ESV off by more than 15 % and by more than half the 90 % "
            f"interval: {len(trusted)} of {len(each)}.",
            "",
            *([*trusted, ""] if trusted else []),
        ]
    )


def main(
    data: Path, *, cases: str = str(N_CASES), seed: str = "0", kind: str | None = None
) -> dict[str, Any]:
    """Spoil, measure and compare; write the page if all kinds were asked for."""
    kinds = [kind] if kind is not None else [*KINDS, *MIXED]
    studies = [
        *(real_study(data, name) for name in STUDIES),
        *(sliced_phantom(number) for number in PHANTOM_SEEDS),
    ]
    each = compare(studies, int(cases), int(seed), kinds)
    print(table(each))
    if kind is None and int(cases) >= N_CASES:
        kept = REPORT.read_text(encoding="utf-8").partition(MARK)[0]
        REPORT.write_text(f"{kept}{MARK}\n{document(each, int(seed))}", encoding="utf-8")
    return {"seed": int(seed), "outcomes": Counter(e["outcome"] for e in each), "each": each}


if __name__ == "__main__":
    run(main, __doc__, "DATA", "--cases", "--seed", "--kind", results="spoiled")
