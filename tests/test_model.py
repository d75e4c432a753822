"""`Model`: loaded once, used from anywhere, and printed in one line."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom import config

import lvvol
from lvvol import model as model_module
from lvvol.dicom.files import read
from lvvol.networks.files import SHIPPED
from lvvol.phantom import make_phantom, write_study
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
        with read.QUIET:
            first_in.set()
            second_in.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    first_in.wait(10)
    with read.QUIET:
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
    with pytest.raises(ValueError, match="device: expected 'auto' or 'cpu', got 'tpu'"):
        lvvol.load_model(device="tpu")


def test_a_path_as_text_is_remembered_as_a_path():
    assert lvvol.load_model(str(SHIPPED)).weights == Path(SHIPPED)
