"""DICOM files as lists of elements with arbitrary, possibly false, headers."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010


@dataclass
class Element:
    """An element: its value as bytes, and an optional false length."""

    tag: int
    vr: bytes
    value: bytes
    length: int | None = None


@dataclass
class File:
    """A parsed file; `tail` is the unparsed rest, written back unchanged."""

    preamble: bytes
    meta: list[Element]
    body: list[Element]
    explicit: bool = True
    order: str = "<"
    deflated: bool = False
    tail: bytes = b""
    name: str = field(default="")

    def find(self, tag: int) -> Element | None:
        """Return the first element with a tag in the dataset."""
        return next((e for e in self.body if e.tag == tag), None)

    def encoded(self) -> bytes:
        """Encode the file."""
        meta = b"".join(_encoded(e, True, "<") for e in self.meta)
        body = b"".join(_encoded(e, self.explicit, self.order) for e in self.body) + self.tail
        if self.deflated:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            body = packer.compress(body) + packer.flush()
        return self.preamble + meta + body


def _encoded(e: Element, explicit: bool, order: str) -> bytes:
    length = len(e.value) if e.length is None else e.length
    head = struct.pack(order + "HH", e.tag >> 16, e.tag & 0xFFFF)
    if not explicit:
        return head + struct.pack(order + "I", length & UNDEFINED) + e.value
    if e.vr in LONG:
        return head + e.vr + b"\0\0" + struct.pack(order + "I", length & UNDEFINED) + e.value
    return head + e.vr + struct.pack(order + "H", length & 0xFFFF) + e.value


def take_apart(content: bytes, name: str = "") -> File:
    """Parse a whole file; everything after the first invalid element becomes `tail`."""
    start = 132 if content[128:132] == b"DICM" else 0
    meta, position = _elements(content, start, True, "<", 0x0002FFFF)
    syntax = next((e.value.strip(b"\0 ") for e in meta if e.tag == 0x00020010), b"")
    explicit, order, deflated = syntax != b"1.2.840.10008.1.2", "<", False
    body = content[position:]
    if syntax == b"1.2.840.10008.1.2.2":
        order = ">"
    if syntax == b"1.2.840.10008.1.2.1.99":
        deflated, body = True, zlib.decompress(body, -15)
    elements, end = _elements(body, 0, explicit, order, UNDEFINED)
    return File(content[:start], meta, elements, explicit, order, deflated, body[end:], name)


def _elements(
    content: bytes, position: int, explicit: bool, order: str, last: int
) -> tuple[list[Element], int]:
    """Parse elements up to tag `last` or the first invalid one."""
    elements = []
    while position + 8 <= len(content):
        group, number = struct.unpack_from(order + "HH", content, position)
        tag = group << 16 | number
        if tag > last or tag >> 16 == 0xFFFE:
            break
        vr, begin = b"", position + 8
        if explicit:
            vr = content[position + 4 : position + 6]
            if not vr.isalpha():
                break
            if vr in LONG:
                if position + 12 > len(content):
                    break
                (length,), begin = struct.unpack_from(order + "I", content, begin), position + 12
            else:
                (length,) = struct.unpack_from(order + "H", content, position + 6)
        else:
            (length,) = struct.unpack_from(order + "I", content, position + 4)
        end = begin + length
        if length == UNDEFINED:
            end = _after_items(content, begin, explicit, order)
        if not begin <= end <= len(content):
            break
        declared = UNDEFINED if length == UNDEFINED else None
        elements.append(Element(tag, vr, content[begin:end], declared))
        position = end
    return elements, position


def _after_items(content: bytes, position: int, explicit: bool, order: str) -> int:
    """Return the end of items of undefined length, or -1."""
    while position + 8 <= len(content):
        group, number, length = struct.unpack_from(order + "HHI", content, position)
        tag, position = group << 16 | number, position + 8
        if tag == SEQUENCE_END:
            return position
        if tag != ITEM:
            return -1
        if length == UNDEFINED:
            _, end = _elements(content, position, explicit, order, UNDEFINED)
            if content[end : end + 4] != struct.pack(
                order + "HH", ITEM_END >> 16, ITEM_END & 0xFFFF
            ):
                return -1
            position = end + 8
        else:
            position += length
    return -1
