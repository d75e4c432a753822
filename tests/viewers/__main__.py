"""``python -m tests.viewers``: results of a phantom in Orthanc and OHIF, and what they showed.

Runs itself again in a network namespace of its own, since Orthanc listens on every address.
``--ohif DIST`` is the folder ``dist`` of the package @ohif/app; without it only the archive is
checked. ``--pictures FOLDER`` keeps what the viewer showed, ``--write`` writes docs/viewers.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.viewers import archive, check

NAMESPACE = "LVVOL_VIEWERS_NAMESPACE"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.viewers", description=__doc__)
    parser.add_argument("--ohif", type=Path, metavar="DIST")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lacking = archive.missing()
    if options.ohif and not (shutil.which("chromium") or shutil.which("chromium-browser")):
        lacking.append("chromium")
    if options.ohif and not (options.ohif / "index.html").is_file():
        lacking.append(f"OHIF in {options.ohif}")
    if lacking:
        sys.exit(f"not installed: {', '.join(lacking)}")
    if NAMESPACE not in os.environ:
        # A user namespace lets others than root make one, where the kernel permits.
        flags = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-root-user"]
        inside = [sys.executable, "-m", "tests.viewers", *sys.argv[1:]]
        command = ["unshare", *flags, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside]
        sys.exit(
            subprocess.run(command, env={**os.environ, NAMESPACE: "1"}, check=False).returncode
        )
    with tempfile.TemporaryDirectory(prefix="lvvol-viewers-") as folder:
        try:
            found = check.run(Path(folder), options.ohif and options.ohif.resolve())
        finally:  # what was shown tells why a check failed, too
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                for path in sorted(Path(folder).glob("pictures/*.png")):
                    shutil.copy(path, options.pictures)
    print(json.dumps(found, indent=2))
    if options.write:
        check.write_page(found)


if __name__ == "__main__":
    main()
