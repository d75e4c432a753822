"""`manifest.json`, which says which files of a folder are one result, and of which study."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lvvol.cine import CineStack
from lvvol.errors import OutputError, ResultError
from lvvol.output import check_folder, remove_parts, write_files
from lvvol.report.files import RESULT
from lvvol.typing import StrPath

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


def check_result_folder(folder: Path, files: Iterable[str]) -> None:
    """Fail early where a result could not be written later; creates nothing.

    Parameters
    ----------
    folder : Path
        Where the result is to go; it and its parents need not exist.
    files : iterable of str
        Names of the files that are to be written.

    Raises
    ------
    OutputError
        If `check_folder` refuses it, or it holds files of these names that lvvol did not write.
    """
    check_folder(folder)
    there = [name for name in (*files, MANIFEST) if os.path.lexists(folder / name)]
    # A run that was killed leaves no manifest, or that of the result before.
    if there and not (_listed(folder) is not None or _is_measurement(folder / RESULT)):
        raise OutputError(
            f"{folder / there[0]}: exists and was not written by lvvol; move it or choose another "
            "folder"
        )


def write_with_manifest(
    folder: Path, stack: CineStack, contents: Mapping[str, bytes], weights_sha256: str = ""
) -> None:
    """Write the files of a result, and last their manifest.

    Processes that write to the same folder follow each other, so that one result remains. After
    a kill between the files, the manifest does not match them and `read_result` refuses them.

    Parameters
    ----------
    folder : Path
        Where to write, created if missing.
    stack : CineStack
        The stack that was measured.
    contents : mapping of str to bytes
        Content of each file of the result.
    weights_sha256 : str
        Hash of the weights; empty if unknown.

    Raises
    ------
    OutputError
        If they cannot be written, or `check_result_folder` refuses the folder.
    """
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "lvvol": version("lvvol"),
        "weights_sha256": weights_sha256,
        "study": _identity(stack),
        "files": {
            name: {"bytes": len(content), "sha256": _sha256(content)}
            for name, content in contents.items()
        },
    }
    named = {**contents, MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()}
    with _alone(folder):
        check_result_folder(folder, contents)
        earlier = _listed(folder) or {}
        remove_parts(folder, named)
        write_files({folder / name: content for name, content in named.items()})
        _remove_unchanged(folder, {name: earlier[name] for name in earlier.keys() - named.keys()})


def remove_result(folder: Path) -> None:
    """Remove the files of an earlier result, and its manifest, unless somebody changed them.

    Parameters
    ----------
    folder : Path
        The folder; nothing happens where it holds no result of ours.
    """
    if _listed(folder) is None:
        return
    with _alone(folder):
        _remove_unchanged(folder, _listed(folder) or {})
        with suppress(OSError):
            (folder / MANIFEST).unlink()


def read_result(folder: StrPath) -> dict[str, Any]:
    """Return `result.json` of a folder, checked with the other files of its manifest.

    Parameters
    ----------
    folder : str or path-like
        From ``lvvol predict -o`` or `lvvol.report.write.write_result`.

    Returns
    -------
    dict
        The content of `result.json`, and under ``study`` the study that the manifest names.

    Raises
    ------
    ResultError
        If the manifest, or a file that it names, is missing, changed or of another result.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        contents = {name: (folder / name).read_bytes() for name in (RESULT, *manifest["files"])}
        for name, content in contents.items():
            if _sha256(content) != manifest["files"][name]["sha256"]:
                raise ResultError(
                    f"{folder / name}: not the file that {MANIFEST} lists: a run was stopped while "
                    "it wrote, or the file was changed; measure the study again"
                )
        return {**json.loads(contents[RESULT]), "study": manifest["study"]}
    except OSError as error:
        raise ResultError(f"{folder}: expected a result, got {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ResultError(f"{folder / MANIFEST}: expected a manifest, got {error!r}") from error


def _identity(stack: CineStack) -> dict[str, Any]:
    """Return what identifies the study, and the images of it that were measured."""
    images = json.dumps(stack.sop_instance_uids)
    return {
        "study_uid": stack.study_uid,
        "frame_of_reference_uid": stack.frame_of_reference_uid,
        "series_uids": list(dict.fromkeys(stack.series_uids)),
        "images_sha256": hashlib.sha256(images.encode("utf-8", "backslashreplace")).hexdigest(),
    }


def _listed(folder: Path) -> dict[str, Any] | None:
    """Return the files that a manifest of ours lists, or None without one."""
    with suppress(OSError, ValueError, RecursionError):
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if isinstance(manifest, dict) and {"lvvol", "study", "files"} <= manifest.keys():
            files = manifest["files"]
            return files if isinstance(files, dict) else {}
    return None


def _remove_unchanged(folder: Path, files: Mapping[str, Any]) -> None:
    """Remove files of an earlier result, which would pass for those of this one."""
    for name, facts in files.items():
        path = folder / name
        # What a person edited, or a manifest does not name plainly, is not ours to remove.
        if Path(name).name == name and isinstance(facts, dict):
            with suppress(OSError):
                if _sha256(path.read_bytes()) == facts.get("sha256"):
                    path.unlink()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_measurement(path: Path) -> bool:
    """Whether a file is a `result.json` of ours."""
    with suppress(OSError, ValueError, RecursionError):
        result = json.loads(path.read_bytes())
        return isinstance(result, dict) and {"edv_ml", "esv_ml", "areas_mm2"} <= result.keys()
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for other processes that write to a folder; the system ends a wait for a dead one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
