"""The whole road on studies nobody trained on, and on phantoms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lvvol import load_model, load_study, predict
from lvvol.errors import RoiNotFoundError
from lvvol.networks.files import HFCN_FILE, SECOND_HFCN_FILE, SHIPPED
from lvvol.networks.weights import load_hfcn_module, load_roi_classifier_module
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from tests.support import left_out


@pytest.mark.real_data
@pytest.mark.parametrize("study", left_out.DSB2)
def test_dsb2_study_left_out_of_training_is_near_its_label(real_data, study):
    comparison = left_out.compare_dsb2(real_data, study)
    assert abs(comparison.edv_error_percent) <= 12
    assert abs(comparison.esv_error_percent) <= 15


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("study", "edv_ml", "esv_ml"),
    [
        ("SCD0000101", 177.2, 132.6),
        ("SCD0000201", 222.2, 165.5),
        ("SCD0000301", 211.8, 167.5),
    ],
)
def test_sunnybrook_study_left_out_of_training_is_near_its_contours(
    real_data, study, edv_ml, esv_ml
):
    comparison = left_out.compare_sunnybrook(real_data, study)
    assert comparison.labelled_edv_ml == pytest.approx(edv_ml, abs=0.06)
    assert comparison.labelled_esv_ml == pytest.approx(esv_ml, abs=0.06)
    assert abs(comparison.edv_error_percent) <= 12
    assert abs(comparison.esv_error_percent) <= 12


@pytest.mark.real_data
def test_volumes_are_those_of_torch(real_data):
    """Measured once by the core's networks and once by the modules that were trained."""
    working = to_working_stack(load_study(real_data / "dsb2_dicom" / "501"))
    by_core = load_model()
    networks = [load_hfcn_module(SHIPPED / name) for name in (HFCN_FILE, SECOND_HFCN_FILE)]
    classifier = load_roi_classifier_module()

    @torch.inference_mode()
    def segment(patches, threads):
        found = [hfcn(torch.from_numpy(patches[:, : hfcn.config.channels])) for hfcn in networks]
        p = sum(logits.softmax(dim=1)[:, 0] for logits, _ in found) / len(found)
        shares = sum(area_map.mean(dim=(1, 2, 3)) for _, area_map in found) / len(found)
        return p.numpy(), shares.numpy()

    @torch.inference_mode()
    def score(windows, threads):
        return classifier(torch.from_numpy(windows)).softmax(dim=1)[:, 0].numpy()

    segment.channels = by_core.hfcn.channels
    by_torch = replace(by_core, hfcn=segment, roi_classifier=score)
    core, expected = (each.predict_working_stack(working) for each in (by_core, by_torch))
    np.testing.assert_array_equal(core.rois.squares_mm, expected.rois.squares_mm)
    np.testing.assert_allclose(core.volumes_ml, expected.volumes_ml, rtol=0, atol=0.01)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("study", "part"),
    [
        ("dsb2_dicom/1", np.s_[160:, :]),
        ("dsb2_dicom/501", np.s_[150:, :]),
        ("dsb2_dicom/501", np.s_[:80, :]),
        ("dsb2_dicom/501", np.s_[:, :60]),
        ("sunnybrook/SCD_IMAGES_01/SCD0000301", np.s_[165:, :]),
        ("sunnybrook/SCD_IMAGES_01/SCD0000301", np.s_[:, :85]),
        ("sunnybrook/SCD_IMAGES_01/SCD0000101", np.s_[:, :85]),
    ],
    ids=["abdomen 1", "abdomen 501", "chest wall", "side", "abdomen 04", "side 04", "side 01"],
)
def test_a_part_of_the_body_without_a_heart_gives_no_number(real_data, study, part):
    stack = load_study(real_data / study)
    images = np.ascontiguousarray(stack.images[(slice(None), slice(None), *part)])
    with pytest.raises(RoiNotFoundError):
        predict(replace(stack, images=images))


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(2, n_slices=8, n_phases=12)


@pytest.fixture(scope="module")
def prediction(phantom):
    return predict(phantom.to_cine_stack())


def test_prediction_has_every_slice_and_phase(prediction, phantom):
    assert prediction.volumes_ml.shape == (12,)
    assert prediction.areas_mm2.shape == (8, 12)
    assert prediction.lv_probability.shape == (8, 12, 48, 48)
    assert (prediction.areas_mm2 >= 0).all()
    assert prediction.ed_phase == prediction.volumes_ml.argmax()
    assert prediction.es_phase == prediction.volumes_ml.argmin()


def test_timings_name_every_stage_of_a_stack_in_order(prediction):
    stages = ["load model", "resample", "roi", "segment", "volume"]
    assert list(prediction.timings_s) == stages
    assert all(seconds >= 0 for seconds in prediction.timings_s.values())


def test_prediction_is_the_same_for_every_thread_count(prediction, phantom):
    again = predict(phantom.to_cine_stack(), threads=1)
    np.testing.assert_array_equal(again.volumes_ml, prediction.volumes_ml)
    np.testing.assert_array_equal(again.lv_probability, prediction.lv_probability)


def test_squares_without_a_cavity_give_no_number(phantom):
    """Networks that find a heart and no blood in it are at fault, or the images are."""

    def empty(patches, *, threads=0):
        return np.zeros((len(patches), 48, 48), np.float32), np.full(len(patches), -0.01)

    empty.channels = 1

    model = replace(load_model(), hfcn=empty)
    with pytest.raises(RoiNotFoundError, match=r"no cavity: EDV 0\.0 mL"):
        model.predict(phantom.to_cine_stack())
