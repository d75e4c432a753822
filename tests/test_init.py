"""The public API: short, and loaded only when used."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lvvol
from lvvol import _core

HEAVY = ("torch", "cv2", "pydicom", "numpy", "lvvol._core")
PUBLIC = [name for name in lvvol.__all__ if callable(getattr(lvvol, name))]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(lvvol, name))]


def section(text, title):
    """The lines of a numpydoc section, or None."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\S+\n---|\Z)", text, re.DOTALL | re.MULTILINE)
    return found and found[1].splitlines()


def documented(text, title):
    """Names that a section's entries begin with."""
    entries = [line for line in section(text, title) or [] if line and not line.startswith(" ")]
    return [name for entry in entries for name in entry.partition(" : ")[0].split(", ")]


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
        ("import lvvol; lvvol.CineStack; lvvol.Decision; lvvol.Prediction", {"numpy"}),
        ("import lvvol; lvvol.cone_volume_ml; lvvol.ejection_fraction_percent", {"numpy"}),
        ("import lvvol; lvvol.resample; lvvol.extract_windows", {"numpy", "lvvol._core"}),
        ("import lvvol; lvvol.read_cascade; lvvol.detect", {"numpy", "lvvol._core"}),
        ("import lvvol; lvvol.load_study", {"numpy", "lvvol._core"}),
    ],
)
def test_nothing_heavy_loads_before_it_is_used(code, loaded):
    code += f"; import sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded


def test_a_name_is_loaded_once():
    vars(lvvol).pop("resample", None)
    assert lvvol.resample is vars(lvvol)["resample"]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_callables_have_a_numpydoc_docstring_at_run_time(name):
    value = getattr(lvvol, name)
    text = inspect.getdoc(value)
    summary, *rest = text.splitlines()
    assert summary.endswith(".")
    assert not rest or rest[0] == ""
    assert section(text, "Parameters") or section(text, "Attributes")
    if name in FUNCTIONS:
        assert section(text, "Returns") or inspect.signature(value).return_annotation == "None"
        assert section(text, "Raises")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_documented_in_order(name):
    function = getattr(lvvol, name)
    text = inspect.getdoc(function)
    assert documented(text, "Parameters") == list(inspect.signature(function).parameters)


CORE = {
    node.name: node
    for node in ast.parse(
        Path(lvvol.errors.__file__).with_name("_core.pyi").read_text(encoding="utf-8")
    ).body
    if isinstance(node, ast.FunctionDef)
}


@pytest.mark.parametrize("name", sorted(CORE))
def test_public_functions_take_what_the_core_takes(name):
    """Same names, kinds, order and defaults."""
    arguments = CORE[name].args
    assert not arguments.defaults
    core = [(argument.arg, inspect.Parameter.empty) for argument in arguments.args]
    core += [
        (argument.arg, default and ast.literal_eval(default))
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    public = inspect.signature(getattr(lvvol, name)).parameters.values()
    assert [(p.name, p.default) for p in public] == core
    n_positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in public)
    assert n_positional == len(arguments.args)


@pytest.mark.parametrize("name", sorted(CORE))
def test_public_functions_hand_every_argument_to_the_core(name, monkeypatch):
    function = getattr(lvvol, name)
    names = [*inspect.signature(function).parameters]
    given = {argument: object() for argument in names}
    if "progress" in given:  # which gets a `TrainingStep`, tested with training
        given["progress"] = None
    seen = {}

    def core(*positional, **named):
        seen.update(zip(names, positional, strict=False), **named)
        return name

    monkeypatch.setattr(_core, name, core)
    assert function(**given) == name
    assert seen == given
