"""Folders given as weights that are not sound: one line on stderr, and no result."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import torch

from lvvol import errors, load_model
from lvvol.networks.configs import HfcnConfig, RoiClassifierConfig
from lvvol.networks.fcn import FCN
from lvvol.networks.files import HFCN_FILE, ROI_CLASSIFIER_FILE, SHIPPED
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import save_weights
from lvvol.roi import DETECTOR_FILE, read_detector
from tests.support.cascade_files import cascade_xml
from tests.support.studies import Study, good_study


@pytest.fixture
def networks(tmp_path):
    """A folder as `lvvol train --alternate` leaves it: networks without a detector."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (HFCN_FILE, ROI_CLASSIFIER_FILE):
        shutil.copy(SHIPPED / name, folder / name)
    return folder


@pytest.fixture
def refused(run, tmp_path):
    """Check that `lvvol predict` refuses weights; return the line."""
    good_study(tmp_path / "study")

    def check(weights):
        out = tmp_path / "out"
        code, printed, err = run("predict", tmp_path / "study", "--weights", weights, "-o", out)
        assert (code, printed) == (errors.WeightsError.exit_code, "")
        assert err.startswith("lvvol: error: ")
        assert err.count("\n") == 1
        assert not out.exists()
        return err

    return check


def test_networks_without_a_detector_have_the_shipped_one(networks, run, tmp_path):
    assert load_model(networks).detector == read_detector(SHIPPED / DETECTOR_FILE)
    (tmp_path / "study").mkdir()
    study = Study(tmp_path / "study")
    for z in range(4):
        study.slice(z, n_phases=4, rows=160, columns=160, PixelSpacing=[1.5, 1.5])
    # Read through to the search, which finds no heart in ramps of grey.
    code, _, _ = run("predict", tmp_path / "study", "--weights", networks)
    assert code == errors.RoiNotFoundError.exit_code


def test_fcn_in_place_of_hfcn_measures(networks, run, tmp_path):
    torch.manual_seed(0)
    save_weights(FCN(), networks / HFCN_FILE)
    (tmp_path / "study").mkdir()
    assert run("phantom", tmp_path / "study", "--seed", "3", "--phases", "4")[0] == 0
    code, out, err = run("predict", tmp_path / "study", "--weights", networks, "--json")
    assert (code, err) == (0, "")
    areas = json.loads(out)
    assert areas


def test_a_detector_beside_the_networks_comes_before_the_shipped_one(networks):
    path = networks / DETECTOR_FILE
    path.write_bytes(cascade_xml(height=24, width=24))
    detector = load_model(networks).detector
    assert detector == read_detector(path)
    assert detector != read_detector(SHIPPED / DETECTOR_FILE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not XML",
        b'<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>',
        cascade_xml(height=24, width=20),
        (SHIPPED / DETECTOR_FILE).read_bytes()[:100_000],
        (SHIPPED / HFCN_FILE).read_bytes(),
    ],
    ids=["empty", "text", "entity", "not square", "cut", "network"],
)
def test_a_broken_detector_is_not_replaced_by_the_shipped_one(networks, refused, content):
    (networks / DETECTOR_FILE).write_bytes(content)
    assert str(networks / DETECTOR_FILE) in refused(networks)


def test_a_detector_that_is_a_folder_or_a_link_to_nothing(networks, refused):
    path = networks / DETECTOR_FILE
    path.mkdir()
    assert str(path) in refused(networks)
    path.rmdir()
    path.symlink_to(networks / "moved.xml")
    assert str(path) in refused(networks)


def test_a_detector_without_networks_is_not_enough(tmp_path, refused):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(SHIPPED / DETECTOR_FILE, folder)
    assert str(folder / ROI_CLASSIFIER_FILE) in refused(folder)


@pytest.mark.parametrize("name", ["missing", "n" * 300, "a/" * 2100, "file"])
def test_what_is_no_folder(tmp_path, refused, name):
    (tmp_path / "file").write_text("no folder")
    refused(tmp_path / name)


def test_a_folder_without_permission():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place) / "run"
        closed.mkdir(mode=0)
        if user == 0:
            try:
                os.seteuid(65534)
            except OSError as error:
                pytest.skip(f"root cannot become another user here: {error}")
        try:
            with pytest.raises(errors.WeightsError, match=str(closed)):
                load_model(closed)
        finally:
            os.seteuid(user)
            closed.chmod(0o755)


@pytest.mark.parametrize(
    "config",
    [RoiClassifierConfig(phases=4), RoiClassifierConfig(size=33)],
    ids=["phases", "size"],
)
def test_a_classifier_of_other_windows_is_refused(networks, refused, config):
    save_weights(RoiClassifier(config), networks / ROI_CLASSIFIER_FILE)
    assert ROI_CLASSIFIER_FILE in refused(networks)


def test_an_hfcn_of_other_patches_is_refused(networks, refused):
    # 48 cannot be halved five times.
    config = HfcnConfig(stage_widths=(4,) * 6, stage_depths=(1,) * 6)
    save_weights(HFCN(config), networks / HFCN_FILE)
    assert HFCN_FILE in refused(networks)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("running_var", -1.0, "variances below 0"), ("weight", 3e38, "beyond float32")],
)
def test_weights_that_cannot_be_folded_are_refused(networks, refused, name, value, message):
    network = HFCN()
    with torch.no_grad():
        if name == "weight":  # a small variance makes it larger still
            network.stages[0][1].running_var.fill_(0)
        getattr(network.stages[0][1], name).fill_(value)
    save_weights(network, networks / HFCN_FILE)
    err = refused(networks)
    assert HFCN_FILE in err
    assert message in err


@pytest.mark.parametrize("kind", [HFCN, RoiClassifier])
def test_weights_of_zeros_are_refused(networks, refused, kind):
    """They would give the same volume for every study, 0 mL."""
    network = kind()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
    name = HFCN_FILE if kind is HFCN else ROI_CLASSIFIER_FILE
    save_weights(network, networks / name)
    assert f"{name}: " in (err := refused(networks))
    assert "with zeros only" in err


@pytest.mark.parametrize("name", [DETECTOR_FILE, HFCN_FILE, ROI_CLASSIFIER_FILE])
def test_a_pipe_among_the_weights_is_not_waited_for(networks, refused, name):
    (networks / name).unlink(missing_ok=True)
    os.mkfifo(networks / name)
    assert str(networks / name) in refused(networks)
