"""`RemoteItem`: a study of a cohort that lies on a DICOMweb server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lvvol.cohort.item import Item
from lvvol.errors import CohortError, DicomwebError
from lvvol.service.dicomweb import Server
from lvvol.sources import MemorySource, Source


@dataclass(frozen=True)
class RemoteItem(Item):
    """A study on a server; `path` is its address and `part` its Study Instance UID.

    Parameters
    ----------
    server : Server
        Where it is.
    store : tuple of str
        Beginnings of the names of result files that go back to the server, such as ``seg``.
    """

    server: Server | None = None
    store: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """The server and the study."""
        return self._server.url, self.part

    @property
    def source(self) -> Path | Source:
        """The files, fetched into memory now."""
        return MemorySource(self.path, self._server.fetch(self.part))

    def fingerprint(self) -> str:
        """Return a hash of the UIDs of its images; empty if they cannot be listed."""
        try:
            listed = self._server.list_instances(self.part)
        except DicomwebError:
            return ""
        return hashlib.sha256("\n".join(sorted(listed)).encode()).hexdigest()

    def deliver(self, paths: Iterable[Path]) -> None:
        """Store results on the server."""
        chosen = [
            path for path in paths if path.suffix == ".dcm" and path.name.startswith(self.store)
        ]
        if self.store and chosen:
            self._server.store(path.read_bytes() for path in chosen)

    @property
    def options(self) -> dict[str, object]:
        """What its result depends on beside its files."""
        return {"store": list(self.store)}

    @property
    def _server(self) -> Server:
        assert self.server is not None
        return self.server


def find_remote(
    server: Server,
    filters: Mapping[str, str] | None,
    study_uids: Sequence[str],
    store: Sequence[str],
) -> list[RemoteItem]:
    """Return studies on a server.

    Parameters
    ----------
    server : Server
        The server.
    filters : mapping of str to str or None
        As in `Server.find_studies`; None asks for no others than `study_uids`.
    study_uids : sequence of str
        Study Instance UIDs.
    store : sequence of str
        As in `RemoteItem`.

    Returns
    -------
    list of RemoteItem
        Their IDs are the Study Instance UIDs.

    Raises
    ------
    CohortError
        If no study is found.
    DicomwebError
        If the server cannot be reached or refuses.
    """
    found = [*study_uids, *(server.find_studies(filters) if filters is not None else [])]
    if not found:
        asked = ", ".join(f"{key}={value}" for key, value in (filters or {}).items())
        raise CohortError(
            f"{server.url}: expected MR studies with {asked or 'any value'}, found none"
        )
    # As a path it has no scheme, whose slashes would become one in messages.
    place = Path(server.url.partition("://")[2]) / "studies"
    return [
        RemoteItem(place / uid, uid, part=uid, server=server, store=tuple(store))
        for uid in dict.fromkeys(found)
    ]
