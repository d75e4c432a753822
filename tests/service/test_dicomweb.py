"""DICOMweb against a real Orthanc: there and back, and every way in which a server fails."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.cohorts import rows
from tests.support.orthanc import PASSWORD, USER, Orthanc, why_not
from tests.support.studies import good_study

pytest.importorskip("dicomweb_client", reason='not installed: pip install "lvvol[dicomweb]"')


from lvvol.errors import DicomwebError
from lvvol.phantom import make_phantom, write_study
from lvvol.service.dicomweb import Server

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"LVVOL_DICOMWEB_USER": USER, "LVVOL_DICOMWEB_PASSWORD": PASSWORD}
UPLOAD = """
import sys
from pathlib import Path
from lvvol.service.dicomweb import Server
files = [p.read_bytes() for p in sorted(Path(sys.argv[2]).rglob("*")) if p.is_file()]
files = [content for content in files if content[128:132] == b"DICM"]
for first in range(0, len(files), 40):
    Server(sys.argv[1]).store(files[first:first + 40])
"""


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


def run_there(orthanc, *args, secrets=SECRETS):
    """Run Python beside the server."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, **secrets}
    command = orthanc.command(sys.executable, *args)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=120
    )


def upload(orthanc, folder):
    done = run_there(orthanc, "-c", UPLOAD, orthanc.url, folder)
    assert done.returncode == 0, done.stderr


def test_there_and_back(orthanc, tmp_path):
    phantom = make_phantom(3, n_slices=6, n_phases=6)
    write_study(phantom, tmp_path / "study")
    upload(orthanc, tmp_path / "study")
    out = tmp_path / "out"
    uid = phantom.uid("study")
    command = [
        *("-m", "lvvol", "predict", "--dicomweb", orthanc.url),
        *("--query", f"StudyInstanceUID={uid}"),
        *("-o", out, "--write", "json", "--store", "seg,sr"),
    ]
    done = run_there(orthanc, *command)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = rows(out / "summary.csv")
    assert (row["id"], row["study_uid"], row["slices"]) == (uid, uid, "6")
    local = run_there(orthanc, "-m", "lvvol", "predict", tmp_path / "study", "--json")
    assert float(row["edv_ml"]) == pytest.approx(json.loads(local.stdout)["edv_ml"], abs=0.01)
    script = """
    import json, sys
    from lvvol.service.dicomweb import Server
    client = Server(sys.argv[1])._client()
    uid, found = sys.argv[2], {}
    for series in client.search_for_series(uid):
        modality = series["00080060"]["Value"][0]
        if modality in ("SEG", "SR"):
            found.setdefault(modality, []).extend(
                client.iter_series(uid, series["0020000E"]["Value"][0]))
    named = {i.ReferencedSOPInstanceUID
             for seg in found["SEG"] for s in seg.ReferencedSeriesSequence
             for i in s.ReferencedInstanceSequence}
    known = set(Server(sys.argv[1]).list_instances(uid))
    print(json.dumps([len(found["SEG"]), len(found["SR"]), len(named), named <= known]))
    """
    looked = run_there(orthanc, "-c", textwrap.dedent(script), orthanc.url, uid)
    # Six slices of six phases, each named once; all of them images of this study.
    assert json.loads(looked.stdout) == [3, 1, 36, True], looked.stderr
    again = run_there(orthanc, *command)
    assert "1 of them finished earlier" in again.stdout


def test_wrong_credentials_are_refused_and_never_told(orthanc, tmp_path):
    command = ["-m", "lvvol", "predict", "--dicomweb", orthanc.url, "--query", "PatientID=1"]
    secrets = {"LVVOL_DICOMWEB_USER": USER, "LVVOL_DICOMWEB_PASSWORD": "a-wrong-word"}
    done = run_there(orthanc, *command, "-o", tmp_path / "out", secrets=secrets)
    assert (done.returncode, done.stdout) == (DicomwebError.exit_code, "")
    assert "access refused (401)" in done.stderr
    assert "a-wrong-word" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_study_that_grows_while_it_is_read_is_read_whole(orthanc, tmp_path):
    study = good_study(tmp_path / "first")
    study.folder = tmp_path / "second"
    study.slice(4, n_phases=4, SeriesNumber=2)
    upload(orthanc, tmp_path / "first")
    script = """
    import sys
    from pathlib import Path
    from lvvol.service.dicomweb import Server
    url, uid, folder = sys.argv[1:]
    server = Server(url)
    inner = server._fetch_series
    def fetch(*uids):
        found = inner(*uids)
        Server(url).store(p.read_bytes() for p in Path(folder).iterdir())
        return found
    server._fetch_series = fetch
    print(len(server.fetch(uid)))
    """
    uid = study.uids["StudyInstanceUID"]
    second = tmp_path / "second"
    done = run_there(orthanc, "-c", textwrap.dedent(script), orthanc.url, uid, second)
    assert done.stdout == "20\n", done.stderr


def test_a_server_killed_half_way_loses_nothing(tmp_path, orthanc):
    study = good_study(tmp_path / "study")
    uid = study.uids["StudyInstanceUID"]
    upload(orthanc, tmp_path / "study")
    script = """
    import os, sys
    from pathlib import Path
    from lvvol.cohort.measure import Settings
    from lvvol.cohort.run import run
    from lvvol.service.dicomweb import Server
    from lvvol.service.remote import find_remote
    from tests.support.cohorts import DiscModel
    url, uid, out, victim = sys.argv[1:]
    server = Server(url, attempts=2, wait_s=0.1)
    listed = server.list_instances
    def list_and_kill(uid):
        found = listed(uid)
        if int(victim):
            os.kill(int(victim), 9)
        return found
    server.list_instances = list_and_kill
    tally = run(find_remote(server, None, [uid], ()), Path(out), Settings(("json",)), DiscModel())
    print(tally.failed, tally.by_status["ok"])
    """
    args = ("-c", textwrap.dedent(script), orthanc.url, uid, tmp_path / "out")
    killed = run_there(orthanc, *args, orthanc.process.pid)
    assert killed.stdout == "1 0\n", killed.stderr
    orthanc.kill()
    orthanc.start()
    again = run_there(orthanc, *args, 0)
    assert again.stdout == "0 1\n", again.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("pacs.example/dicom-web", "expected the URL"),
        ("ftp://pacs.example", "expected the URL"),
        ("https://me:hidden@pacs.example", "without a password"),
        ("http://pacs.example/dicom-web", "expected https"),
    ],
)
def test_urls_that_would_give_secrets_away_are_refused(monkeypatch, url, said):
    monkeypatch.setenv("LVVOL_DICOMWEB_TOKEN", "hidden")
    with pytest.raises(DicomwebError, match=said) as caught:
        Server(url)
    assert "hidden" not in str(caught.value)


def test_a_server_that_is_not_there_is_asked_again_and_named():
    server = Server("http://127.0.0.1:9/dicom-web", attempts=2, wait_s=0.01)
    with pytest.raises(DicomwebError, match=r"127.0.0.1:9/dicom-web: ConnectionError, 2 times"):
        server.find_studies({})
