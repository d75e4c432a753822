"""A DICOMweb server: which studies it has, their images, and results back to it.

Credentials come from the environment or ``.netrc``, never from arguments, and are in no message.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lvvol.errors import DicomwebError, needs_extra

with needs_extra("dicomweb"):
    import requests
    from dicomweb_client import DICOMwebClient

import pydicom

TOKEN, USER, PASSWORD = "LVVOL_DICOMWEB_TOKEN", "LVVOL_DICOMWEB_USER", "LVVOL_DICOMWEB_PASSWORD"
"""Environment variables: a bearer token; or a name and a password."""

_TIMEOUT_S = (10, 120)  # to connect; between bytes
_MAY_PASS = {408, 429, 500, 502, 503, 504}
_REFUSED = {401, 403}
_LOCAL = ("localhost", "127.0.0.1", "::1")
# A study may still arrive while it is read; asked so often whether there is more.
_MOST_ROUNDS = 4
_PAGE = 500

_STUDY_UID, _SERIES_UID, _INSTANCE_UID = "0020000D", "0020000E", "00080018"

_Result = TypeVar("_Result")


class Server:
    """A DICOMweb server; safe to use from several threads.

    Parameters
    ----------
    url : str
        Of the service, such as ``https://pacs.example/dicom-web``.
    attempts : int
        How often a request is tried; each wait is twice the one before.
    wait_s : float
        Seconds before the second attempt.

    Raises
    ------
    DicomwebError
        If the URL is malformed, holds a password, or would send one in clear text to another
        machine.
    MissingExtraError
        If dicomweb-client is not installed.
    """

    def __init__(self, url: str, *, attempts: int = 5, wait_s: float = 1.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DicomwebError(f"expected the URL of a DICOMweb server, got {parts.path or url!r}")
        if "@" in parts.netloc:
            raise DicomwebError(
                f"{parts.hostname}: expected a URL without a password, which others could see; set "
                f"{USER} and {PASSWORD}, {TOKEN} or .netrc"
            )
        secret = any(map(os.environ.get, (TOKEN, PASSWORD)))
        if secret and parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise DicomwebError(
                f"{url}: expected https, because a token or password is set and would be sent in "
                "clear text"
            )
        self.url = url.rstrip("/")
        self._attempts, self._wait_s = attempts, wait_s
        self._own = threading.local()

    def find_studies(self, filters: Mapping[str, str]) -> list[str]:
        """Return the Study Instance UIDs of studies with MR images.

        Parameters
        ----------
        filters : mapping of str to str
            Values of attributes to match, such as ``{"PatientID": "1"}``, by keyword.

        Raises
        ------
        DicomwebError
            If the server cannot be reached or refuses.
        """
        wanted = {"ModalitiesInStudy": "MR", **filters}
        return sorted(
            self._all(
                _STUDY_UID,
                lambda client, **page: client.search_for_studies(search_filters=wanted, **page),
            )
        )

    def list_instances(self, study_uid: str) -> dict[str, str]:
        """Return the MR images of a study, without results that were stored there.

        Parameters
        ----------
        study_uid : str
            Study Instance UID.

        Returns
        -------
        dict of str to str
            Series Instance UID by SOP Instance UID.

        Raises
        ------
        DicomwebError
            If the server cannot be reached, refuses, or has no MR image of the study.
        """
        series = self._all(
            _SERIES_UID,
            lambda client, **page: client.search_for_series(
                study_uid, search_filters={"Modality": "MR"}, **page
            ),
        )
        found: dict[str, str] = {}
        for uid in series:
            instances = self._all(_INSTANCE_UID, partial(_list_series, study_uid, uid))
            found.update(dict.fromkeys(instances, uid))
        if not found:
            raise DicomwebError(f"{self.url}: expected MR images of study {study_uid}, found none")
        return found

    def fetch(self, study_uid: str) -> dict[str, bytes]:
        """Return the files of all MR images of a study.

        Parameters
        ----------
        study_uid : str
            Study Instance UID.

        Returns
        -------
        dict of str to bytes
            By names made of the UIDs of series and image. Images that arrive meanwhile are fetched
            too.

        Raises
        ------
        DicomwebError
            If the server cannot be reached, refuses, or more images arrive again and again.
        """
        contents: dict[str, bytes] = {}
        for _ in range(_MOST_ROUNDS):
            listed = self.list_instances(study_uid)
            missing = {s for i, s in listed.items() if f"{s}/{i}.dcm" not in contents}
            if not missing:
                return contents
            for series_uid in sorted(missing):
                contents.update(self._fetch_series(study_uid, series_uid))
        raise DicomwebError(
            f"{self.url}: study {study_uid} grows while it is read; measure it when it is complete"
        )

    def store(self, contents: Iterable[bytes]) -> None:
        """Store DICOM files.

        Parameters
        ----------
        contents : iterable of bytes
            Content of each file.

        Raises
        ------
        DicomwebError
            If the server cannot be reached, or does not take all of them.
        """
        datasets = [pydicom.dcmread(BytesIO(content)) for content in contents]
        answer = self._ask(lambda client: client.store_instances(datasets))
        refused = answer.get("FailedSOPSequence", [])
        if len(refused):
            reason = refused[0].get("FailureReason", "unknown")
            raise DicomwebError(
                f"{self.url}: expected all results to be stored, but {len(refused)} of "
                f"{len(datasets)} were refused (first reason: {reason})"
            )

    def _fetch_series(self, study_uid: str, series_uid: str) -> dict[str, bytes]:
        """Return the files of a series, from the start again after a broken connection."""

        def read(client: Any) -> dict[str, bytes]:
            files: dict[str, bytes] = {}
            for dataset in client.iter_series(study_uid, series_uid):
                file = BytesIO()
                dataset.save_as(file, enforce_file_format=True)
                files[f"{series_uid}/{dataset.SOPInstanceUID}.dcm"] = file.getvalue()
            return files

        return self._ask(read)

    def _all(self, tag: str, search: Callable[..., list[Mapping[str, Any]]]) -> list[str]:
        """Return a UID of every match, page by page.

        Some servers send all matches at once whatever the page, others fewer than asked for, so a
        page without anything new is the last one.
        """
        found: dict[str, None] = {}
        while True:
            page = self._ask(partial(search, limit=_PAGE, offset=len(found)))
            new = {_value(match, tag) for match in page} - found.keys() - {""}
            if not new:
                return list(found)
            found.update(dict.fromkeys(sorted(new)))

    def _ask(self, request: Callable[[Any], _Result]) -> _Result:
        """Send a request, again after a while if the failure may pass."""
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(self._wait_s * 2 ** (attempt - 1))
            try:
                return request(self._client())
            except requests.HTTPError as error:
                code = error.response.status_code if error.response is not None else 0
                if code in _REFUSED:
                    raise DicomwebError(
                        f"{self.url}: access refused ({code}); set {TOKEN}, or {USER} and "
                        f"{PASSWORD}, or .netrc"
                    ) from None
                if code not in _MAY_PASS:
                    raise DicomwebError(f"{self.url}: the server answers {code}") from None
                why = f"the server answers {code}"
            except requests.RequestException as error:
                why = type(error).__name__
            except ValueError as error:  # half a message, which is no DICOM
                why = f"not an answer by DICOMweb ({type(error).__name__})"
        raise DicomwebError(f"{self.url}: {why}, {self._attempts} times")

    def _client(self) -> Any:
        """Return this thread's client: connections are not shared."""
        client = getattr(self._own, "client", None)
        if client is None:
            session = requests.Session()  # reads .netrc and REQUESTS_CA_BUNDLE
            if token := os.environ.get(TOKEN):
                session.auth = _Bearer(token)
            elif user := os.environ.get(USER):
                session.auth = (user, os.environ.get(PASSWORD, ""))
            client = DICOMwebClient(self.url, session, permissive_uid=True, timeout=_TIMEOUT_S)
            client.set_http_retry_params(retry=False)
            self._own.client = client
        return client


class _Bearer(requests.auth.AuthBase):  # type: ignore[misc, unused-ignore]
    """Sends a token, and to nobody that a redirection leads to."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _list_series(
    study_uid: str, series_uid: str, client: Any, **page: int
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = client.search_for_instances(study_uid, series_uid, **page)
    return found


def _value(found: Mapping[str, Any], tag: str) -> str:
    """Return the first value of an element of DICOM JSON as text."""
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])
