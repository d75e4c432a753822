"""The option `--series`, shared by the commands that read a study."""

from __future__ import annotations

import click


def _numbers_or_uids(
    ctx: click.Context, param: click.Parameter, names: tuple[str, ...]
) -> tuple[str | int, ...]:
    """Tell numbers from UIDs: digits alone are a number, since a UID has dots."""
    if not all(map(str.strip, names)):
        raise click.BadParameter("expected a series number or UID, got nothing.", ctx, param)
    return tuple(
        int(name) if name.isascii() and name.isdigit() else name for name in map(str.strip, names)
    )


series_option = click.option(
    "--series",
    metavar="UID_OR_NUMBER",
    multiple=True,
    callback=_numbers_or_uids,
    help="Use this series; repeat for several. If they form a stack, they alone are used; else "
    "they win wherever lvvol has to choose.",
)
