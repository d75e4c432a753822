"""What is measured for the paper's figures, on a phantom and by hand."""

from functools import partial

import numpy as np
import pytest

from benchmarks.accuracy import paper
from lvvol import load_model
from lvvol.datasets import Dataset, Patient
from lvvol.datasets.phantoms import phantom_labels
from lvvol.evaluate.calibrate import collect


@pytest.fixture(scope="module")
def measured():
    dataset = Dataset("memory", (Patient("phantom/2", (), partial(phantom_labels, 2, 160)),))
    return dataset, paper.measure(dataset, load_model())


def test_a_phantom_is_found_step_by_step_and_scored(measured):
    dataset, report = measured
    assert (report["n_patients"], report["refused"]) == (1, [])
    (row,) = report["each"]
    assert row["proposed_iou"] >= max(row["classified_iou"], 0.5)
    assert row["refined_iou"] >= 0.5
    assert row["n_slices_right"] <= row["n_slices"]
    # Without doubt C is the distance in mL over 600, to the next whole mL.
    off_ml = abs(row["edv_ml"] - row["true_edv_ml"])
    assert row["edv_crps_none"] == pytest.approx(off_ml / 600, abs=1.1 / 600)
    assert row["edv_crps_known"] <= row["edv_crps_claimed"]
    assert row["edv_crps_known"] <= row["edv_crps_none"]
    assert row["true_edv_ml"] == dataset[0].edv_ml
    assert row["edv_ml"] == pytest.approx(
        collect(dataset, load_model()).rows[0].features.ed.volume_ml
    )


def test_areas_are_those_of_labelled_slices(measured):
    dataset, report = measured
    labels = dataset[0]
    rows = [[float(v) for v in row.split()] for row in report["slices"]["rows"]]
    assert len(rows) == int(labels.labelled[:, list(labels.phases)].sum())
    drawn = sum(row[1] for row in rows if row[0] == 0)
    assert drawn == pytest.approx(labels.masks[:, labels.phases[0]].sum(), abs=1)


def test_contours_of_ours_and_the_mask_lie_together(measured):
    dataset, _ = measured
    found = paper.outlines(dataset[0], load_model())
    assert 3 <= len(found["slices"]) <= paper.N_DRAWN
    middle = found["slices"][len(found["slices"]) // 2]
    centres = []
    for who in ("ours", "mask"):
        points = middle["ed"][who].strip("MZ").replace("Z", "L").replace("M", "L").split("L")
        centres.append(np.mean([[float(v) for v in p.split()] for p in points if p], axis=0))
    assert np.hypot(*(centres[0] - centres[1])) < 3  # mm


def test_the_worst_and_the_typical_by_hand():
    off = {"a": 1.0, "b": -30.0, "c": 5.0}
    each = [
        {"patient": name, "edv_ml": 100 + d, "esv_ml": 50.0, "true_edv_ml": 100, "true_esv_ml": 50}
        for name, d in off.items()
    ]
    each.append({**each[0], "patient": "d", "esv_ml": 90.0})
    assert paper.worst_patients(each) == ["d", "b", "c", "a"]
    assert paper.typical_patient(each[:3]) == "c"
