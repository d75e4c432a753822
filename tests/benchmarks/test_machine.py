"""Result files: the machine and the commit they record, and uncommitted code that they refuse."""

import json
import os
import subprocess

import pytest

from benchmarks import machine


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a repository with a commit of code, documents and an old result."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # set within a git hook, they name another repository
    folder = tmp_path / "checkout"
    for name in ("python/core.py", "docs/speed.md", "benchmarks/results/speed.json", "README.md"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("old\n", encoding="utf-8")
    (folder / ".gitignore").write_text("*.so\n*.part\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    git(folder, *author, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(machine, "CHECKOUT", folder)
    monkeypatch.setattr(machine, "RESULTS", folder / "benchmarks" / "results")
    return folder


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def write(**options):
    path = machine.write_results("speed", {"figure": 1}, **options)
    return json.loads(path.read_text(encoding="utf-8"))


def test_results_describe_the_machine_and_name_the_commit(checkout):
    written = write()
    assert written["figure"] == 1
    assert set(written["machine"]["packages"]) == {"lvvol", "numpy", "torch", "pydicom"}
    assert written["machine"]["cores"] >= 1
    assert git(checkout, "rev-parse", "HEAD").startswith(written["machine"]["commit"])


@pytest.mark.parametrize("changed", ["python/core.py", "README.md", "python/new.py"])
def test_results_of_uncommitted_code_are_refused(checkout, changed):
    (checkout / changed).write_text("new\n", encoding="utf-8")
    with pytest.raises(machine.UncommittedCodeError, match=f"changes to {changed}; .*speed.part"):
        write()
    results = checkout / "benchmarks" / "results"
    assert (results / "speed.json").read_text(encoding="utf-8") == "old\n"
    assert json.loads((results / "speed.part").read_text(encoding="utf-8"))["figure"] == 1


def test_staged_and_deleted_code_is_uncommitted_too(checkout):
    (checkout / "README.md").unlink()
    (checkout / "python" / "core.py").write_text("new\n", encoding="utf-8")
    git(checkout, "add", "python")
    assert machine.uncommitted_files() == ["README.md", "python/core.py"]


def test_results_of_uncommitted_code_may_be_allowed_and_say_so(checkout):
    (checkout / "python" / "core.py").write_text("new\n", encoding="utf-8")
    assert write(allow_dirty=True)["machine"]["commit"].endswith("-dirty")


@pytest.mark.parametrize(
    "changed",
    ["docs/speed.md", "benchmarks/results/speed.json", "notes/a.txt", "python/core.so"],
)
def test_documents_results_and_files_outside_the_code_may_change(checkout, changed):
    file = checkout / changed
    file.parent.mkdir(exist_ok=True)
    file.write_text("new\n", encoding="utf-8")
    assert machine.uncommitted_files() == []
    assert "dirty" not in write()["machine"]["commit"]


def test_without_a_repository_the_commit_is_unknown(checkout, monkeypatch):
    monkeypatch.setattr(machine, "CHECKOUT", checkout.parent)
    with pytest.raises(machine.UncommittedCodeError, match="expected a git checkout"):
        write()
    assert write(allow_dirty=True)["machine"]["commit"] == "unknown"
