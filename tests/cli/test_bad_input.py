"""Bad input, from the file to the exit code: one line on stderr, nothing on stdout, no result."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

import hostile
from lvvol import errors, load_study
from lvvol.dicom.files import archive
from studies import Study


def good_study(folder):
    """Four slices of four phases: enough to be a stack, too little to find a heart in."""
    folder.mkdir(parents=True, exist_ok=True)
    study = Study(folder)
    for z in range(4):
        study.slice(z, n_phases=4)
    return study


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


# What a person may give by mistake.


def missing(folder):
    pass


def empty(folder):
    (folder / "below").mkdir(parents=True)


def no_dicom(folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("not an image")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


def one_file_that_is_no_dicom(folder):
    folder.write_bytes(b"%PDF-1.7 " + bytes(500))


def ct(folder):
    folder.mkdir()
    study = Study(folder)
    for z in range(4):
        study.slice(z, n_phases=4, Modality="CT")


def one_slice(folder):
    folder.mkdir()
    Study(folder).slice(0, n_phases=6)


def one_phase(folder):
    folder.mkdir()
    study = Study(folder)
    for z in range(5):
        study.slice(z, n_phases=1)


def truncated(folder):
    good_study(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-300])


def truncated_in_the_header(folder):
    good_study(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:500])


def only_a_directory_of_dicom(folder):
    """The index of a disc without the images it lists."""
    folder.mkdir()
    study = Study(folder)
    index = study.dataset(SOPClassUID="1.2.840.10008.1.3.10", Modality=None)
    del index.PixelData
    study.save(index, "DICOMDIR")


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (missing, errors.StudyNotFoundError),
        (empty, errors.EmptyStudyError),
        (no_dicom, errors.NotDicomError),
        (one_file_that_is_no_dicom, errors.NotDicomError),
        (ct, errors.WrongModalityError),
        (one_slice, errors.TooFewSlicesError),
        (one_phase, errors.NotCineError),
        (truncated, errors.DamagedStudyError),
        (truncated_in_the_header, errors.DamagedStudyError),
        (only_a_directory_of_dicom, errors.NotCineError),
    ],
)
def test_wrong_study(refused, tmp_path, make, error, as_json):
    study = tmp_path / "study"
    make(study)
    assert str(study) in refused(study, error, as_json)


def test_two_patients(refused, tmp_path):
    for patient in ("A", "B"):
        (tmp_path / "study" / patient).mkdir(parents=True)
        study = Study(tmp_path / "study" / patient)
        for z in range(4):
            study.slice(z, n_phases=4, PatientID=patient)
    refused(tmp_path / "study", errors.AmbiguousStudyError)


def test_a_study_without_a_heart_gives_no_number(run, tmp_path):
    """Ramps of grey in the frame of a heart: whatever it says, it must not be a volume."""
    good_study(tmp_path / "study")
    code, out, err = run("predict", tmp_path / "study")
    assert (code, out) == (errors.RoiNotFoundError.exit_code, "")
    assert err.count("\n") == 1


@pytest.fixture
def powerless():
    """Make this process one that permissions bind, and give it a place it can reach."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        user = os.geteuid()

        def enter():
            if user == 0:
                try:
                    os.seteuid(65534)
                except OSError as error:
                    pytest.skip(f"root cannot become another user here: {error}")

        yield folder, enter
        os.seteuid(user)
        for path in folder.rglob("*"):
            path.chmod(0o755)


@pytest.mark.parametrize("what", ["folder", "files", "a folder above", "zip"])
def test_no_permission(powerless, what):
    folder, enter = powerless
    study = folder / "above" / "study"
    good_study(study)
    closed = {
        "folder": [study],
        "files": list(study.iterdir()),
        "a folder above": [study.parent],
    }.get(what)
    if closed is None:
        study = folder / "study.zip"
        with zipfile.ZipFile(study, "w") as z:
            z.writestr("a", b"")
        closed = [study]
    for path in closed:
        path.chmod(0)
    enter()
    with pytest.raises(errors.PermissionDeniedError, match="permission denied"):
        load_study(study)


# Sizes.


def bytes_read():
    """What this process has read since it began."""
    path = Path("/proc/self/io")
    if not path.exists():
        pytest.skip("no count of the bytes read on this system")
    return int(path.read_text().split("rchar: ")[1].split("\n")[0])


@pytest.mark.parametrize("name", ["disk.img", "disk.zip", "disk.tar", "in/disk.img"])
def test_two_gigabytes_of_another_kind_cost_one_small_read(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x7fELF")
        file.truncate(2 << 30)
    study = path if path.parent == tmp_path else path.parent
    before = bytes_read()
    with pytest.raises((errors.NotDicomError, errors.ArchiveError)):
        load_study(study)
    assert bytes_read() - before < 1 << 20


MEASURED = """
import json, resource, sys
from lvvol import load_study, errors
from lvvol.dicom import load
room = int(sys.argv[1])
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + room, size + room))
for path in sys.argv[2:]:
    try:
        load_study(path)
        said = ["none", ""]
    except errors.LvvolError as error:
        said = [type(error).__name__, str(error)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([*said, peak]), flush=True)
"""


def load_in_little_memory(paths, room):
    """What loading each path ends in, in a process that may take `room` more bytes."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no way to limit memory on this system")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(room), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_bombs_are_refused_in_little_memory(tmp_path):
    for name, make in hostile.BOMBS.items():
        make(tmp_path / name)
    said = load_in_little_memory([tmp_path / name for name in hostile.BOMBS], 400 << 20)
    ended = {name: (kind, line) for name, (kind, line, _) in zip(hostile.BOMBS, said, strict=True)}
    # The understated member is 200 bytes of zeros as far as anyone may read it, and an archive in
    # an archive is a file of another kind.
    no_study = {"understated.zip", "inner.zip"}
    for name, (kind, line) in ended.items():
        assert "\n" not in line
        assert (name, kind) == (name, "NotDicomError" if name in no_study else "ArchiveError")
    for name in ("zeros.zip", "zeros.tar.gz", "zeros.tar.bz2", "zeros.tar.xz", "names.tar.gz"):
        assert "at most 100 times its size" in ended[name][1]


def test_two_gigabytes_that_begin_like_dicom(tmp_path):
    path = tmp_path / "study"
    good_study(path)
    with next(path.iterdir()).open("r+b") as file:
        file.truncate(2 << 30)
    ((kind, _, _),) = load_in_little_memory([path], 1536 << 20)
    assert kind == "none"  # the other files form a stack


# Archives.


@pytest.mark.parametrize("name", hostile.MANGLED)
def test_mangled_archive(refused, tmp_path, name):
    path = tmp_path / name
    hostile.MANGLED[name](path)
    assert str(path) in refused(path, errors.ArchiveError)


def test_archive_with_names_outside(refused, tmp_path):
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("../outside\n\x1b[2J.dcm", b"")
    refused(path, errors.ArchiveError)
    assert [p.name for p in tmp_path.iterdir()] == ["study.zip"]


def test_archive_in_a_folder_is_no_study(refused, tmp_path):
    good_study(tmp_path / "study")
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(folder / "study.zip", "w") as z:
        for path in (tmp_path / "study").iterdir():
            z.write(path, path.name)
    assert "study.zip" in refused(folder, errors.NotDicomError)


# Folders.


def test_links_that_lead_to_each_other(refused, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "symbolic links" in refused(tmp_path / "a", errors.StudyNotFoundError)
    refused(tmp_path / "a" / "below", errors.StudyNotFoundError)


def test_pipe_as_study_is_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "pipe or device" in refused(tmp_path / "pipe", errors.NotDicomError)
    refused(Path("/dev/zero"), errors.NotDicomError)


def test_names_that_are_none(tmp_path):
    for name in ("a\0b", "a" * 300, "a/" * 3000):
        with pytest.raises(errors.StudyNotFoundError):
            load_study(tmp_path / name)


@pytest.mark.parametrize(
    "name", [b"caf\xe9\xff", b"two\nlines", b"\x1b]0;title\x07\x1b[2J", b"\xe2\x80\xae"]
)
def test_names_that_would_upset_a_terminal(refused, tmp_path, name):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    folder.mkdir()
    (folder / os.fsdecode(name)).write_bytes(bytes(300))
    refused(folder, errors.NotDicomError)


def test_good_study_of_odd_names_loads(tmp_path):
    good_study(tmp_path / "study")
    names = [b"caf\xe9\xff%d", b"two\nlines%d", b"\x1b[2J%d", b"%d \xe2\x80\xae"]
    for i, path in enumerate(sorted((tmp_path / "study").iterdir())):
        path.rename(os.fsdecode(os.fsencode(path.parent) + b"/" + names[i % 4] % i))
    assert load_study(tmp_path / "study").images.shape[:2] == (4, 4)


@pytest.fixture
def dig(tmp_path):
    """Make folders in folders, as deep as no path can say; return the outermost."""
    outermost = tmp_path / "study"

    def make(levels, name):
        outermost.mkdir()
        here = os.open(outermost, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        return outermost

    yield make
    # Python's own removal goes down by recursion.
    subprocess.run(["rm", "-rf", str(outermost)], check=True)


def test_folders_deeper_than_recursion_goes(dig):
    levels = sys.getrecursionlimit() + 100
    folder = dig(levels, "d")
    good_study(folder.joinpath(*["d"] * levels))
    assert load_study(folder).images.shape[:2] == (4, 4)


def test_folders_deeper_than_a_path_may_be_long(refused, dig):
    folder = dig(250, "d" * 20)
    refused(folder, errors.PermissionDeniedError)
    good_study(folder)
    assert "may not be read" in load_study(folder).warnings[0]


def test_links_out_of_the_study(tmp_path):
    """Up and back again, into the kernel's own file systems, and to what is not there."""
    study = tmp_path / "patient" / "study"
    good_study(study)
    good_study(tmp_path / "patient" / "another")
    for name, target in (
        ("up", ".."),
        ("root", "/"),
        ("itself", "."),
        ("nowhere", "nothing"),
        ("loop", "loop"),
        ("kernel", "/proc"),
        ("log", "/proc/kmsg"),
        ("system", "/sys"),
        ("zero", "/dev/zero"),
    ):
        (study / name).symlink_to(target)
    with archive.open_source(study) as source:
        assert len(source.names) == 16
        made_up = {name for name in ("kernel", "system") if (study / name).is_mount()}
        assert made_up <= set(source.unreadable)
    assert load_study(study).images.shape[:2] == (4, 4)


def test_pipes_and_sockets_in_a_study_are_not_opened(tmp_path, monkeypatch):
    good_study(tmp_path / "study")
    os.mkfifo(tmp_path / "study" / "pipe.dcm")
    monkeypatch.chdir(tmp_path / "study")  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert load_study(tmp_path / "study").images.shape[:2] == (4, 4)


def test_files_that_vanish_while_being_read(tmp_path, monkeypatch):
    opened = archive._FolderSource.open

    def vanish(self, name):
        if name < lost:
            (self._root / name).unlink(missing_ok=True)
        return opened(self, name)

    monkeypatch.setattr(archive._FolderSource, "open", vanish)
    good_study(tmp_path / "some")
    lost = "0001"
    assert load_study(tmp_path / "some").images.shape[:2] == (4, 4)
    lost = "a"
    with pytest.raises(errors.DamagedStudyError):
        load_study(good_study(tmp_path / "all").folder)


def test_work_grows_with_the_number_of_files_and_no_faster(tmp_path):
    """Function calls, not seconds: twice the foreign files, twice the calls."""

    def calls(n):
        folder = tmp_path / str(n)
        folder.mkdir()
        for i in range(n):
            (folder / f"{i}.txt").write_bytes(b"tiny")
        count = 0

        def one_more(*_):
            nonlocal count
            count += 1

        sys.setprofile(one_more)
        try:
            with pytest.raises(errors.NotDicomError):
                load_study(folder)
        finally:
            sys.setprofile(None)
        return count

    calls(10)  # what is done once
    assert calls(2000) < 2.1 * calls(1000)
