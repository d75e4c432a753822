"""`python -m lvvol`, the same as the `lvvol` command."""

import sys

from lvvol.cli import main

if __name__ == "__main__":
    sys.exit(main())
