"""A real Orthanc with DICOMweb, in a network of its own that nobody else reaches.

Debian's Orthanc 1.10 listens on every address, whatever is configured, hence the network namespace;
whoever talks to it must run in there, see `Orthanc.command`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

USER, PASSWORD = "lvvol", "a-secret-word"
PORT = 8042
_BINARY = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
_PLUGINS = sorted(Path("/usr").glob("lib/**/libOrthancDicomWeb.so*"))
_WAIT_S = 120


def why_not() -> str:
    """Return why Orthanc cannot be started here; empty if it can."""
    if _BINARY is None or not _PLUGINS:
        return "Orthanc with DICOMweb is not installed (Debian: orthanc, orthanc-dicomweb)"
    if not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        return "ip, nsenter or unshare is not installed"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        return "a network namespace cannot be made here"
    return ""


class Orthanc:
    """A server that keeps its studies in a folder; a context manager.

    Parameters
    ----------
    folder : Path
        For its configuration and storage.
    """

    url = f"http://127.0.0.1:{PORT}/dicom-web"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        configuration = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "Plugins": [str(_PLUGINS[0])],
            "DicomServerEnabled": False,
            "HttpPort": PORT,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(configuration))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Orthanc:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        script = f"ip link set lo up && exec {_BINARY} {self.folder / 'orthanc.json'}"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "sh", "-c", script], stdout=log, stderr=log
            )
        probe = (
            "import socket, sys, time\n"
            f"for _ in range({_WAIT_S * 5}):\n"
            f"    if socket.socket().connect_ex(('127.0.0.1', {PORT})) == 0: sys.exit()\n"
            "    time.sleep(0.2)\n"
            "sys.exit('Orthanc does not answer')"
        )
        for _ in range(50):  # until the process is in its own network
            own = Path(f"/proc/{self.process.pid}/ns/net").readlink()
            if own != Path("/proc/self/ns/net").readlink():
                break
            time.sleep(0.1)
        subprocess.run(self.command(sys.executable, "-c", probe), check=True)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def command(self, *args: object) -> list[str]:
        """Return a command that runs in its network."""
        assert self.process is not None
        return ["nsenter", "-t", str(self.process.pid), "-n", *map(str, args)]
