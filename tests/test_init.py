"""The public API: short, and loaded only when used."""

import subprocess
import sys

import pytest

import lvvol

HEAVY = ("torch", "cv2", "pydicom", "numpy", "lvvol._core")


def test_public_names_are_there():
    for name in lvvol.__all__:
        assert getattr(lvvol, name) is not None
        assert name in dir(lvvol)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'lvvol' has no attribute 'nonsense'"):
        _ = lvvol.nonsense


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import lvvol", set()),
        ("import lvvol; lvvol.LvvolError; lvvol.__version__; dir(lvvol)", set()),
        ("import lvvol; lvvol.CineStack; lvvol.Prediction", {"numpy"}),
        ("import lvvol; lvvol.load_study", {"numpy", "pydicom", "lvvol._core"}),
    ],
)
def test_nothing_heavy_loads_before_it_is_used(code, loaded):
    code += f"; import sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded
