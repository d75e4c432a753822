"""Sphinx settings: the Markdown pages here, and a reference from docstrings and the commands' help.

Nothing is fetched, so `make docs` needs no network.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path

import click
from numpydoc.xref import DEFAULT_LINKS
from sphinx.application import Sphinx
from sphinx.config import Config

import lvvol
from lvvol import errors
from lvvol.cli import lvvol as command_line

# Where the reference is written before Sphinx reads it; git ignores it.
GENERATED = Path(__file__).parent / "generated"

HELP_WIDTH = 84
"""Columns of help texts: what fits beside the list of pages."""

# Public names that belong together. Those not listed follow under "More", so none is left out.
GROUPS = {
    "Measure": ("load_model", "predict", "Model", "Prediction", "Status", "Reason"),
    "Read a study": ("load_study", "survey_study", "CineStack", "Decision", "Survey"),
    "Planes and windows": (
        "resample",
        "plane_map",
        "contour_coverage",
        "extract_windows",
        "propose_windows",
    ),
    "Cascades": (
        "Cascade",
        "read_cascade",
        "write_cascade",
        "detect",
        "group_windows",
        "train_cascade",
    ),
    "Volumes": ("cone_volume_ml", "trapezoid_volume_ml", "ejection_fraction_percent"),
}

project = "lvvol"
author = "The lvvol developers"
project_copyright = author
version = release = lvvol.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
templates_path = ["templates"]
html_theme = "furo"
html_title = f"lvvol {release}"
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 3

# Names in single backticks link to their page where they have one, and are code elsewhere.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the Parameters sections say more: shapes, units and ranges
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
# A summary of one line; every parameter described, and no other.
numpydoc_validation_checks = {"GL08", "PR01", "PR02", "PR07", "SS06"}
numpydoc_validation_exclude = {
    r"lvvol\.errors\.",  # they differ by name and code alone
    r"lvvol\.Status$",  # an enumeration takes what Python's enumerations take
    r"\.from_arrays$",  # the core's methods have no signature that numpydoc can read
}

nitpicky = True
# Pages exist for public names of lvvol alone; those of NumPy or Python would have to be fetched.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (r"py:.*", r"(?!lvvol\.).*"),
    (r"py:.*", r"lvvol\.\w+\..*"),
]


def documented_errors() -> dict[str, str]:
    """Return the errors' names and, for each, the name of its documentation."""
    return {
        name: f"lvvol.errors.{name}"
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LvvolError)
    }


def grouped_names() -> dict[str, list[str]]:
    """Return every name in ``lvvol.__all__`` but errors and the version, by the group's heading."""
    left = [n for n in lvvol.__all__ if n not in documented_errors() and n != "__version__"]
    groups = {heading: [n for n in names if n in left] for heading, names in GROUPS.items()}
    groups["More"] = [n for n in left if not any(n in names for names in groups.values())]
    return {heading: names for heading, names in groups.items() if names}


def api_page() -> str:
    """Return the page of the public names, in reStructuredText."""
    lines = [
        *("Python API", "==========", "", ".. currentmodule:: lvvol", ""),
        "Public names load on first use, so ``import lvvol`` is quick. Axes are (slice, phase, "
        "row, column), units are part of the name, and slices and phases count from 0.",
        "",
    ]
    for heading, names in grouped_names().items():
        modules = [name for name in names if isinstance(getattr(lvvol, name), types.ModuleType)]
        lines += [heading, "-" * len(heading), "", ".. autosummary::", "   :toctree: api", ""]
        lines += [f"   {name}" for name in names if name not in modules]
        # autosummary takes modules by their whole name.
        lines += [*(f"   lvvol.{name}" for name in modules), ""]
    lines += [
        *("Errors", "------", ""),
        "`lvvol.errors` defines every error that lvvol raises on purpose. All derive from "
        ":py:exc:`~lvvol.errors.LvvolError`, which is also ``lvvol.LvvolError``.",
        *("", "Version", "-------", ""),
        *(".. py:data:: __version__", "   :type: str", "", "   The installed version.", ""),
    ]
    return "\n".join(lines)


ERRORS_PAGE = """\
Errors
======

The command line exits with an error's ``exit_code``; see :doc:`/exit-codes`.

.. automodule:: lvvol.errors
   :members:
   :show-inheritance:
"""


def commands_page() -> str:
    """Return the page with what every command's ``--help`` prints, in reStructuredText."""
    lines = [
        *("Command line", "============", ""),
        "This is what ``--help`` prints. Errors end a command with one of the :doc:`/exit-codes`.",
        "",
    ]
    for name, text in help_texts(command_line, "lvvol"):
        lines += [name, "-" * len(name), "", ".. code-block:: text", ""]
        lines += [*(f"   {line}".rstrip() for line in text.splitlines()), ""]
    return "\n".join(lines)


def help_texts(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Yield the name and help of a command, then of its subcommands, in the order it lists them."""
    context = click.Context(command, info_name=name, max_content_width=HELP_WIDTH)
    # In the settings of `lvvol` alone, from where every subcommand has them.
    context.help_option_names = ["-h", "--help"]
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            subcommand = command.get_command(context, part)
            assert subcommand is not None
            yield from help_texts(subcommand, f"{name} {part}")


CHANGELOG_PAGE = """\
```{include} ../../CHANGELOG.md
```
"""

numpydoc_xref_aliases = {
    **{name: name for name in DEFAULT_LINKS},  # not into Python's documentation
    **{name: f"lvvol.{name}" for names in grouped_names().values() for name in names},
    **documented_errors(),
}


def write_reference(app: Sphinx, config: Config) -> None:
    """Write the pages that come from code."""
    GENERATED.mkdir(exist_ok=True)
    for name, text in {
        "api.rst": api_page(),
        "errors.rst": ERRORS_PAGE,
        "commands.rst": commands_page(),
        "changelog.md": CHANGELOG_PAGE,
    }.items():
        (GENERATED / name).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Have the reference written before Sphinx looks for pages and autosummary for names."""
    app.connect("config-inited", write_reference)
