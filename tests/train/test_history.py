"""History: table, curves, TensorBoard."""

import csv
import io
import sys
import types

import cv2
import numpy as np
import pytest

from lvvol.errors import MissingExtraError
from lvvol.train.history import BlockReport, draw_curves, history_csv, open_board

HISTORY = [
    {"cross_entropy": 0.6, "dice_ed": 0.5},
    {"cross_entropy": 0.3, "volume_error": 0.25, "dice_ed": 0.8, "edv_rmse_ml": 20.0},
    {"volume_error": 0.125, "dice_ed": 0.9, "edv_rmse_ml": 10.0},
]
TIMES = [{"seconds": 2.0, "waiting_share": 0.5}] * 3


def test_the_table_has_a_row_per_epoch_and_leaves_out_what_is_not_known():
    rows = list(csv.DictReader(io.StringIO(history_csv(HISTORY, TIMES).decode())))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["volume_error"] for row in rows] == ["", "0.25", "0.125"]
    assert [row["cross_entropy"] for row in rows] == ["0.6", "0.3", ""]
    assert rows[2]["waiting_share"] == "0.5"


@pytest.mark.parametrize(("figures", "panels"), [(HISTORY, 3), ([{"loss": 0.5}] * 4, 1)])
def test_curves_are_a_picture_with_a_panel_for_each_kind_of_figure(figures, panels):
    picture = cv2.imdecode(np.frombuffer(draw_curves("hfcn", figures), np.uint8), 1)
    assert picture.shape == (240 * panels, 600, 3)
    assert (picture < 128).any()


@pytest.mark.parametrize(
    ("left_s", "expected"), [(30.0, "30 s left"), (600.0, "10 min left"), (7200.0, "2.0 h left")]
)
def test_the_line_of_a_block_says_how_long_is_left(left_s, expected):
    report = BlockReport("hfcn", 2, 9, HISTORY[1], False, 4.0, 0.5, left_s)
    assert report.line() == (
        "hfcn 2/9: cross-entropy 0.3, volume error 0.25, Dice ED 0.8, EDV RMSE 20 mL; "
        f"4.0 s, 50 % waiting, {expected}"
    )
    last = BlockReport("hfcn", 9, 9, HISTORY[1], True, 4.0, 0.5, 0.0)
    assert last.line().endswith("EDV RMSE 20 mL, best; 4.0 s, 50 % waiting")


def test_without_tensorboard_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"lvvol\[tensorboard\]"):
        open_board(tmp_path)


def test_tensorboard_writes_where_it_is_told(monkeypatch, tmp_path):
    made = []
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = lambda folder: made.append(folder)
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    open_board(tmp_path)
    assert made == [str(tmp_path)]
