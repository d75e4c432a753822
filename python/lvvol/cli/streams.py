"""The standard streams, which may be closed, full or unable to encode a character."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TypeGuard

import click

from lvvol.errors import OutputError

_WRITE_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def prepare_streams() -> None:
    """Make the streams safe to use: none closed, and characters escaped that an encoding lacks.

    The next file opened would take the descriptor of a closed stream, so that messages of a
    library would go into a result.

    Raises
    ------
    OutputError
        If stdout is closed: the results would be lost.
    """
    closed = [descriptor for descriptor in (0, 1, 2) if not _is_open(descriptor)]
    for descriptor in closed:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for good
    if sys.stdout is None:
        raise OutputError("standard output is closed: to discard what is printed, use > /dev/null")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def discard_stdout() -> None:
    """Send what stdout still holds nowhere: Python would fail again when it flushes on exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):  # a stream in memory has no descriptor
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def is_write_failure(error: BaseException) -> TypeGuard[OSError]:
    """Return whether an error is a failure to print: files are written in `lvvol.output`."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _WRITE_FAILURES


def print_error(line: str) -> None:
    """Print a line on stderr, if that can be written: the exit code says the same."""
    with suppress(OSError):
        click.echo(line, err=True)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
