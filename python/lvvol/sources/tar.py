"""List the members of an untrusted tar.

Python's `tarfile` is not safe for untrusted files: it reads extended headers of any size into
memory, can take hours to parse a header of digits, and silently stops at a damaged header.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 512
# Extended headers hold long names and attributes; larger ones are attacks on memory.
MAX_HEADER_BYTES = 1 << 20
MAX_NAME_BYTES = 4096

# Values of the type flag.
_REGULAR = (0, *b"07")
_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL, _FOLDER, _SPARSE = b"LKxg5S"
_WITHOUT_CONTENT = b"123456"  # links, devices, folders and pipes; their size field is ignored


class TarError(Exception):
    """The tar is damaged or not supported."""


@dataclass(frozen=True)
class Member:
    """A member of a tar.

    Parameters
    ----------
    name : str
        Name in the archive, decoded like Python's file names (UTF-8 with surrogate escapes).
    kind : str
        ``"file"``, ``"folder"`` or ``"other"`` (link, device or pipe).
    offset, size : int
        Offset and size of its content in the unpacked tar, in bytes.
    """

    name: str
    kind: str
    offset: int
    size: int


class Unpacked:
    """The bytes of a tar, unpacked up to a limit.

    Parameters
    ----------
    file : binary file
        Source of the unpacked bytes; seeking backwards may unpack it again from the start.
    limit : int
        Maximum number of bytes to unpack.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = limit
        self._lock = threading.Lock()

    def read_at(self, offset: int, size: int) -> bytes:
        """Read bytes at an offset, fewer at the end; raise OverflowError beyond the limit."""
        if offset + size > self._limit:
            raise OverflowError(f"more than {self._limit} bytes")
        with self._lock:
            if self._file.tell() != offset:
                self._file.seek(offset)
            return self._file.read(size)

    def open(self, member: Member) -> IO[bytes]:
        """Open the content of a member."""
        return io.BufferedReader(_Content(self, member))


class _Content(io.RawIOBase):
    """The content of a member, for sequential reading."""

    def __init__(self, unpacked: Unpacked, member: Member) -> None:
        self._unpacked = unpacked
        self._next = member.offset
        self._end = member.offset + member.size

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer, up to the end of the content."""
        with memoryview(buffer).cast("B") as view:
            wanted = min(len(view), self._end - self._next)
            content = self._unpacked.read_at(self._next, wanted)
            if len(content) < wanted:
                raise EOFError("the archive ends inside a member")
            view[:wanted] = content
        self._next += wanted
        return wanted


def members_of(unpacked: Unpacked) -> Iterator[Member]:
    """Iterate over the members of a tar, in archive order.

    Each member is yielded before its content is unpacked, so that callers can stop at one that is
    too large.

    Parameters
    ----------
    unpacked : Unpacked
        The tar.

    Yields
    ------
    Member
        One per header, including links and devices.

    Raises
    ------
    TarError
        If a header is damaged, too long or describes a sparse file, or the end mark is missing.
    OverflowError
        If the limit of `unpacked` is exceeded.
    """
    offset = 0
    long_name: bytes | None = None
    records: dict[bytes, bytes] = {}
    while True:
        header = unpacked.read_at(offset, _BLOCK)
        if len(header) < _BLOCK:
            raise TarError("missing end mark")
        if not header.strip(b"\0"):
            return
        if _number(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * ord(" "):
            raise TarError(f"invalid header at byte {offset}")
        kind, size = header[156], _number(header[124:136])
        offset += _BLOCK
        if kind in (_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL):
            if size > MAX_HEADER_BYTES:
                raise TarError(f"extended header of {size} bytes")
            content = unpacked.read_at(offset, size)
            if kind == _LONG_NAME:
                long_name = content.split(b"\0", 1)[0]
            elif kind == _EXTENDED:
                records = _records(content)
            offset += _padded(size)
            continue
        name = records.get(b"path", long_name)
        if name is None:
            name = header[:100].split(b"\0", 1)[0]
            if header[257:263] == b"ustar\0" and header[345]:
                name = header[345:500].split(b"\0", 1)[0] + b"/" + name
        if len(name) > MAX_NAME_BYTES:
            raise TarError(f"name of {len(name)} bytes")
        if kind == _SPARSE or any(key.startswith(b"GNU.sparse.") for key in records):
            raise TarError(f"{_text(name)!r} is a sparse file")
        if b"size" in records:
            size = _decimal(records[b"size"])
        long_name, records = None, {}
        if kind in _WITHOUT_CONTENT:
            size = 0
        if kind == _FOLDER or (kind in _REGULAR and name.endswith(b"/")):
            what, name = "folder", name.rstrip(b"/") or b"."
        else:
            what = "file" if kind in _REGULAR else "other"
        yield Member(_text(name), what, offset, size)
        offset += _padded(size)


def _padded(size: int) -> int:
    """Round a size up to whole blocks."""
    return -(-size // _BLOCK) * _BLOCK


def _text(name: bytes) -> str:
    """Decode a name like Python decodes file names."""
    return name.decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """Parse a number of a header, octal or in GNU's binary format."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise TarError(f"invalid number {digits!r} in a header")
    return int(digits, 8)


def _decimal(digits: bytes) -> int:
    """Parse a number of an extended header."""
    if not digits.isdigit() or len(digits) > 20:
        raise TarError(f"invalid number {digits[:24]!r} in an extended header")
    return int(digits)


def _records(content: bytes) -> dict[bytes, bytes]:
    """Parse the records ``length key=value`` of an extended header."""
    records = {}
    start = 0
    while start < len(content) and content[start]:
        space = content.find(b" ", start, start + 24)
        if space < 0:
            raise TarError("damaged extended header")
        length = _decimal(content[start:space])
        record = content[space + 1 : start + length]
        start += length
        if start > len(content) or not record.endswith(b"\n"):
            raise TarError("damaged extended header")
        key, _, value = record[:-1].partition(b"=")
        records[key] = value
    return records
