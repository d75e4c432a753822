"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lvvol.provenance import NIFTI_LAYOUTS
from lvvol.report.files import DEFAULT, WRITERS, check_names

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

PATH = click.Path(path_type=Path, readable=False)
"""Any path; the commands check what they find there, each with its own exit code."""


def _numbers_or_uids(
    ctx: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> tuple[str | int, ...]:
    """Distinguish numbers from UIDs: digits alone are a number, since a UID has dots."""
    if not all(map(str.strip, names)):
        raise click.BadParameter("expected a series number or UID, got nothing.", ctx, param)
    return tuple(
        int(name) if name.isascii() and name.isdigit() else name for name in map(str.strip, names)
    )


def _names_of_files(
    ctx: click.Context, param: click.Parameter, lists: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names in lists separated by commas; None for no list."""
    if not lists:
        return None
    names = [name.strip() for text in lists for name in text.split(",")]
    try:
        return check_names(name for name in names if name)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from error


def _slices(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...]:
    """Return slices, which people count from 1, as numbers from 0."""
    try:
        numbers = tuple(int(part) for part in (text or "").split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter("expected numbers of slices, such as 1,2.", ctx, param) from error
    return tuple(number - 1 for number in numbers)


study_argument = click.argument("study", type=PATH)

studies_argument = click.argument("studies", type=PATH, nargs=-1, metavar="STUDY...")

series_option = click.option(
    "--series",
    metavar="UID_OR_NUMBER",
    multiple=True,
    callback=_numbers_or_uids,
    help="Use this series; repeat for several. If they form a stack, only they are used; otherwise "
    "they win wherever lvvol has to choose.",
)

study_uid_option = click.option(
    "--study",
    "study_uid",
    metavar="UID",
    help="Use this study, by its Study Instance UID, where STUDY holds several.",
)

write_option = click.option(
    "--write",
    "names",
    metavar="LIST",
    multiple=True,
    callback=_names_of_files,
    help=f"What to write with -o, separated by commas: {', '.join(WRITERS)}. "
    f"Default: {','.join(DEFAULT)}.",
)

nifti_layout_option = click.option(
    "--nifti-layout",
    type=click.Choice(NIFTI_LAYOUTS),
    default=NIFTI_LAYOUTS[0],
    show_default=True,
    help="Of stacks with uneven gaps or tilted slices: one NIfTI file a slice, with pixels as they "
    "are, or one file on planes with equal gaps.",
)

convention_option = click.option(
    "--convention",
    type=click.Choice(("papillary-included", "papillary-excluded")),
    default="papillary-included",
    show_default=True,
    help="Papillary muscles count as cavity. With papillary-excluded, EDV, ESV and EF without them "
    "stand beside, an estimate by grey values inside the contours.",
)

bids_subject_option = click.option(
    "--bids-subject",
    metavar="LABEL",
    default="",
    help="Name NIfTI files as BIDS does, with this label: sub-LABEL_acq-shortaxis_cine.nii.gz.",
)

height_option = click.option(
    "--height-cm",
    metavar="CM",
    type=click.FloatRange(30, 250),
    help="Height of the patient, for volumes per body surface area; from the headers by default.",
)

weight_option = click.option(
    "--weight-kg",
    metavar="KG",
    type=click.FloatRange(1, 400),
    help="Weight of the patient, likewise.",
)

identify_option = click.option(
    "--identify",
    is_flag=True,
    help="Name the patient in the report: name, ID and dates. By default it says nothing of them.",
)

exclude_slices_option = click.option(
    "--exclude-slices",
    "excluded",
    metavar="LIST",
    callback=_slices,
    help="Leave out these slices, as the overlay and the report number them, such as 1,2.",
)

weights_option = click.option(
    "--weights",
    metavar="RUN",
    type=PATH,
    help="Folder of a training run; the shipped weights by default.",
)

split_option = click.option(
    "--split",
    metavar="FILE",
    help="Split by patient: a file by lvvol split or by hand, or shipped for that of the shipped "
    "model.",
)

part_option = click.option(
    "--part",
    metavar="PART",
    help="Part of the split: its name (train, validation, fold:2), not-fold:2, or all.",
)

calibration_option = click.option(
    "--calibration",
    metavar="NAME_OR_FILE",
    default="none",
    show_default=True,
    help="none keeps volumes as drawn; dsb2 gives those that the readers of the Second Annual Data "
    "Science Bowl would have stated; a FILE is one by lvvol calibrate.",
)

device_option = click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="Where the networks compute. auto takes the CPU: a study takes it less time than torch "
    "takes to load. cuda takes the first GPU or fails, and needs lvvol[gpu].",
)

threads_option = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, 1024),  # 1024 is the limit of the core
    help="Largest number of threads; one per core by default.",
)


def json_option(help: str) -> Decorator[Any]:  # noqa: A002 - click's name
    """Return the option `--json`, which prints one JSON object."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def output_option(metavar: str, help: str, *, required: bool = False) -> Decorator[Any]:  # noqa: A002
    """Return the option `-o`, `--output`, for the folder to write into."""
    return click.option("-o", "--output", metavar=metavar, required=required, type=PATH, help=help)


def several_paths_option(
    name: str,
    metavar: str,
    help: str,  # noqa: A002
    *,
    required: bool = False,
) -> Decorator[Any]:
    """Return an option that takes several paths after one name; see `several_values`."""
    return click.option(
        name, metavar=f"{metavar}...", multiple=True, required=required, type=PATH, help=help
    )


def recipe_option(help: str) -> Decorator[Any]:  # noqa: A002
    """Return the option `--recipe`."""
    return click.option("--recipe", metavar="FILE", type=PATH, help=help)


def resume_option(help: str) -> Decorator[Any]:  # noqa: A002
    """Return the option `--resume`."""
    return click.option("--resume", is_flag=True, help=help)
