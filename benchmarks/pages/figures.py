"""Figures 7 to 10 of the paper, drawn from our figures by matplotlib as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.accuracy.out_of_fold import OUT_OF_FOLD
from benchmarks.pages.tables import PARTS, slice_areas, volumes
from lvvol.report.evaluation.plots import BLUE, GREY, ORANGE, STYLE
from lvvol.uncertainty.crps import competition_crps, gaussian_cdf
from lvvol.uncertainty.simulate import best_sigma_ml, expected_crps
from lvvol.volume import ejection_fraction_percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Mapping[str, Any]

_KINDS = {"none": ("σ = 0", GREY), "claimed": ("σ̂", BLUE), "known": ("σ*", ORANGE)}
_SPREAD_ML = 10.0  # of the Appendix's simulation


def _panels(n: int, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.3 * n, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(1, n, squeeze=False)[0])


def _save(figure: Figure) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    # matplotlib ends lines of paths with a blank.
    return "\n".join(line.rstrip() for line in picture.getvalue().decode().splitlines()) + "\n"


def draw_all(accuracy: Results, paper: Results) -> dict[str, str]:
    """Return the SVG of each figure by its name."""
    with mpl.rc_context(STYLE):
        return {
            "fig7": _save(areas(paper)),
            "fig8": _save(scatter(accuracy)),
            "fig9": _save(scores(paper)),
            "fig10": _save(expected()),
        }


def areas(paper: Results) -> Figure:
    """Draw areas of P and O, with cavity and without (paper, Fig. 7)."""
    found = slice_areas(paper)
    share = found[:, 1:4] / found[:, 4:]
    with_cavity, none = share[found[:, 1] > 0], share[found[:, 1] == 0]
    figure, (left, right) = _panels(2)
    edges = np.quantile(with_cavity[:, 0], np.linspace(0, 1, 11))
    middle = (edges[1:] + edges[:-1]) / 2
    of_bin = np.clip(np.digitize(with_cavity[:, 0], edges) - 1, 0, 9)
    for column, name, colour in ((2, "P", ORANGE), (1, "O", BLUE)):
        error = with_cavity[:, column] - with_cavity[:, 0]
        each = [error[of_bin == b] for b in range(10)]
        mean = [float(errors.mean()) for errors in each]
        low, high = (
            [float(np.quantile(errors, chance)) for errors in each] for chance in (0.1, 0.9)
        )
        left.plot(middle, mean, "o-", color=colour, markersize=3, label=name)
        left.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
        right.hist(
            none[:, column], np.arange(0, 0.31, 0.01), histtype="step", color=colour, label=name
        )
    left.axhline(0, color=GREY, linewidth=0.8)
    left.set(
        title=f"{len(with_cavity)} slices with cavity",
        xlabel="drawn area, share of the ROI",
        ylabel="measured − drawn (mean, 10 to 90 %)",
    )
    right.set(title=f"{len(none)} slices without", xlabel="measured area, share of the ROI")
    right.set(ylabel="slices", yscale="log")
    for axis in (left, right):
        axis.legend()
    return figure


def scatter(accuracy: Results) -> Figure:
    """Draw measured over labelled EDV, ESV and EF (paper, Fig. 8)."""
    figure, axes = _panels(3)
    for part, colour in zip(PARTS, (ORANGE, BLUE), strict=True):
        measured, true = volumes(accuracy[part]["each"])
        of_ef, true_ef = (ejection_fraction_percent(*both.T) for both in (measured, true))
        pairs = ((true[:, 0], measured[:, 0]), (true[:, 1], measured[:, 1]), (true_ef, of_ef))
        for axis, (truth, of) in zip(axes, pairs, strict=True):
            label = f"{part} ({len(of)})"
            axis.plot(truth, of, "o", color=colour, markersize=3, alpha=0.7, label=label)
    for axis, name in zip(axes, ("EDV, mL", "ESV, mL", "EF, %"), strict=True):
        low, high = axis.get_xlim()
        axis.axline((low, low), (high, high), color=GREY, linewidth=0.8)
        axis.set(title=name, xlabel="labelled", ylabel="measured")
    axes[0].legend(loc="upper left")
    return figure


def scores(paper: Results) -> Figure:
    """Draw C over (d, sigma) with sigma*(d), and the scores of patients (paper, Fig. 9)."""
    figure, (left, right) = _panels(2)
    errors, sigmas = np.arange(-30.0, 30.5, 1.0), np.arange(0.0, 40.5, 1.0)
    mean, sigma = np.meshgrid(100 + errors, sigmas)
    found = competition_crps(gaussian_cdf(mean.ravel(), sigma.ravel()), np.full(mean.size, 100.0))
    lines = left.contour(
        errors, sigmas, np.asarray(found).reshape(mean.shape), levels=12, linewidths=0.8
    )
    left.clabel(lines, fontsize=6, fmt="%.3f")
    best = [best_sigma_ml(float(d)) for d in errors]
    left.plot(errors, best, color=ORANGE, label="σ*(d)")
    left.legend()
    left.set(title="C, true volume 100 mL", xlabel="d = measured − true, mL", ylabel="σ, mL")
    each = paper[OUT_OF_FOLD]["each"]
    for kind, (name, colour) in _KINDS.items():
        of_kind = [p[f"{v}_crps_{kind}"] for p in each for v in ("edv", "esv")]
        label = f"{name}, mean {np.mean(of_kind):.4f}"
        right.hist(of_kind, np.arange(0, 0.0605, 0.003), histtype="step", color=colour, label=label)
    right.set(title=f"{2 * len(each)} volumes of {len(each)} patients", xlabel="C")
    right.set(ylabel="volumes")
    right.legend()
    return figure


def expected() -> Figure:
    """Draw the expected score over the claimed sigma (paper, Fig. 10)."""
    figure, (axis,) = _panels(1)
    claimed = np.arange(0.0, 30.5, 1.0)
    axis.plot(claimed, [expected_crps(float(s), _SPREAD_ML) for s in claimed], color=BLUE)
    axis.axvline(_SPREAD_ML, color=GREY, linewidth=0.8, linestyle="--", label="Σ")
    axis.set(
        title=f"errors of Σ = {_SPREAD_ML:g} mL about 100 mL",
        xlabel="claimed σ, mL",
        ylabel="expected C",
    )
    axis.legend()
    return figure
