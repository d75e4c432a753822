"""What the command line's tests share."""

import pytest

from lvvol.cli import main


@pytest.fixture
def run(capfd):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run_command(*args):
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run_command
