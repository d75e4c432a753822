"""Options that take several values after one name."""

from __future__ import annotations

from collections.abc import Sequence

import click

TAKES_SEVERAL = ("--seg", "--vol", "--surroundings")


def spell_out(args: Sequence[str]) -> list[str]:
    """Expand `--seg A B` to the form click expects, `--seg A --seg B`.

    Parameters
    ----------
    args : sequence of str
        Arguments of a command.

    Returns
    -------
    list of str
        The option repeated before each of its values; everything else unchanged.

    Raises
    ------
    click.BadOptionUsage
        If such an option has no value.
    """
    spelled_out: list[str] = []
    option, n_values = "", 0
    for argument in [*args, "--"]:
        if argument.startswith("-"):
            if option and not n_values:
                raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.")
            option, n_values = (argument, 0) if argument in TAKES_SEVERAL else ("", 0)
        elif option:
            if n_values:
                spelled_out.append(option)
            n_values += 1
        spelled_out.append(argument)
    return spelled_out[:-1]


class SeveralValuesCommand(click.Command):
    """A command whose options may take several values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat each such option before each of its values, then parse."""
        return super().parse_args(ctx, spell_out(args))


class SeveralValuesGroup(click.Group):
    """A group whose own options may take several values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the arguments of a subcommand to it."""
        if args and args[0] in self.commands:
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, spell_out(args))
