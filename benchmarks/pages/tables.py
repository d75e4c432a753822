"""Tables of ``docs/results.md``: ours beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.out_of_fold import OUT_OF_FOLD
from benchmarks.pages.files import table
from benchmarks.pages.published import TABLE_1, TABLE_2, TABLE_3, VALIDATION
from lvvol.networks.configs import RoiClassifierConfig
from lvvol.volume import ejection_fraction_percent

Results = Mapping[str, Any]

PARTS = ("validation", "test")
GROUPS = (OUT_OF_FOLD, "test")
_STATIC, _CALIBRATED = "none", "dsb2"
_SIGMAS = {
    "none": "σ = 0",
    "claimed": "σ̂",
    "known": "σ*, the best for each known error",
}
_IN_TRUST = {"none": "none", "claimed": "shipped", "known": "error_known"}
"""Names of these standard deviations in ``trust.json``."""


def agreement(accuracy: Results, prefix: str = "") -> str:
    """Return the errors of each part: RMSE / mean absolute / mean."""
    rows = []
    for part in PARTS:
        found = accuracy[part]
        cells = [_errors(found[f"{prefix}{key}"]) for key in ("edv_ml", "esv_ml", "ef_percent")]
        if prefix:
            rows.append([part, *cells])
            continue
        images = [f"{found['dice_ed_mean']:.3f}", f"{found['dice_es_mean']:.3f}"]
        images.append(f"{recall_percent(found):.0f} %")
        rows.append([part, str(n_patients(found)), *images, *cells])
    head = ["part", "EDV", "ESV", "EF"]
    if not prefix:
        head[1:1] = ["patients", "Dice of P, ED", "ES", "first ROI correct"]
    return table(head, rows)


def recall_percent(part: Results) -> float:
    """Return the share of first ROIs that are right, by either name it has had."""
    if "roi_recall" in part:
        return 100 * float(part["roi_recall"])
    return float(part["roi_found_percent"])


def n_patients(part: Results) -> int:
    """Return how many patients a part has measured."""
    return len(part["each"])


def _errors(found: Results) -> str:
    names = ("rmse", "mean_absolute_error", "mean_error")
    rmse, absolute, mean = (found[name] for name in names)
    return f"{rmse:.1f} / {absolute:.1f} / {mean:+.1f}"


def left_out(accuracy: Results) -> str:
    """Return the whole DICOM studies left out of training."""
    rows = [
        [
            each["study"],
            f"{each['edv_ml']:.1f}",
            f"{each['labelled_edv_ml']:.1f}",
            f"{each['edv_error_percent']:+.1f} %",
            f"{each['esv_ml']:.1f}",
            f"{each['labelled_esv_ml']:.1f}",
            f"{each['esv_error_percent']:+.1f} %",
        ]
        for each in accuracy["left_out"]
    ]
    return table(["study", "EDV mL", "label", "error", "ESV mL", "label", "error"], rows)


def layers(config: RoiClassifierConfig) -> list[str]:
    """Return the shipped classifier in the words of the paper's Table I."""
    size, half, quarter = config.size, config.size // 2, config.size // 4
    dropout = f"dropout {config.dropout:g}"
    return [
        f"{size} x {size} x {config.phases} in, mean subtracted",
        f"conv 5 x 5, pad 2, {config.width}; BN; ReLU",
        f"max pool 2 ({size} to {half}); {dropout}",
        f"conv 5 x 5, pad 2, {config.width}; BN; ReLU",
        f"max pool 2 ({half} to {quarter}); {dropout}",
        f"conv 3 x 3, pad 1, {config.width}; BN; ReLU",
        f"average pool {quarter} x {quarter}",
        "softmax, 2 ways",
    ]


def table_1(config: RoiClassifierConfig) -> str:
    """Return the classifier of the paper and ours, layer by layer."""
    pairs = zip(TABLE_1, layers(config), strict=True)
    return table(
        ["the paper's classifier", "ours"],
        [[theirs, "the same" if ours == theirs else ours] for theirs, ours in pairs],
    )


def table_2(accuracy: Results, trust: Results, paper: Results) -> str:
    """Return scores and errors of the best of the competition, the paper and ours."""
    rows = [
        [name, "440, test of DSB2", f"{crps:.6f}", f"{edv:.2f}", f"{esv:.2f}", f"{ef:.2f}"]
        for name, crps, edv, esv, ef in TABLE_2
    ]
    for part in GROUPS:
        of_part = accuracy.get(part) or _rmse_of(paper[part]["each"])
        scores = {
            name: trust[part]["by_calibration"][name]["crps"]["shipped"]
            for name in (_STATIC, _CALIBRATED)
        }
        n = trust[part]["n_patients"]
        errors = [f"{of_part[key]['rmse']:.2f}" for key in ("edv_ml", "esv_ml", "ef_percent")]
        for name, score in scores.items():
            shown = errors if name == _STATIC else ["", "", ""]
            rows.append([f"lvvol, `{name}`", f"{n}, {part}", f"{score:.6f}", *shown])
    return table(
        ["", "patients", "mean CRPS", "EDV RMSE, mL", "ESV RMSE, mL", "EF RMSE, points"], rows
    )


def _rmse_of(each: Sequence[Results]) -> dict[str, dict[str, float]]:
    """Return RMSE over patients of ``paper.json``; ESV at the phase that the image shows."""
    measured, true = volumes(each)
    of_ef = [ejection_fraction_percent(*both.T) for both in (measured, true)]
    errors = {
        "edv_ml": measured[:, 0] - true[:, 0],
        "esv_ml": measured[:, 1] - true[:, 1],
        "ef_percent": of_ef[0] - of_ef[1],
    }
    return {name: {"rmse": float(np.sqrt(np.mean(each**2)))} for name, each in errors.items()}


def volumes(each: Sequence[Results]) -> tuple[np.ndarray, np.ndarray]:
    """Return measured and true volumes, shape (patient, 2): ED and ES."""
    true = "true" if "true_edv_ml" in each[0] else "labelled"
    measured = np.array([[p["edv_ml"], p["esv_ml"]] for p in each], dtype=np.float64)
    labelled = [[p[f"{true}_edv_ml"], p[f"{true}_esv_ml"]] for p in each]
    return measured, np.array(labelled, dtype=np.float64)


def table_3(trust: Results) -> str:
    """Return scores by the standard deviation, the paper's and ours."""
    head = ["mean CRPS", "paper: train", "validation", "test"]
    head += [f"ours: {part} ({trust[part]['n_patients']})" for part in GROUPS]
    rows = []
    for kind, label in _SIGMAS.items():
        cells = ["–" if value is None else f"{value:.5f}" for value in TABLE_3[kind]]
        for part in GROUPS:
            scores = trust[part]["by_calibration"][_STATIC]["crps"]
            cells.append(f"{scores[_IN_TRUST[kind]]:.5f}")
        rows.append([label, *cells])
    return table(head, rows)


def steps(paper: Results) -> str:
    """Return how far each step of the search gets (paper, Fig. 3)."""
    each = [p for p in paper[OUT_OF_FOLD]["each"] if "proposals" in p]
    cells = [
        f"{sum(p[f'{step}_iou'] >= 0.5 for p in each)} of {len(each)}, "
        f"{np.median([p[f'{step}_iou'] for p in each]):.2f}"
        for step in ("proposed", "classified", "refined")
    ]
    of_slices = [(p["n_slices_right"], p["n_slices"]) for p in paper[OUT_OF_FOLD]["each"]]
    right, slices = map(sum, zip(*of_slices, strict=True))
    head = ["1 among the proposals", "2 chosen by the classifier", "3 refined", "all slices"]
    return table(head, [[*cells, f"{right} of {slices} ({100 * right / slices:.1f} %)"]])


def areas(paper: Results) -> str:
    """Return errors of areas from P and from O in slices with and without cavity (Fig. 7)."""
    rows = []
    for at_es, name in enumerate(("ED", "ES")):
        found = slice_areas(paper)
        found = found[found[:, 0] == at_es]
        positive = found[found[:, 1] > 0]
        negative = found[found[:, 1] == 0]
        for label, chosen in (("with cavity", positive), ("without", negative)):
            drawn, of_o, of_p = chosen[:, 1], chosen[:, 2], chosen[:, 3]
            cells = [
                f"{np.mean(of - drawn):+.0f} / {np.mean(np.abs(of - drawn)):.0f}"
                for of in (of_p, of_o)
            ]
            mean = f"{drawn.mean():.0f}" if label == "with cavity" else "0"
            rows.append([f"{name}, {label}", str(len(chosen)), mean, *cells])
    return table(
        ["slices", "number", "drawn, mm²", "P − drawn: mean / mean absolute", "O − drawn"], rows
    )


def slice_areas(paper: Results) -> np.ndarray:
    """Return rows of (at ES, drawn, O, P, ROI), mm²."""
    rows = paper[OUT_OF_FOLD]["slices"]["rows"]
    return np.array([[float(value) for value in row.split()] for row in rows])


def against(accuracy: Results) -> str:
    """Return how well volumes follow their labels, beside the paper's validation (Fig. 8)."""
    head = ["figure", "paper, 68 validation", *(f"ours, {p}" for p in PARTS)]
    found = {part: relations(accuracy[part]["each"]) for part in PARTS}
    rows = []
    for key, label, form in (
        ("edv_relative_percent", "EDV, mean relative error", "{:.1f} %"),
        ("esv_relative_percent", "ESV, mean relative error", "{:.1f} %"),
        ("edv_correlation", "EDV, r", "{:.3f}"),
        ("esv_correlation", "ESV, r", "{:.3f}"),
        ("ef_mean_absolute_error", "EF, mean absolute error, points", "{:.2f}"),
        ("ef_correlation", "EF, r", "{:.3f}"),
    ):
        cells = [form.format(VALIDATION[key])]
        rows.append([label, *cells, *(form.format(found[part][key]) for part in PARTS)])
    rows.insert(0, ["patients", "68", *(str(n_patients(accuracy[part])) for part in PARTS)])
    return table(head, rows)


def relations(each: Sequence[Results]) -> dict[str, float]:
    """Return relative errors, correlations and the mean absolute error of EF.

    Examples
    --------
    >>> each = [
    ...     {"edv_ml": 110, "esv_ml": 50, "labelled_edv_ml": 100, "labelled_esv_ml": 40},
    ...     {"edv_ml": 200, "esv_ml": 100, "labelled_edv_ml": 200, "labelled_esv_ml": 100},
    ... ]
    >>> relations(each)["edv_relative_percent"]
    5.0
    """
    measured, true = volumes(each)
    of_ef, true_ef = (ejection_fraction_percent(*both.T) for both in (measured, true))
    found = {"ef_mean_absolute_error": float(np.mean(np.abs(of_ef - true_ef)))}
    found["ef_correlation"] = float(np.corrcoef(of_ef, true_ef)[0, 1])
    for column, name in enumerate(("edv", "esv")):
        of, truth = measured[:, column], true[:, column]
        found[f"{name}_relative_percent"] = float(100 * np.mean(np.abs(of - truth) / truth))
        found[f"{name}_correlation"] = float(np.corrcoef(of, truth)[0, 1])
    return found


def phantoms(results: Results) -> str:
    """Return the parts of the error on phantoms, in % of the true volume."""
    parts = (
        ("ring", "contour outside the true edge"),
        ("beyond", "area in slices whose middle lies outside the cavity"),
        ("sampling", "cones between slices instead of the closed form"),
        ("error", "together"),
    )
    rows = [
        [label, *(f"{results[f'{v}_{name}_percent']['mean']:+.1f}" for v in ("edv", "esv"))]
        for name, label in parts
    ]
    return table(["part of the error, in % of the true volume", "ED", "ES"], rows)
