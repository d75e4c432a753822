"""Listing tar members, compared with Python's `tarfile` for valid archives."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.sources.tar import MAX_HEADER_BYTES, Member, TarError, Unpacked, members_of
from tests.support import hostile

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "other",
    tarfile.LNKTYPE: "other",
    tarfile.CHRTYPE: "other",
    tarfile.FIFOTYPE: "other",
}
parts = st.text("ab c.é漢", min_size=1, max_size=120).filter(lambda part: part.strip(". "))


def listed(content):
    return list(members_of(Unpacked(io.BytesIO(content), 1 << 40)))


def packed(entries, form):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "x" * 150 if form != tarfile.USTAR_FORMAT else "x"
            info.size = len(content) if KINDS[kind] == "file" else 0
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize("form", ["gnu", "pax"])
@given(
    entries=st.lists(
        st.tuples(
            st.lists(parts, min_size=1, max_size=4).map("/".join),
            st.sampled_from(list(KINDS)),
            st.sampled_from([0, 1, 511, 512, 513, 2000]).map(lambda n: bytes(range(1, 5)) * n),
        ),
        max_size=6,
    )
)
def test_valid_tars_agree_with_tarfile(form, entries):
    content = packed(entries, FORMATS[form])
    members = listed(content)
    unpacked = Unpacked(io.BytesIO(content), len(content))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        expected = tar.getmembers()
        assert [m.name for m in members] == [info.name for info in expected]
        assert [m.kind for m in members] == [KINDS[info.type] for info in expected]
        for member, info in zip(members, expected, strict=True):
            if member.kind == "file":
                assert unpacked.open(member).read() == tar.extractfile(info).read()


def test_name_in_two_parts():
    """Long ustar names store up to 155 bytes in the prefix field."""
    name = "folder/" * 20 + "file"
    (member,) = listed(packed([(name, tarfile.REGTYPE, b"x")], tarfile.USTAR_FORMAT))
    assert member == Member(name, "file", 512, 1)


def test_name_that_is_not_utf_8():
    (member,) = listed(hostile.tar_header(b"\xff.dcm", 0) + hostile.END)
    assert member.name == "\udcff.dcm"


def test_size_in_binary():
    """GNU's binary format, for sizes beyond eleven octal digits: 2^33 + 1 bytes."""
    header = hostile.tar_header(b"a", b"\x80" + (2**33 + 1).to_bytes(11, "big"))
    members = members_of(Unpacked(io.BytesIO(header), 1 << 40))
    assert next(members).size == 2**33 + 1


def test_size_in_an_extended_header_is_used():
    content = hostile.pax((b"size", b"4")) + hostile.tar_header(b"a", 0) + b"text" + bytes(508)
    (member,) = listed(content + hostile.END)
    assert member.size == 4


def test_global_header_is_not_a_member():
    comment = hostile.tar_header(b"pax_global_header", 20, b"g") + b"20 comment=some text\n".ljust(
        512
    )
    assert [m.name for m in listed(comment + hostile.FILE + hostile.END)] == ["a.dcm"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "missing end mark"),
        (hostile.FILE, "missing end mark"),
        (hostile.FILE[:-1], "missing end mark"),
        (b"x" * 512, "invalid number b'x"),
        (hostile.FILE.replace(b"a.dcm", b"b.dcm") + hostile.END, "invalid header at byte 0"),
        (hostile.tar_header(b"x", MAX_HEADER_BYTES + 1, b"x"), "extended header of 1048577"),
        (hostile.pax((b"size", b"-5")) + hostile.FILE, "invalid number b'-5'"),
        (hostile.tar_header(b"x", 4, b"x") + b"9999".ljust(512), "damaged extended header"),
        (hostile.tar_header(b"x", 9, b"x") + b"9999 a=b\n".ljust(512), "damaged extended header"),
        (hostile.tar_header(b"x", 9, b"x") + b"0 a=b\n".ljust(512), "damaged extended header"),
        (hostile.pax((b"path", b"a" * 4097)) + hostile.FILE, "name of 4097 bytes"),
        (hostile.tar_header(b"a", 0, b"S"), "'a' is a sparse file"),
    ],
)
def test_errors(content, message):
    with pytest.raises(TarError, match=message):
        listed(content)


def test_unpacking_stops_at_the_limit():
    class Zeros(io.RawIOBase):
        """Endless zeros that count the bytes read."""

        given = 0

        def read(self, size=-1):
            self.given += size
            return bytes(size)

        def tell(self):
            return self.given

    zeros = Zeros()
    unpacked = Unpacked(zeros, 10_000)
    with pytest.raises(OverflowError):
        unpacked.read_at(9_000, 1_001)
    assert zeros.given == 0
    with pytest.raises(OverflowError):
        unpacked.open(Member("a", "file", 0, 20_000)).read()
    assert zeros.given <= 10_000


def test_truncated_member_is_an_error():
    unpacked = Unpacked(io.BytesIO(b"12345"), 100)
    with pytest.raises(EOFError, match="inside a member"):
        unpacked.open(Member("a", "file", 2, 10)).read()


def test_members_can_be_read_alternately():
    """Members share one file but keep separate positions."""
    content = packed([(n, tarfile.REGTYPE, n.encode() * 9000) for n in "ab"], tarfile.GNU_FORMAT)
    unpacked = Unpacked(io.BytesIO(content), len(content))
    a, b = (unpacked.open(member) for member in listed(content))
    for _ in range(3):
        assert (a.read(3000), b.read(3000)) == (b"a" * 3000, b"b" * 3000)
    assert (a.read(), b.read()) == (b"", b"")
