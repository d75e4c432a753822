"""Malicious archives, built byte by byte."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

MIB = 1 << 20


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def zip_entry(
    name: bytes,
    packed: bytes,
    crc: int,
    size: int,
    method: int = 8,
    flags: int = 0,
    local: bool = True,
    offset: int = 0,
) -> bytes:
    """The header of one member: the local one, or the one in the central directory."""
    common = struct.pack(
        "<HHHHHIIIHH", 20, flags, method, 0, 0, crc, len(packed), size, len(name), 0
    )
    if local:
        return b"PK\x03\x04" + common + name + packed
    return (
        b"PK\x01\x02"
        + struct.pack("<H", 20)
        + common
        + struct.pack("<HHHII", 0, 0, 0, 0, offset)
        + name
    )


def zip_end(n_entries: int, directory: int, offset: int) -> bytes:
    n = min(n_entries, 0xFFFF)
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, n, n, directory, offset, 0)


def one_member_zip(
    path: Path, name: bytes, packed: bytes, crc: int, size: int, **header: int
) -> None:
    """A zip with one member, whose header may claim anything."""
    body = zip_entry(name, packed, crc, size, **header)
    directory = zip_entry(name, packed, crc, size, local=False, **header)
    path.write_bytes(body + directory + zip_end(1, len(directory), len(body)))


def zip_of_zeros(path: Path) -> None:
    """65 MiB, compressed a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("zeros", bytes(65 * MIB))


def zip_of_overlapping_members(path: Path) -> None:
    """Five thousand names for one mebibyte of zeros: 5 GB from about 300 kB."""
    zeros = bytes(MIB)
    packed, crc = deflated(zeros), zlib.crc32(zeros)
    body = zip_entry(b"kernel", packed, crc, MIB)
    directory = b"".join(zip_entry(b"%06d" % i, packed, crc, MIB, local=False) for i in range(5000))
    path.write_bytes(body + directory + zip_end(5000, len(directory), len(body)))


def zip_that_understates(path: Path) -> None:
    """A member that claims 200 bytes and unpacks to 500 MiB."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(500)) + packer.flush()
    one_member_zip(path, b"a.dcm", packed, zlib.crc32(bytes(200)), 200)


def zip_that_overstates(path: Path) -> None:
    """A member that claims 10 TB, in a 64-bit length."""
    name, packed = b"a.dcm", deflated(bytes(100))
    extra = struct.pack("<HHQ", 1, 8, 10 << 40)
    entry = bytearray(zip_entry(name, packed, 0, 0xFFFFFFFF, local=False) + extra)
    entry[30:32] = struct.pack("<H", len(extra))
    body = zip_entry(name, packed, 0, 0xFFFFFFFF)
    path.write_bytes(body + entry + zip_end(1, len(entry), len(body)))


def zip_with_endless_contents(path: Path) -> None:
    """Half a million members without content."""
    entry = zip_entry(b"", b"", 0, 0, local=False)
    n = 500_000
    path.write_bytes(b"PK\x03\x04" + entry * n + zip_end(n, len(entry) * n, 4))


def zip_packed_by_bzip2(path: Path) -> None:
    """A member compressed by bzip2, which has no limit: 40 MiB in about a hundred bytes."""
    packed = bz2.compress(bytes(40 * MIB))
    one_member_zip(path, b"a.dcm", packed, 0, 100, method=12)


def encrypted_zip(path: Path) -> None:
    one_member_zip(path, b"a.dcm", b"secret", 0, 6, method=0, flags=1)


def zip_with_an_impossible_name(path: Path) -> None:
    one_member_zip(path, b"\xff\xfe.dcm", b"x", zlib.crc32(b"x"), 1, method=0, flags=0x800)


def zip_with_an_empty_name(path: Path) -> None:
    one_member_zip(path, b"", b"x", zlib.crc32(b"x"), 1, method=0)


def truncated_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a.dcm", bytes(1000))
    path.write_bytes(path.read_bytes()[:-20])


def zip_in_a_zip(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("zeros", bytes(65 * MIB))
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("inner.zip", inner.getvalue())


def tar_header(name: bytes, size: int | bytes, kind: bytes = b"0") -> bytes:
    """A header with a valid checksum; `size` may be any twelve bytes."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = field
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def pax(*records: tuple[bytes, bytes]) -> bytes:
    """An extended header for the member that follows."""
    lines = []
    for key, value in records:
        length = len(key) + len(value) + 3
        length += len(str(length + len(str(length))))
        lines.append(b"%d %s=%s\n" % (length, key, value))
    content = b"".join(lines)
    return tar_header(b"pax", len(content), b"x") + padded(content)


END = bytes(1024)
FILE = tar_header(b"a.dcm", 4) + padded(b"text")


def tar_of_zeros(path: Path) -> None:
    """65 MiB of zeros, compressed as the suffix of `path` says."""
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[path.suffix]
    with opener(path, "wb") as file:
        file.write(tar_header(b"zeros", 65 * MIB) + bytes(65 * MIB) + END)


def tar_with_a_bomb_in_its_header(path: Path) -> None:
    """An extended header that claims 3 GB and holds 65 MiB."""
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[path.suffix]
    with opener(path, "wb") as file:
        file.write(tar_header(b"pax", 3 << 30, b"x") + bytes(65 * MIB))


def tar_of_many_long_names(path: Path) -> None:
    """80 MB of names of 4000 bytes, which compress to almost nothing."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for i in range(20_000):
            name = b"%06d" % i + b"a" * 3990
            file.write(tar_header(b"", len(name), b"L") + padded(name) + tar_header(b"", 0))
        file.write(END)


def tar_with_a_huge_path(path: Path) -> None:
    path.write_bytes(pax((b"path", b"a" * 500_000)) + FILE + END)


def tar_with_a_huge_size(path: Path) -> None:
    path.write_bytes(pax((b"size", b"9" * 19)) + FILE + END)


def tar_with_a_size_of_many_digits(path: Path) -> None:
    path.write_bytes(pax((b"size", b"9" * 100_000)) + FILE + END)


def tar_with_a_header_of_digits(path: Path) -> None:
    """A megabyte of digits, on which a careless regular expression takes hours."""
    path.write_bytes(tar_header(b"pax", MIB, b"x") + b"1" * MIB + FILE + END)


def tar_with_a_negative_size(path: Path) -> None:
    path.write_bytes(tar_header(b"a.dcm", b"\xff" * 10 + b"\xfe\x00") + FILE + END)


def tar_with_holes(path: Path) -> None:
    """A sparse file in the old format: gigabytes of nothing."""
    block = bytearray(tar_header(b"a.dcm", 0, b"S"))
    block[483:495] = b"77777777777\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(bytes(block) + END)


def tar_with_holes_in_the_new_form(path: Path) -> None:
    records = ((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"))
    path.write_bytes(pax(*records, (b"GNU.sparse.realsize", b"9" * 12)) + FILE + END)


def tar_without_an_end(path: Path) -> None:
    """Cut off between two members, where nothing looks damaged."""
    path.write_bytes(FILE)


def tar_damaged_in_the_middle(path: Path) -> None:
    second = bytearray(FILE)
    second[0] ^= 1
    path.write_bytes(FILE + second + FILE + END)


def tar_of_links_and_devices(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)


def xz_with_a_dictionary_of_4_gb(path: Path) -> None:
    """A small tar that makes the decompressor allocate 4 GB."""
    content = bytearray(lzma.compress(FILE + END, check=lzma.CHECK_NONE))
    assert content[14:16] == b"\x21\x01"
    content[16] = 40
    end = 12 + 4 * (content[12] + 1)
    content[end - 4 : end] = struct.pack("<I", zlib.crc32(content[12 : end - 4]))
    path.write_bytes(content)


BOMBS = {
    "zeros.zip": zip_of_zeros,
    "overlapping.zip": zip_of_overlapping_members,
    "understated.zip": zip_that_understates,
    "overstated.zip": zip_that_overstates,
    "contents.zip": zip_with_endless_contents,
    "bzip2.zip": zip_packed_by_bzip2,
    "inner.zip": zip_in_a_zip,
    "zeros.tar.gz": tar_of_zeros,
    "zeros.tar.bz2": tar_of_zeros,
    "zeros.tar.xz": tar_of_zeros,
    "header.tar.gz": tar_with_a_bomb_in_its_header,
    "header.tar.bz2": tar_with_a_bomb_in_its_header,
    "header.tar.xz": tar_with_a_bomb_in_its_header,
    "names.tar.gz": tar_of_many_long_names,
    "dictionary.tar.xz": xz_with_a_dictionary_of_4_gb,
}

MANGLED = {
    "encrypted.zip": encrypted_zip,
    "name.zip": zip_with_an_impossible_name,
    "no-name.zip": zip_with_an_empty_name,
    "truncated.zip": truncated_zip,
    "path.tar": tar_with_a_huge_path,
    "size.tar": tar_with_a_huge_size,
    "long-size.tar": tar_with_a_size_of_many_digits,
    "digits.tar": tar_with_a_header_of_digits,
    "negative.tar": tar_with_a_negative_size,
    "holes.tar": tar_with_holes,
    "new-holes.tar": tar_with_holes_in_the_new_form,
    "no-end.tar": tar_without_an_end,
    "middle.tar": tar_damaged_in_the_middle,
}
