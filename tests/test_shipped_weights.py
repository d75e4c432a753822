"""The weights that come with lvvol, and what their card says of them."""

import json

import pytest

from lvvol.datasets.phantoms import phantom_labels
from lvvol.networks.weights import (
    HFCN_FILE,
    ROI_CLASSIFIER_FILE,
    SHIPPED,
    load_hfcn_module,
    load_roi_classifier_module,
)
from lvvol.roi import DETECTOR_FILE, CascadeProposer, read_detector
from lvvol.roi.square import labelled_square, overlap

FILES = (HFCN_FILE, ROI_CLASSIFIER_FILE, DETECTOR_FILE)


def test_shipped_weights_load_and_are_small():
    load_hfcn_module()
    load_roi_classifier_module()
    read_detector(SHIPPED / DETECTOR_FILE)
    assert sum((SHIPPED / name).stat().st_size for name in FILES) < 4e6


def test_whoever_installs_them_may_read_them():
    for name in FILES:
        assert (SHIPPED / name).stat().st_mode & 0o044 == 0o044


def test_the_detector_looks_at_windows_of_24_pixels_and_is_small():
    assert read_detector(SHIPPED / DETECTOR_FILE).window_size == (24, 24)
    assert (SHIPPED / DETECTOR_FILE).stat().st_size < 5e5


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_detector_proposes_a_phantoms_lv_among_its_first(seed):
    """Seeds of 10,000 and above were trained on."""
    propose = CascadeProposer(read_detector(SHIPPED / DETECTOR_FILE), threads=1)
    labels = phantom_labels(seed, rows=128)
    middle = len(labels.masks) // 2
    truth = labelled_square(labels.masks[middle, 0])
    assert overlap(propose(labels.stack.images[middle])[:3], truth).max() > 0.5


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
