"""The history of a stage: table, curves, TensorBoard, and the line of a block."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lvvol.errors import needs_extra
from lvvol.train.examples import to_csv

History = Sequence[dict[str, float]]
"""Figures of each epoch; not every epoch has all of them."""

_LABELS = {
    "loss": "loss",
    "cross_entropy": "cross-entropy",
    "volume_error": "volume error",
    "dice_ed": "Dice ED",
    "dice_es": "ES",
    "edv_rmse_ml": "EDV RMSE",
    "esv_rmse_ml": "ESV",
    "ef_rmse_percent": "EF",
}
_UNITS = {"edv_rmse_ml": " mL", "esv_rmse_ml": " mL", "ef_rmse_percent": " points"}
_PANELS = (
    ("loss", ("loss", "cross_entropy", "volume_error")),
    ("Dice", ("dice_ed", "dice_es")),
    ("error, mL or points", ("edv_rmse_ml", "esv_rmse_ml", "ef_rmse_percent")),
)


@dataclass(frozen=True)
class BlockReport:
    """An epoch or block that has ended.

    Parameters
    ----------
    stage : str
        Name of the stage.
    done, total : int
        Epochs or blocks.
    figures : dict of float
        Losses, and figures of the patients left out.
    is_best : bool
        Whether it is the best so far by the recipe's rule.
    seconds : float
        How long it took.
    waiting_share : float
        Share of that time in which no batch was ready, 0 to 1.
    left_s : float
        Seconds that the rest of the stage is expected to take.
    """

    stage: str
    done: int
    total: int
    figures: dict[str, float]
    is_best: bool
    seconds: float
    waiting_share: float
    left_s: float

    def line(self) -> str:
        """Return the block in one line.

        Examples
        --------
        >>> figures = {"cross_entropy": 0.0712, "dice_ed": 0.943}
        >>> BlockReport("hfcn", 12, 60, figures, True, 21.04, 0.031, 1010.0).line()
        'hfcn 12/60: cross-entropy 0.0712, Dice ED 0.943, best; 21.0 s, 3 % waiting, 17 min left'
        """
        parts = [
            f"{label} {self.figures[name]:.3g}{_UNITS.get(name, '')}"
            for name, label in _LABELS.items()
            if name in self.figures
        ]
        parts += ["best"] * self.is_best
        took = f"{self.seconds:.1f} s, {100 * self.waiting_share:.0f} % waiting"
        left = f", {_duration(self.left_s)} left" if self.done < self.total else ""
        return f"{self.stage} {self.done}/{self.total}: {', '.join(parts)}; {took}{left}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def history_csv(history: History, times: History) -> bytes:
    """Return a table with a row per epoch.

    Parameters
    ----------
    history, times : sequence of dict of float
        Figures of each epoch, and its seconds and share of waiting.

    Returns
    -------
    bytes
        CSV: the epoch from 1, then every figure; empty where an epoch has none.
    """
    rows = [{**figures, **spent} for figures, spent in zip(history, times, strict=True)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return to_csv(
        ("epoch", *names),
        ([number, *(row.get(name, "") for name in names)] for number, row in enumerate(rows, 1)),
    )


def draw_curves(name: str, history: History) -> bytes:
    """Draw figures over epochs.

    Parameters
    ----------
    name : str
        Title.
    history : sequence of dict of float
        Figures of each epoch.

    Returns
    -------
    bytes
        PNG with a panel for losses, one for Dice and one for errors, of those there are.
    """
    with needs_extra("train"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    drawn = {figure for figures in history for figure in figures}
    panels = [(label, [n for n in names if n in drawn]) for label, names in _PANELS]
    panels = [(label, names) for label, names in panels if names]
    figure = Figure(figsize=(6, 2.4 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (label, names) in zip(axes, panels, strict=True):
        for curve in names:
            points = [(n, f[curve]) for n, f in enumerate(history, 1) if curve in f]
            axis.plot(*zip(*points, strict=True), label=_LABELS[curve], marker=".", markersize=3)
        axis.set_ylabel(label)
        axis.legend()
    axes[0].set_title(name)
    axes[-1].set_xlabel("epoch or block")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    return picture.getvalue()


class Board(Protocol):
    """Where figures are shown while training runs."""

    def add_scalar(self, tag: str, value: float, step: int) -> Any:
        """Show a value."""
        ...

    def close(self) -> None:
        """Finish."""
        ...


def open_board(folder: Path) -> Board:
    """Return a writer of TensorBoard's event files.

    Raises
    ------
    MissingExtraError
        If TensorBoard is not installed.
    """
    with needs_extra("tensorboard"):
        # torch's own error does not name the library.
        importlib.import_module("tensorboard")
        from torch.utils.tensorboard import SummaryWriter
    writer: Board = SummaryWriter(str(folder))
    return writer
