"""The `lvvol` command: one module per subcommand, loaded on demand."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

import click

from lvvol.cli.memory import lacks_memory
from lvvol.cli.streams import discard_stdout, is_write_failure, prepare_streams, print_error
from lvvol.errors import LvvolError, OutputError

BUG_EXIT_CODE = 1
OUT_OF_MEMORY_EXIT_CODE = 5
INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141


class _LazyGroup(click.Group):
    """Imports `lvvol.cli.<command>` only when that command is run or listed."""

    names: ClassVar[tuple[str, ...]] = (
        *("predict", "summarise", "cohort-report", "inspect", "measure", "phantom"),
        *("prepare", "split", "train", "evaluate", "compare", "calibrate", "bench"),
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a new user meets them."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None for an unknown name."""
        if cmd_name not in self.names:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"lvvol.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lvvol", message="lvvol %(version)s")
def lvvol() -> None:
    """Measure the left ventricle from cardiac cine MRI, straight from DICOM.

    \b
    Try it:
      lvvol phantom study             write a synthetic study with known volumes
      lvvol inspect study             list its series and show which are used
      lvvol predict study -o result   measure it and draw the contours

    Research use only; not a medical device.
    """  # noqa: D301 - click reads the backspace


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    args : sequence of str, optional
        The arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        0 for success, else a code of ``docs/exit-codes.md``. Errors are one line on stderr; with
        ``LVVOL_DEBUG=1`` in the environment the traceback comes before it.
    """
    try:
        prepare_streams()
        # Whatever a user must know is a warning of the result; those of libraries would hide it.
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            with lvvol.make_context("lvvol", list(sys.argv[1:] if args is None else args)) as ctx:
                lvvol.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", INTERRUPTED_EXIT_CODE)
    except BrokenPipeError:  # the reader has left
        discard_stdout()
        return BROKEN_PIPE_EXIT_CODE
    except LvvolError as error:
        return _fail(f"error: {error}", error.exit_code)
    except Exception as error:
        return _fail_unexpected(error)
    return 0


def _fail_unexpected(error: Exception) -> int:
    """Report an error of the system or, if none explains it, a bug."""
    if is_write_failure(error):
        discard_stdout()
        why = error.strerror or str(error)
        return _fail(f"error: standard output: cannot be written: {why}", OutputError.exit_code)
    if lacks_memory(error):
        return _fail(
            "error: not enough memory: expected more for a study of this size; close other "
            "programs, raise the limit of this process, or use fewer --threads",
            OUT_OF_MEMORY_EXIT_CODE,
        )
    hint = "" if _debug() else " (LVVOL_DEBUG=1 shows where)"
    return _fail(f"error: unexpected {type(error).__name__}: {error}{hint}", BUG_EXIT_CODE)


def _fail(message: str, exit_code: int) -> int:
    """Print one line on stderr, after the traceback when debugging, and return the code."""
    from lvvol.report.text import one_line

    if _debug():
        with suppress(OSError):
            traceback.print_exc()
    print_error(f"lvvol: {one_line(message)}")
    return exit_code


def _debug() -> bool:
    return os.environ.get("LVVOL_DEBUG", "") not in ("", "0")
