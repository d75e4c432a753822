"""The weights that come with lvvol, and what their card says of them."""

import json

import pytest

from lvvol.networks.weights import HFCN_FILE, ROI_CLASSIFIER_FILE, SHIPPED, load_hfcn
from lvvol.networks.weights import load_roi_classifier as load_classifier


def test_shipped_weights_load_and_are_small():
    load_hfcn()
    load_classifier()
    files = [SHIPPED / HFCN_FILE, SHIPPED / ROI_CLASSIFIER_FILE]
    assert sum(path.stat().st_size for path in files) < 4e6


def test_whoever_installs_them_may_read_them():
    for path in SHIPPED.glob("*.safetensors"):
        assert path.stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize("part", ["validation", "test"])
def test_card_gives_the_measured_figures(part):
    """The card's table is the benchmark's result, digit by digit."""
    results = json.loads((SHIPPED.parents[2] / "benchmarks/results/accuracy.json").read_text())
    summary = results[part]
    row = " | ".join(
        [
            part,
            str(summary["patients"]),
            f"{summary['dice_ed_mean']:.3f}",
            f"{summary['dice_es_mean']:.3f}",
            f"{summary['edv_ml']['rmse']:.1f}",
            f"{summary['esv_ml']['rmse']:.1f}",
            f"{summary['ef_percent']['mean_absolute_error']:.1f}",
        ]
    )
    assert f"| {row} |" in (SHIPPED / "card.md").read_text()
