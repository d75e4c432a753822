"""Mutations of elements: each changes a case in place and returns a log message."""

from __future__ import annotations

import re
import struct
from random import Random

from tests.dicom.fuzz.case import TORN, Case, even, put
from tests.dicom.fuzz.files import (
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    Element,
    File,
    take_apart,
)
from tests.dicom.fuzz.files import UNDEFINED as ENDLESS
from tests.dicom.fuzz.values import (
    COLUMNS,
    COUNTS,
    DECIMALS,
    GARBAGE,
    GEOMETRY,
    NUMBERS,
    ORIENTATION,
    ROWS,
    SYNTAXES,
    TEXTS,
    VRS,
    WHOLE,
    WHOLE_NUMBERS,
)  # fmt: skip


def structure(case: Case) -> str:
    """Delete, duplicate, move or mislabel an element."""
    how = case.random.choice(("left out", "doubled", "moved", "VR", "length", "endless", "empty"))
    wanted = case.random.choice((None, *GEOMETRY, *TEXTS, *WHOLE, *DECIMALS, PIXEL_DATA))

    def change(file: File) -> str:
        r = case.random
        e = (wanted and file.find(wanted)) or r.choice(file.body)
        i = file.body.index(e)
        other = r.randrange(len(file.body) + 1)
        if how == "left out":
            del file.body[i]
        elif how == "doubled":
            donor = r.choice(
                (e.value, e.value[::-1], even(r.choice(NUMBERS)), r.choice(file.body).value)
            )
            file.body.insert(r.choice((i, i + 1, other)), Element(e.tag, e.vr, donor))
        elif how == "moved":
            file.body.insert(other, file.body.pop(i))
        elif how == "VR":
            e.vr = r.choice(VRS)
        elif how == "length":
            n = len(e.value)
            e.length = r.choice(
                (0, n + 1, n + 2, max(n - 2, 0), 2 * n, 0xFFFF, 0xFFFE, 0x7FFFFFFF, 0xFFFFFFF0)
            )
        elif how == "endless":
            e.length = ENDLESS
        else:
            e.value = b""
        return f"{e.tag:08X} {how} {e.vr!r} {e.length}"

    return case.edit(change)


def nest(case: Case) -> str:
    """Insert deeply nested sequences before the pixels."""
    depth, closed = case.random.choice((2, 30, 400, 1200, 5000)), case.random.random() < 0.5
    tag = case.random.choice((0x00081140, 0x52009229, 0x52009230, 0x00209113, 0x00091001))

    def change(file: File) -> str:
        def head(number: int, length: int, vr: bytes = b"") -> bytes:
            group = struct.pack(file.order + "HH", number >> 16, number & 0xFFFF)
            return group + (vr + b"\0\0" if vr else b"") + struct.pack(file.order + "I", length)

        vr = b"SQ" if file.explicit else b""
        opening = head(ITEM, ENDLESS) + head(tag, ENDLESS, vr)
        closing = head(ITEM_END, 0) + head(SEQUENCE_END, 0)
        value = opening * depth + (head(SEQUENCE_END, 0) + closing * depth) * closed
        at = next((i for i, e in enumerate(file.body) if e.tag > tag), len(file.body))
        file.body.insert(at, Element(tag, b"SQ", value, ENDLESS))
        return f"{tag:08X} nested {depth} deep, {'closed' if closed else 'left open'}"

    return case.edit(change)


def geometry(case: Case) -> str:
    """Change position, orientation or pixel spacing; in an enhanced file, of a single frame."""
    tag = case.random.choice(GEOMETRY)
    how = case.random.choice(
        (
            "number",
            "swap",
            "negate",
            "scale",
            "drop",
            "add",
            "jitter",
            "turn",
            "comma",
            "other's",
            "empty",
            "vr",
        )
    )

    def change(file: File) -> str:
        r = case.random
        e = file.find(tag)
        if e is None:
            return _nested(case, file, tag)
        values = e.value.decode("latin-1").split("\\")
        i, j = r.randrange(len(values)), r.randrange(len(values))
        if how == "number":
            values[i] = r.choice(NUMBERS)
        elif how == "swap":
            values[i], values[j] = values[j], values[i]
            if tag == ORIENTATION and r.random() < 0.5:
                values = values[3:] + values[:3]
        elif how in ("negate", "scale", "jitter"):
            by = {
                "negate": -1.0,
                "scale": r.choice((1.0005, 1.002, 1.5, 10.0, 1e6, 1e-6, 0.0)),
            }.get(how, 1.0)
            off = r.choice((1e-4, 0.01, 0.3, 0.9, 1.1, 5.0)) if how == "jitter" else 0.0
            off *= 0.01 if tag == ORIENTATION else 1.0
            which = range(len(values)) if r.random() < 0.5 else (i,)
            for k in which:
                values[k] = f"{float(values[k]) * by + off * r.uniform(-1, 1):.10g}"
        elif how == "drop":
            del values[i]
        elif how == "add":
            values.insert(i, r.choice((values[j], *NUMBERS)))
        elif how == "turn":
            values = _turned([float(v) for v in values], r)
        elif how == "comma":
            values = [v.replace(".", ",") for v in values]
        elif how == "other's":
            donor = take_apart(case.base.files[r.choice(r.choice(case.base.slices))]).find(tag)
            values = donor.value.decode("latin-1").split("\\") if donor else values
        elif how == "empty":
            values = []
        else:
            e.vr = r.choice((b"FD", b"LO", b"UN", b"IS", b"UT", b"US"))
            if e.vr == b"FD" and r.random() < 0.5:
                e.value = struct.pack(f"{file.order}{len(values)}d", *map(float, values))
                return f"{tag:08X} as doubles"
        e.value = even("\\".join(values))
        return f"{tag:08X} {how}: {e.value[:100]!r}"

    return case.edit(change)


def _turned(values: list[float], r: Random) -> list[str]:
    """Rotate directions about the third axis; leave anything but an orientation unchanged."""
    if len(values) != 6:
        return [f"{v:.10g}" for v in values]
    angle = r.choice((1e-5, 1e-3, 0.01, 0.03, 0.1, 0.5, 1.5708, 3.1416))
    for k in (0, 3):
        x, y = values[k], values[k + 1]
        values[k], values[k + 1] = x - angle * y, y + angle * x
        n = sum(v * v for v in values[k : k + 3]) ** 0.5
        values[k : k + 3] = [v / n for v in values[k : k + 3]]
    return [f"{v:.10g}" for v in values]


def _nested(case: Case, file: File, tag: int) -> str:
    """Change a value inside a sequence without changing its length."""
    needle = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + b"DS"
    places = [
        (e, m.start())
        for e in file.body
        if e.vr == b"SQ"
        for m in re.finditer(re.escape(needle), e.value)
    ]
    if not places:
        return "nothing: the element is gone"
    e, at = case.random.choice(places)
    (n,) = struct.unpack_from("<H", e.value, at + 6)
    values = e.value[at + 8 : at + 8 + n].decode("latin-1").split("\\")
    values[case.random.randrange(len(values))] = case.random.choice(NUMBERS)
    new = "\\".join(values).encode("latin-1", "replace")[:n].ljust(n)
    e.value = e.value[: at + 8] + new + e.value[at + 8 + n :]
    return f"{tag:08X} in a sequence: {new!r}"


def number(case: Case) -> str:
    """Replace times, rescaling, thickness, or series, image and frame numbers."""
    tag, value = case.random.choice(DECIMALS + COUNTS), case.random.choice(NUMBERS)

    def change(file: File) -> str:
        return put(file, tag, b"IS" if tag in COUNTS else b"DS", even(value))

    return case.edit(change)


def whole(case: Case) -> str:
    """Falsify rows, columns, samples, bits or sign."""
    tag, draw = case.random.choice(WHOLE), case.random.random()

    def change(file: File) -> str:
        e = file.find(tag)
        old = int.from_bytes(e.value, "little" if file.order == "<" else "big") if e else 1
        choices = (*WHOLE_NUMBERS, old - 1, old + 1, old * 2, old // 2)
        new = choices[int(draw * len(choices))] % 65536
        return put(file, tag, b"US", struct.pack(file.order + "H", new)) + f" {new}"

    def swap(file: File) -> str:
        rows, columns = file.find(ROWS), file.find(COLUMNS)
        if rows and columns:
            rows.value, columns.value = columns.value, rows.value
        return "rows and columns swapped"

    return case.edit(swap if case.random.random() < 0.1 else change)


def text(case: Case) -> str:
    """Replace a date, time, identifier, name, type or character set."""
    tag = case.random.choice(TEXTS)
    r = case.random
    own = r.choice([*case.base.files])
    garbage = r.choice((*GARBAGE, r.randbytes(20)))

    def change(file: File) -> str:
        value = garbage
        if r.random() < 0.3:
            try:
                donor = take_apart(case.base.files[own]).find(tag)
            except TORN:
                donor = None
            value = donor.value if donor else garbage
        return put(file, tag, b"LO", even(value)) + f" {value[:40]!r}"

    return case.edit(change)


def syntax(case: Case) -> str:
    """Falsify the transfer syntax or the file meta information."""
    how = case.random.choice(
        ("uid", "uid", "uid", "no meta", "no preamble", "group length", "class", "implicit")
    )
    uid = case.random.choice(SYNTAXES)

    def change(file: File) -> str:
        if how == "no meta":
            file.meta = []
        elif how == "no preamble":
            file.preamble = b""
        elif how == "implicit":
            file.explicit = not file.explicit
        elif how == "group length" and file.meta:
            file.meta[0].value = struct.pack("<I", case.random.choice((0, 1, 10_000, ENDLESS)))
        else:
            wanted = 0x00020010 if how == "uid" else 0x00020002
            for e in file.meta:
                if e.tag == wanted:
                    e.value = uid.encode() + b"\0" * (len(uid) % 2)
        return f"{how} {uid}"

    return case.edit(change)


def pixels(case: Case) -> str:
    """Change the bytes or the declared encoding of the pixels."""
    how = case.random.choice(
        ("cut", "extended", "random", "none", "odd", "wrapped", "fragments", "zeros")
    )

    def change(file: File) -> str:
        r = case.random
        e = file.find(PIXEL_DATA)
        if e is None:
            return "nothing: no pixels"
        n = len(e.value)
        if how == "cut":
            e.value = e.value[: r.choice((n // 2, n - 2, n - 200, 2, 10))]
        elif how == "extended":
            e.value += r.randbytes(r.choice((2, 200, n)))
        elif how == "random":
            e.value = r.randbytes(n)
        elif how == "zeros":
            e.value = bytes(n)
        elif how == "none":
            e.value = b""
        elif how == "odd":
            e.value = e.value[:-1]
        elif how == "wrapped":
            item = struct.pack(file.order + "HHI", ITEM >> 16, ITEM & 0xFFFF, n)
            empty = struct.pack(file.order + "HHI", ITEM >> 16, ITEM & 0xFFFF, 0)
            end = struct.pack(file.order + "HHI", SEQUENCE_END >> 16, SEQUENCE_END & 0xFFFF, 0)
            e.value, e.length, e.vr = empty + item + e.value + end, ENDLESS, b"OB"
        else:
            body = bytearray(e.value)
            for _ in range(r.choice((1, 4, 30))):
                body[r.randrange(min(n, r.choice((24, 200, n))))] = r.randrange(256)
            e.value = bytes(body)
        return f"pixels {how}, {n} bytes"

    return case.edit(change)
