"""What the command line's tests share."""

import pytest

from lvvol import errors, load_study
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


@pytest.fixture
def refused(run, tmp_path):
    """Check that the command line and the library refuse a study alike; return the line."""

    def check(study, error, as_json=False):
        with pytest.raises(errors.LvvolError) as caught:
            load_study(study)
        assert type(caught.value) is error
        code, out, err = run("predict", study, "-o", tmp_path / "out", *["--json"] * as_json)
        assert (code, out) == (error.exit_code, "")
        assert err.startswith("lvvol: error: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        assert err[:-1].isprintable()
        assert not (tmp_path / "out").exists()
        return err

    return check
