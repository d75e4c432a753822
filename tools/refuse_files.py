"""Refuse files that must not be committed: DICOM outside tests/data, and large ones.

Usage: refuse_files.py FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path

ALLOWED = Path("tests/data")
DICOM_ENDINGS = {".dcm", ".dicom", ".ima"}
LARGEST_BYTES = 4 * 2**20  # the shipped weights stay below this


def reason_to_refuse(path: Path) -> str | None:
    """Return why a file, named relative to the repository, must not be committed."""
    if not path.is_file():
        return None
    if not path.is_relative_to(ALLOWED):
        with path.open("rb") as file:
            head = file.read(132)
        if head[128:] == b"DICM" or path.suffix.lower() in DICOM_ENDINGS:
            return f"DICOM outside {ALLOWED}: it may show a patient"
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        return f"{size} bytes, more than {LARGEST_BYTES}"
    return None


def main(names: list[str]) -> int:
    """Print what is refused; return 1 if anything is."""
    refused = [(name, reason) for name in names if (reason := reason_to_refuse(Path(name)))]
    for name, reason in refused:
        print(f"{name}: {reason}")
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
