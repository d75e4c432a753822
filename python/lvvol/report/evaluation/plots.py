"""Figures of an evaluation, drawn by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lvvol.errors import needs_extra

with needs_extra("train"):
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Patients = Sequence[Mapping[str, Any]]

_QUANTITIES = (
    ("edv", "edv_ml", "EDV, mL"),
    ("esv", "esv_ml", "ESV, mL"),
    ("sv", "sv_ml", "SV, mL"),
    ("ef", "ef_percent", "EF, %"),
)
BLUE, ORANGE, GREY = "#2b6ca3", "#c8641e", "#6b7280"
STYLE: dict[Any, Any] = {  # matplotlib has a type of its own for the keys
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "lvvol",  # else names inside an SVG differ from run to run
    "svg.fonttype": "none",
}


def draw_figures(summary: Mapping[str, Any], patients: Patients) -> dict[str, bytes]:
    """Draw the figures that the patients have values for.

    Parameters
    ----------
    summary : mapping
        From `lvvol.evaluate.summarise`.
    patients : sequence of mapping
        Results of the patients measured, as plain values.

    Returns
    -------
    dict of str to bytes
        PNG and SVG of each figure by file name: ``volumes``, ``agreement``, ``doubt``, ``images``.
    """
    drawn: dict[str, Callable[[], Figure | None]] = {
        "volumes": lambda: _volumes(summary, patients),
        "agreement": lambda: _agreement(summary, patients),
        "doubt": lambda: _doubt(summary),
        "images": lambda: _images(summary, patients),
    }
    files: dict[str, bytes] = {}
    with mpl.rc_context(STYLE):
        for name, draw in drawn.items():
            figure = draw()
            if figure is not None:
                files[f"{name}.png"] = _save(figure, "png")
                files[f"{name}.svg"] = _save(figure, "svg")
    return files


def _save(figure: Figure, form: str) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {})
    return picture.getvalue()


def _panels(n: int, width: float = 3.2, height: float = 3.1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * n, height), layout=ConstrainedLayoutEngine(w_pad=0.12))
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, n, squeeze=False)[0])


def _labelled(patients: Patients, quantity: str) -> list[float]:
    """Return the label of a quantity of every patient, NaN without."""
    labels = []
    for p in patients:
        edv, esv = (_number(p[f"labelled_{name}"]) for name in ("edv_ml", "esv_ml"))
        of_ef = 100 * (edv - esv) / edv if edv else math.nan
        labels.append({"edv": edv, "esv": esv, "sv": edv - esv, "ef": of_ef}[quantity])
    return labels


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _colours(patients: Patients) -> list[str]:
    return [ORANGE if p["status"] == "review" else BLUE for p in patients]


def _name_colours(axis: Axes, patients: Patients) -> None:
    """Explain the colours where there are two of them."""
    if len({*_colours(patients)}) > 1:
        for colour, name in ((BLUE, "ok"), (ORANGE, "review")):
            axis.plot([], [], "o", color=colour, markersize=4, label=name)
        axis.legend(loc="upper left", handletextpad=0.2)


def _volumes(summary: Mapping[str, Any], patients: Patients) -> Figure | None:
    """Draw measured over labelled values, with 90 % intervals (paper, Fig. 8)."""
    if "edv_ml" not in summary:
        return None
    shown = [each for each in _QUANTITIES if each[0] != "sv"]
    figure, axes = _panels(len(shown))
    for axis, (quantity, key, label) in zip(axes, shown, strict=True):
        true, found = _labelled(patients, quantity), [_number(p[key]) for p in patients]
        for x, y, colour, p in zip(true, found, _colours(patients), patients, strict=True):
            ends = p["intervals"].get("90", {}).get(quantity)
            if ends is not None:
                axis.plot([x, x], ends, color=colour, linewidth=0.8, alpha=0.35)
            axis.plot(x, y, "o", color=colour, markersize=3.5, alpha=0.8)
        values = np.array([*true, *found])
        if np.isfinite(values).any():
            most = 100.0 if quantity == "ef" else 1.08 * float(np.nanmax(values))
            axis.plot([0, most], [0, most], color=GREY, linewidth=0.8)
            axis.set(xlim=(0, most), ylim=(0, most))
        a = summary[key]
        axis.set_title(f"RMSE {a['rmse']:.1f}, r = {a['correlation']:.3f}")
        axis.set(xlabel=f"labelled {label}", ylabel=f"measured {label}", aspect="equal")
    _name_colours(axes[0], patients)
    return figure


def _agreement(summary: Mapping[str, Any], patients: Patients) -> Figure | None:
    """Draw differences over means (Bland and Altman 1986)."""
    if "edv_ml" not in summary:
        return None
    figure, axes = _panels(len(_QUANTITIES), width=3.0)
    for axis, (quantity, key, label) in zip(axes, _QUANTITIES, strict=True):
        true = np.array(_labelled(patients, quantity))
        found = np.array([_number(p[key]) for p in patients])
        axis.scatter((true + found) / 2, found - true, s=12, c=_colours(patients), alpha=0.8)
        a = summary[key]
        for name, style in (("mean_error", "-"), ("lower_limit", "--"), ("upper_limit", "--")):
            if math.isfinite(a[name]):
                axis.axhline(a[name], color=GREY, linewidth=0.9, linestyle=style)
                # Beside the panel, where no point can hide it.
                text = f"{a[name]:+z.1f}".replace("-", "\N{MINUS SIGN}")
                axis.annotate(
                    text,
                    (1.01, a[name]),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    fontsize=8,
                    color=GREY,
                )
        extremes = np.abs([*(found - true), a["lower_limit"], a["upper_limit"]])
        if (extremes > 0).any():  # room for the legend
            axis.set_ylim(-1.3 * np.nanmax(extremes), 1.3 * np.nanmax(extremes))
        axis.axhline(0, color=GREY, linewidth=0.4)
        axis.set(xlabel=f"mean of both, {label}", ylabel=f"measured − labelled {label}")
    _name_colours(axes[0], patients)
    return figure


def _doubt(summary: Mapping[str, Any]) -> Figure | None:
    """Draw how often intervals hold the label, and where labels lie in their distributions."""
    levels = [name for name in summary if name.startswith("coverage_")]
    pit = summary["pit"]
    if not levels and not pit:
        return None
    figure, axes = _panels(bool(levels) + len(pit), width=2.8)
    if levels:
        axis = axes.pop(0)
        claimed = [float(level.removeprefix("coverage_")) for level in levels]
        axis.plot([0, 100], [0, 100], color=GREY, linewidth=0.8)
        for shift, (quantity, _, label) in enumerate(_QUANTITIES):
            points = [
                (x + 1.2 * (shift - 1.5), 100 * summary[level][quantity], level)
                for x, level in zip(claimed, levels, strict=True)
                if quantity in summary[level]
            ]
            for x, y, level in points:
                ends = summary["interval_95"][level][quantity]
                if ends is not None:
                    axis.plot([x, x], [100 * end for end in ends], color=f"C{shift}", linewidth=1)
                axis.plot(x, y, "o", color=f"C{shift}", markersize=4)
            if points:
                axis.plot([], [], "o", color=f"C{shift}", markersize=4, label=label[:3].strip(","))
        axis.legend(loc="lower right", handletextpad=0.2)
        axis.set(xlabel="level, %", ylabel="intervals that hold the label, %")
        axis.set(xlim=(min(claimed) - 20, 100), ylim=(0, 102), xticks=claimed)
        axis.set_title("coverage")
    for axis, (quantity, counts) in zip(axes, pit.items(), strict=True):
        axis.bar(np.arange(10) / 10 + 0.05, counts, width=0.09, color=BLUE)
        axis.axhline(sum(counts) / 10, color=GREY, linewidth=0.9)
        axis.set(xlabel=f"P of the label, {quantity.upper()}", ylabel="patients")
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _images(summary: Mapping[str, Any], patients: Patients) -> Figure | None:
    """Draw Dice, distances of outlines, and errors of areas by level."""
    if "dice_ed_mean" not in summary:
        return None
    levels = [(at, level) for at in ("ed", "es") for level in ("base", "mid", "apex")]
    errors = {
        pair: [
            s["measured_mm2"] - s["drawn_mm2"]
            for p in patients
            for s in p["slices"]
            if (s["at"], s["level"]) == pair
        ]
        for pair in levels
    }
    figure, axes = _panels(3 if any(errors.values()) else 2)
    for axis, name, label in (
        (axes[0], "dice_{}", "Dice"),
        (axes[1], "hausdorff95_{}_mm", "Hausdorff 95 %, mm"),
    ):
        columns = [
            [value for p in patients if math.isfinite(value := _number(p[name.format(at)]))]
            for at in ("ed", "es")
        ]
        _boxes(axis, columns, ["ED", "ES"])
        axis.set_ylabel(label)
    if any(errors.values()):
        names = [f"{level}\n{at.upper()}" for at, level in levels]
        _boxes(axes[2], list(errors.values()), names)
        axes[2].axhline(0, color=GREY, linewidth=0.8)
        axes[2].set_ylabel("area, measured − drawn, mm²")
    return figure


def _boxes(axis: Axes, columns: Sequence[Sequence[float]], names: Sequence[str]) -> None:
    """Draw a box per column, with all values beyond its whiskers."""
    axis.boxplot(
        [list(column) for column in columns],
        widths=0.6,
        medianprops={"color": ORANGE},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": GREY},
    )
    axis.set_xticks(range(1, len(names) + 1), names)
