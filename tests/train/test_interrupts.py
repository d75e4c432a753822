"""Runs that are stopped from outside lose at most the block under way."""

import signal
import subprocess
import sys
import time

import pytest

from lvvol import load_model
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes

RECIPE = """
seed = 3
[classifier]
epochs = 1
batch = 30
[segmentation]
blocks = 4
warmup_blocks = 1
batch = 6
studies = 2
"""
PATIENTS = (4, 5, 11)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for patient in PATIENTS:
        write_dsb2_patient(folder / "dsb2", patient, [(22, 14), (20, 12), (17, 10), (12, 6)])
    write_volumes(folder / "dsb2", {4: (30.0, 12.0), 5: (32.0, 14.0), 11: (28.0, 10.0)})
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def start(data, out, *options):
    dataset = data / "dsb2"
    # One thread: sums in another order would give other bits.
    return subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import torch; torch.set_num_threads(1); from lvvol.cli import main; exit(main())",
            *("train", "--alternate", "--seg", dataset, "--vol", dataset, "-o", out),
            *("--recipe", data / "recipe.toml", "--device", "cpu", *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "run"
    process = start(data, out)
    printed, lines = process.communicate(timeout=300)
    assert (process.returncode, printed) == (0, f"Wrote weights to {out}\n")
    assert [line.split(":")[0] for line in lines.splitlines()] == [
        "classifier 1/1",
        *(f"hfcn {n}/4" for n in range(1, 5)),
    ]
    return out


def wait_for(process, block):
    while block not in process.stderr.readline():
        assert process.poll() is None


# These start processes that import torch.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_a_run_in_order(data, tmp_path, number):
    out = tmp_path / "run"
    process = start(data, out)
    wait_for(process, "hfcn 1/4")
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "lvvol: interrupted"
    load_model(out)  # the weights serve after any block
    assert list(out.glob(".*.part")) == []


def test_a_killed_run_goes_on_to_the_same_weights(data, unbroken, tmp_path):
    out = tmp_path / "run"
    process = start(data, out)
    wait_for(process, "hfcn 2/4")
    time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    load_model(out)
    (out / ".hfcn.checkpoint-0123.part").write_bytes(b"half")  # as if killed while it wrote
    again = start(data, out, "--resume")
    _, lines = again.communicate(timeout=300)
    assert again.returncode == 0
    first = lines.splitlines()[0]
    assert first.startswith(("hfcn 3/4", "hfcn 4/4"))  # blocks 1 and 2 are not repeated
    for name in ("hfcn.safetensors", "roi_classifier.safetensors", "hfcn_history.json"):
        assert (out / name).read_bytes() == (unbroken / name).read_bytes()
    assert list(out.glob(".*.part")) == []
