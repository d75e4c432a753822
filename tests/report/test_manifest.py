"""One folder is one result: kills, full disks, foreign files and simultaneous writers."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvvol.errors import OutputError, ResultError
from lvvol.report.files import files_of
from lvvol.report.manifest import MANIFEST, check_result_folder, read_result
from lvvol.report.write import write_result
from tests.support.discs import disc_prediction

NAMES = ("json", "overlay")
FILES = files_of(NAMES)


def write(prediction, folder):
    return write_result(prediction, folder, NAMES)


def check(folder):
    check_result_folder(folder, FILES)


def prediction_of(study_uid, scale=1.0):
    prediction = disc_prediction()
    stack = replace(prediction.stack, study_uid=study_uid)
    return replace(prediction, stack=stack, areas_mm2=prediction.areas_mm2 * scale)


def test_a_result_is_read_with_its_study(tmp_path):
    prediction = prediction_of("1.2.3")
    write(prediction, tmp_path)
    result = read_result(tmp_path)
    assert result["edv_ml"] == pytest.approx(np.pi * 24**2 * 30 / 1000)
    assert result["study"]["study_uid"] == "1.2.3"
    assert result["study"]["series_uids"] == list(dict.fromkeys(prediction.stack.series_uids))
    images = replace(prediction.stack, sop_instance_uids=(("9.9",),))
    write(replace(prediction, stack=images), tmp_path)
    assert read_result(tmp_path)["study"]["images_sha256"] != result["study"]["images_sha256"]


@pytest.mark.parametrize("survives", [0, 1, 2])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_kill_between_the_files_is_noticed_and_can_be_mended(
    tmp_path, monkeypatch, survives, earlier
):
    """The process ends after `survives` of the three files are in place."""

    class Killed(BaseException):
        pass

    old, new = prediction_of("old"), prediction_of("new", scale=2.0)
    if earlier:
        write(old, tmp_path)
    renamed, rename = [], Path.replace

    def dies(part, target):
        if len(renamed) == survives:
            raise Killed
        renamed.append(target)
        return rename(part, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(Killed):
            write(new, tmp_path)
    if earlier and survives == 0:
        assert read_result(tmp_path)["study"]["study_uid"] == "old"
    else:
        with pytest.raises(ResultError):
            read_result(tmp_path)
    write(new, tmp_path)
    assert read_result(tmp_path)["study"]["study_uid"] == "new"


@pytest.mark.parametrize("name", ["result.json", "overlay.png"])
def test_a_changed_or_missing_file_is_refused(tmp_path, name):
    write(prediction_of("1"), tmp_path / "a")
    write(prediction_of("2", scale=2.0), tmp_path / "b")
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(ResultError, match=f"{name}: not the file that manifest.json lists"):
        read_result(tmp_path / "a")
    (tmp_path / "a" / name).unlink()
    with pytest.raises(ResultError, match="expected a result, got No such file"):
        read_result(tmp_path / "a")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"files": {"result.json": 1}}', b"\xff"]
)
def test_a_damaged_manifest_is_refused(tmp_path, content):
    write(prediction_of("1"), tmp_path)
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ResultError, match="expected a manifest"):
        read_result(tmp_path)


@pytest.mark.parametrize("name", ["result.json", "overlay.png", MANIFEST])
@pytest.mark.parametrize("content", ["theirs", "{}", '{"edv_ml": 1}'])
def test_files_of_others_are_not_replaced(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    for attempt in (check, lambda folder: write(prediction_of("1"), folder)):
        with pytest.raises(OutputError, match=f"{name}: exists and was not written by lvvol"):
            attempt(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_a_result_of_an_earlier_release_is_replaced(tmp_path):
    write(prediction_of("1"), tmp_path)
    (tmp_path / MANIFEST).unlink()
    check(tmp_path)
    write(prediction_of("2"), tmp_path)
    assert read_result(tmp_path)["study"]["study_uid"] == "2"


def test_the_predict_command_refuses_files_of_others_before_it_reads(tmp_path, capfd):
    from lvvol.cli import main

    (tmp_path / "result.json").write_text("theirs")
    assert main(["predict", "no study", "-o", str(tmp_path)]) == OutputError.exit_code
    assert "was not written by lvvol" in capfd.readouterr().err


def test_simultaneous_writers_leave_one_result(tmp_path):
    predictions = [prediction_of(str(n), scale=1 + n) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda prediction: write(prediction, tmp_path), predictions))
    result = read_result(tmp_path)
    assert result["edv_ml"] == predictions[int(result["study"]["study_uid"])].edv_ml
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        MANIFEST,
        "overlay.png",
        "result.json",
    ]


def test_the_manifest_names_the_version_and_sizes(tmp_path):
    write(prediction_of("1"), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    assert manifest["lvvol"]
    assert {name: entry["bytes"] for name, entry in manifest["files"].items()} == {
        name: (tmp_path / name).stat().st_size for name in FILES
    }
