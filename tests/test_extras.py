"""What is said where torch, triton or matplotlib is missing, which measuring does without."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lvvol.errors import LvvolError, MissingExtraError, needs_extra

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "


def run_python(code, *args):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False
    )


def run_lvvol_without_torch(*args):
    return run_python(WITHOUT_TORCH + "from lvvol.cli import main; sys.exit(main())", *args)


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("lvvol.train", "train"),
        ("lvvol.train.loop", "train"),
        ("lvvol.networks.fcn", "train"),
        ("lvvol.networks.fcn_inference", "train"),
        ("lvvol.networks.folding", "train"),
        ("lvvol.networks.hfcn", "train"),
        ("lvvol.networks.layers", "train"),
        ("lvvol.networks.roi_classifier", "train"),
        ("lvvol.networks.weights", "train"),
        ("lvvol.kernels", "gpu"),
        ("lvvol.kernels.path", "gpu"),
        ("lvvol.kernels.hypercolumn", "gpu"),
    ],
)
def test_rooms_that_need_torch_name_the_extra(module, extra):
    done = run_python(
        WITHOUT_TORCH + "from lvvol.errors import MissingExtraError\n"
        f"try:\n    import {module}\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("torch is not installed")
    assert done.stdout.endswith(f'pip install "lvvol[{extra}]"\n')


@pytest.mark.parametrize(
    "kernel",
    ["hypercolumn.kernel", "hypercolumn_conv.kernel", "patch_scoring.kernel"],
)
def test_kernels_name_the_extra_that_has_triton(kernel):
    done = run_python(
        "import sys; sys.modules['triton'] = None\nfrom lvvol.errors import MissingExtraError\n"
        f"try:\n    import lvvol.kernels.{kernel}\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("triton is not installed")
    assert done.stdout.endswith('pip install "lvvol[gpu]"\n')


def test_every_other_room_imports_without_torch():
    rooms = [
        *("cine", "cli", "datasets", "dicom", "errors", "evaluate", "geometry", "motion"),
        *("networks", "networks.configs", "networks.files", "networks.inference", "phantom"),
        *("pipeline", "prediction", "preprocess", "quality", "report", "roi", "survey", "volume"),
    ]
    done = run_python(WITHOUT_TORCH + "; ".join(f"import lvvol.{room}" for room in rooms))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("what", [["--alternate", "--vol", "data"], ["detector"]])
def test_training_without_torch_is_refused_in_one_line(tmp_path, what):
    out = tmp_path / "run"
    done = run_lvvol_without_torch("train", *what, "--seg", "data", "-o", out)
    assert (done.returncode, done.stdout) == (MissingExtraError.exit_code, "")
    assert done.stderr.startswith("lvvol: error: torch is not installed")
    assert done.stderr.endswith('pip install "lvvol[train]"\n')
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("missing", ["torch", "triton"])
def test_measuring_on_a_gpu_without_its_extra_is_refused_in_one_line(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from lvvol.cli import main; "
    done = run_python(code + "sys.exit(main())", "predict", "study", "--device", "cuda")
    assert (done.returncode, done.stdout) == (MissingExtraError.exit_code, "")
    assert done.stderr.startswith(f"lvvol: error: {missing} is not installed")
    assert done.stderr.endswith('pip install "lvvol[gpu]"\n')
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["train"], ["train", "detector"], ["predict"]])
def test_help_needs_no_torch(command):
    done = run_lvvol_without_torch(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Examples:" in done.stdout


def test_a_missing_extra_is_an_import_error_too():
    with pytest.raises(ImportError) as caught, needs_extra("train"):
        import no_such_library.part  # noqa: F401
    assert isinstance(caught.value, LvvolError)
    assert str(caught.value).startswith("no_such_library is not installed")


def test_a_module_that_lvvol_lacks_is_a_bug():
    with pytest.raises(ModuleNotFoundError, match=r"lvvol\.nonsense"), needs_extra("train"):
        import lvvol.nonsense  # noqa: F401


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), needs_extra("train"):
        _ = 1 / 0


def test_development_installs_the_extra_for_training():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert (
        project["dependency-groups"]["train"]
        == (project["project"]["optional-dependencies"]["train"])
    )


def test_nifti_names_the_extra_that_has_nibabel(tmp_path):
    patient = tmp_path / "patient001"
    patient.mkdir()
    (patient / "Info.cfg").write_text("ED: 1\nES: 2\n")
    for frame in (1, 2):
        for ending in (".nii.gz", "_gt.nii.gz"):
            (patient / f"patient001_frame{frame:02d}{ending}").touch()
    done = run_python(
        "import sys; sys.modules['nibabel'] = None\n"
        "from lvvol.datasets import open_dataset\nfrom lvvol.errors import MissingExtraError\n"
        "try:\n    open_dataset(sys.argv[1])[0]\n"
        "except MissingExtraError as error:\n    print(error)",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("nibabel is not installed")
    assert done.stdout.endswith('pip install "lvvol[train]"\n')
