"""`python -m lvvol` and the `lvvol` command."""

import sys


def main() -> int:
    """Run the command line, ready for Ctrl-C from the first import on.

    Returns
    -------
    int
        As `lvvol.cli.main`.
    """
    try:
        from lvvol.cli import main as run
    except KeyboardInterrupt:
        print("lvvol: interrupted", file=sys.stderr)
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
