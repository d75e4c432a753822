import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def refuse(folder, *names):
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "refuse_files.py", *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        ("notes.txt", b"text", False),
        ("image", bytes(128) + b"DICM" + bytes(10), True),
        ("image.dcm", b"no preamble", True),
        ("IMAGE.IMA", b"", True),
        ("tests/data/image.dcm", bytes(128) + b"DICM", False),
        ("tests/database/image.dcm", bytes(128) + b"DICM", True),
        ("small.bin", bytes(4 * 2**20), False),
        ("large.bin", bytes(4 * 2**20 + 1), True),
        ("tests/data/large.dcm", bytes(4 * 2**20 + 1), True),
    ],
)
def test_what_is_refused(tmp_path, name, content, refused):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    code, out = refuse(tmp_path, name)
    assert code == int(refused)
    assert (name in out) == refused


def test_a_deleted_file_is_not_refused(tmp_path):
    assert refuse(tmp_path, "gone.dcm") == (0, "")


def test_nothing_in_this_repository_is_refused():
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in done.stdout.split("\0") if name]
    assert len(names) > 50
    assert refuse(ROOT, *names) == (0, "")
