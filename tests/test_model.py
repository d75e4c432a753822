"""`Model`: loaded once, used from anywhere, and printed in one line."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import config

import lvvol
from lvvol import model as model_module
from lvvol.dicom.files import by_pydicom
from lvvol.errors import CalibrationError
from lvvol.networks.files import SHIPPED
from lvvol.networks.weights import load_hfcn_module, save_weights
from lvvol.phantom import make_phantom, write_study
from lvvol.uncertainty import Bias, write_calibration
from tests.support.discs import disc_prediction


@pytest.fixture(scope="module")
def model():
    return lvvol.load_model()


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    for seed in (2, 3):
        write_study(make_phantom(seed, n_slices=6, n_phases=8), folder / str(seed))
    return [folder / "2", folder / "3"]


def assert_same(one, other):
    np.testing.assert_array_equal(one.lv_probability, other.lv_probability)
    np.testing.assert_array_equal(one.areas_mm2, other.areas_mm2)
    np.testing.assert_array_equal(one.rois.squares_mm, other.rois.squares_mm)
    assert one.warnings == other.warnings


@pytest.fixture
def other_weights(tmp_path):
    """The shipped weights, with a training run's own classifier: one byte of metadata differs."""
    for path in SHIPPED.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    network = load_hfcn_module()
    with torch.no_grad():
        network.likelihood.bias += 1e-3
    save_weights(network, tmp_path / "hfcn.safetensors")
    return tmp_path


def test_the_shipped_calibrations_know_the_shipped_weights():
    for name in model_module.CALIBRATIONS:
        known = lvvol.load_model(calibration=name).calibration
        assert known.source == name
        assert known.levels == (0.5, 0.8, 0.9)
    none = lvvol.load_model().calibration
    for bias in (none.edv_bias, none.esv_bias):
        assert (bias.offset_ml, bias.slope) == (0.0, 1.0)


def test_other_weights_get_no_intervals_rather_than_those_of_others(other_weights):
    loaded = lvvol.load_model(other_weights)
    assert loaded.calibration is None
    assert loaded.weights_sha256 != lvvol.load_model().weights_sha256
    prediction = loaded.predict(make_phantom(2, n_slices=6, n_phases=4).to_cine_stack(), level=0.77)
    assert prediction.intervals is None
    assert prediction.edv_interval_ml is None
    assert prediction.edv_ml == prediction.edv_uncalibrated_ml
    with pytest.raises(CalibrationError, match=r"^dsb2: .*fit it again"):
        lvvol.load_model(other_weights, calibration="dsb2")


def test_a_calibration_from_a_file(tmp_path):
    own = replace(lvvol.load_model().calibration, source="ours", edv_bias=Bias(10.0, 1.1))
    write_calibration(own, tmp_path / "ours.json")
    loaded = lvvol.load_model(calibration=tmp_path / "ours.json")
    stack = make_phantom(2, n_slices=6, n_phases=4).to_cine_stack()
    prediction = loaded.predict(stack, level=0.8)
    assert prediction.edv_ml == pytest.approx(10 + 1.1 * prediction.edv_uncalibrated_ml)
    assert prediction.edv_uncalibrated_ml == lvvol.predict(stack).edv_ml
    low, high = prediction.edv_interval_ml
    assert low < prediction.edv_ml < high
    wider = loaded.predict(stack).edv_interval_ml
    assert wider[0] < low < high < wider[1]
    assert prediction.distribution().shape == (2, 600)
    assert prediction.to_dict()["calibration"] == "ours"
    with pytest.raises(CalibrationError, match=r"missing\.json"):
        lvvol.load_model(calibration=tmp_path / "missing.json")


def test_an_unknown_level_is_refused_before_reading():
    with pytest.raises(
        CalibrationError, match=r"level: expected one of 0\.5, 0\.8, 0\.9, got 0\.7"
    ):
        lvvol.predict("no such folder", level=0.7)


def test_a_study_its_stack_and_its_path_as_text_give_the_same(model, studies):
    by_path = model.predict(studies[0])
    assert_same(model.predict(str(studies[0])), by_path)
    assert_same(model.predict(lvvol.load_study(studies[0])), by_path)
    assert_same(lvvol.predict(studies[0]), by_path)
    assert_same(lvvol.predict(studies[0], weights=str(SHIPPED)), by_path)
    assert list(by_path.timings_s) == ["read", "resample", "roi", "segment", "volume"]


def test_a_model_serves_several_threads_at_once(model, studies):
    expected = [model.predict(study) for study in studies]
    filters, validation = list(warnings.filters), config.settings.reading_validation_mode
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, studies * 4))
    for number, prediction in enumerate(found):
        assert_same(prediction, expected[number % 2])
    assert warnings.filters == filters
    assert config.settings.reading_validation_mode == validation


def test_readers_that_overlap_restore_the_settings_once():
    before = list(warnings.filters), config.settings.reading_validation_mode
    first_in, second_in = threading.Event(), threading.Event()

    def first():
        with by_pydicom.QUIET:
            first_in.set()
            second_in.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    first_in.wait(10)
    with by_pydicom.QUIET:
        second_in.set()
        thread.join()  # the first to enter leaves first
        assert config.settings.reading_validation_mode == config.IGNORE
    assert (list(warnings.filters), config.settings.reading_validation_mode) == before


def test_series_are_refused_for_a_stack(model):
    with pytest.raises(ValueError, match=r"series: expected none for a CineStack, got \[5\]"):
        model.predict(disc_prediction().stack, series=[5])


def test_the_shipped_model_is_loaded_once(monkeypatch, model):
    loaded = []
    monkeypatch.setattr(model_module, "load_model", lambda: loaded.append(1) or model)
    model_module._shipped_model.cache_clear()
    stack = make_phantom(2, n_slices=6, n_phases=8).to_cine_stack()
    try:
        lvvol.predict(stack)
        lvvol.predict(stack)
    finally:
        model_module._shipped_model.cache_clear()
    assert loaded == [1]


def test_what_prints(model, tmp_path):
    assert repr(model) == "Model(weights='shipped', device='cpu')"
    # Discs of 24 and 12 mm over three gaps of 10 mm: 54.3 and 13.6 mL.
    assert repr(disc_prediction(sentences=["one"])) == (
        "Prediction(EDV 54 mL, ESV 14 mL, EF 75 %, review: few_slices)"
    )


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="device: expected one of auto, cpu, cuda, got 'tpu'"):
        lvvol.load_model(device="tpu")


def test_a_path_as_text_is_remembered_as_a_path():
    assert lvvol.load_model(str(SHIPPED)).weights == Path(SHIPPED)
