"""Orthanc, Debian's DICOM archive, started for one check and spoken to by DICOMweb."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

PORT = 8042
ROOT = f"http://127.0.0.1:{PORT}/dicom-web"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
BATCH = 40


def missing():
    """Return what is not installed."""
    lacking = [] if shutil.which("Orthanc") else ["orthanc"]
    return lacking + ([] if PLUGIN.exists() else ["orthanc-dicomweb"])


@contextmanager
def running(folder):
    """Start the archive with an empty store in a folder, and stop it at the end.

    It listens on every address, whatever is configured, so it must run in a network of its own.
    """
    settings = {
        "Name": "lvvol",
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": PORT,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "WadoRoot": "/wado",
        },
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
    )
    try:
        _wait_for(f"{ROOT}/studies?limit=1", process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=120)
        log.close()


def _wait_for(address, process, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"Orthanc ended with {process.returncode}")
        try:
            _get(address)
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"{address}: no answer in {seconds} s")


def _get(address, accept="application/dicom+json"):
    request = urllib.request.Request(address, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=240) as answer:
        return answer.headers.get("Content-Type", ""), answer.read()


def store(contents):
    """Store files by STOW-RS; an archive that refuses one raises."""
    contents = list(contents)
    for start in range(0, len(contents), BATCH):
        edge = uuid.uuid4().hex
        body = b"".join(
            f"--{edge}\r\nContent-Type: application/dicom\r\n\r\n".encode() + content + b"\r\n"
            for content in contents[start : start + BATCH]
        )
        request = urllib.request.Request(
            f"{ROOT}/studies",
            data=body + f"--{edge}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={edge}',
                "Accept": "application/dicom+json",
            },
        )
        with urllib.request.urlopen(request, timeout=240) as answer:
            reply = json.loads(answer.read())
        if failed := reply.get("00081198", {}).get("Value"):  # Failed SOP Sequence
            raise RuntimeError(f"Orthanc refused: {failed}")


def modalities(study_uid):
    """Return the number of instances of each modality in a study, by QIDO-RS."""
    _, found = _get(f"{ROOT}/studies/{study_uid}/instances?includefield=00080060")
    counted = {}
    for instance in json.loads(found):
        (modality,) = instance["00080060"]["Value"]
        counted[modality] = counted.get(modality, 0) + 1
    return counted


def retrieve(study_uid, series_uid, instance_uid):
    """Return an instance as a file, by WADO-RS."""
    kind, body = _get(
        f"{ROOT}/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}",
        'multipart/related; type="application/dicom"',
    )
    edge = kind.partition("boundary=")[2].partition(";")[0].strip('"').encode()
    (part,) = body.split(b"--" + edge)[1:-1]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
