"""The five whole DICOM studies left out of training, compared with their labels.

``python -m benchmarks.accuracy.left_out DATA`` prints a table; DATA holds ``dsb2_dicom`` and
``sunnybrook``, unpacked.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.command import run
from tests.support.left_out import compare_all


def main(data: Path) -> None:
    """Compare all studies and print a table."""
    columns = ("EDV mL", "label", "error", "ESV mL", "label", "error")
    print(f"{'study':12}" + "".join(f"{name:>9}" for name in columns))
    for c in compare_all(data):
        print(
            f"{c.study:12}{c.edv_ml:9.1f}{c.labelled_edv_ml:9.1f}{c.edv_error_percent:+8.1f}%"
            f"{c.esv_ml:9.1f}{c.labelled_esv_ml:9.1f}{c.esv_error_percent:+8.1f}%"
        )


if __name__ == "__main__":
    run(main, __doc__, "DATA")
