"""The fast header parser: its results equal pydicom's, or it returns None."""

import random
import struct
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lvvol.dicom.files.elements import USED, read_meta, read_plain
from tests.support.studies import pixels_of

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
BINARY = {"US": "<H", "UL": "<L", "FD": "<d"}


def assert_as_pydicom(content: bytes) -> bool:
    """Compare with pydicom; return whether the fast parser accepted the file."""
    plain = read_plain(content)
    if plain is None:
        return False
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(BytesIO(content), force=True)
        found = {}
        for keyword, _ in USED.values():
            part = ds.file_meta if keyword in ds.file_meta else ds
            if keyword not in part:
                continue
            raw = part.get_item(keyword)
            vr, value = raw.VR or pydicom.datadict.dictionary_VR(keyword), raw.value
            if isinstance(value, str):  # file meta information
                value = value.encode("latin-1")
            if vr in BINARY:
                text = str(*struct.unpack(BINARY[vr], value)) if value else ""
            else:
                text = "\\".join(
                    v.strip(" \0") for v in (value or b"").decode("latin-1").split("\\")
                )
            found[keyword] = text
    assert plain.texts == found
    assert bytes(plain.pixel_data) == (ds.get_item("PixelData").value or b"")
    return True


def usual(study, **tags):
    """Return a dataset with all kinds of elements found in real headers."""
    ds = study.dataset(
        pixels_of(0, 1),
        ImageType=["ORIGINAL", "PRIMARY", "M"],
        SeriesDescription="sax  cine ",
        ContrastBolusAgent="",
        NominalCardiacTriggerDelayTime=18.75,
        TemporalPositionIndex=3,
        ReferencedStudySequence=Sequence([Dataset()]),
        **tags,
    )
    ds.add_new(0x00291010, "OB", bytes(300))
    ds.add_new(0x00291020, "UN", b"\x01\x02" * 40)
    return ds


def test_elements_in_use_are_those_of_the_standard():
    for tag, (keyword, vr) in USED.items():
        assert pydicom.datadict.keyword_for_tag(tag) == keyword
        assert pydicom.datadict.dictionary_VR(tag) == vr.decode()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_typical_file_is_plain(study, syntax):
    content = study.save(usual(study), syntax=syntax).read_bytes()
    assert assert_as_pydicom(content)
    texts = read_plain(content).texts
    assert texts["ImageType"] == "ORIGINAL\\PRIMARY\\M"
    assert texts["SeriesDescription"] == "sax  cine"
    assert texts["Rows"] == "24"
    assert texts["NominalCardiacTriggerDelayTime"] == "18.75"
    assert texts["TransferSyntaxUID"] == syntax
    assert bytes(read_plain(content).pixel_data) == pixels_of(0, 1).tobytes()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_sequences_of_undefined_length_are_skipped(study, syntax):
    ds = usual(study)
    inner = Dataset()
    inner.Rows = 7  # not the rows of the image
    outer = Dataset()
    outer.ReferencedSOPInstanceUID = "1.2.3"
    outer.ReferencedImageSequence = Sequence([inner])
    ds.ReferencedImageSequence = Sequence([outer, Dataset()])
    for sequence in (ds["ReferencedImageSequence"], outer["ReferencedImageSequence"]):
        sequence.is_undefined_length = True
        for item in sequence.value:
            item.is_undefined_length_sequence_item = True
    content = study.save(ds, syntax=syntax).read_bytes()
    assert content.count(b"\xfe\xff\xdd\xe0") == 2
    assert assert_as_pydicom(content)
    assert read_plain(content).texts["Rows"] == "24"


def test_meta_ends_where_the_dataset_begins(study):
    content = study.save(usual(study)).read_bytes()
    meta, start = read_meta(content)
    assert meta["TransferSyntaxUID"] == ExplicitVRLittleEndian
    assert content[start : start + 8] == b"\x08\x00\x08\x00CS\x12\x00"  # Image Type


def test_group_lengths_are_skipped(study):
    content = study.save(usual(study)).read_bytes()
    _, start = read_meta(content)
    with_lengths = content[:start] + b"\x08\x00\x00\x00UL\x04\x00\xb2\x03\0\0" + content[start:]
    assert assert_as_pydicom(with_lengths)
    assert read_plain(with_lengths).texts == read_plain(content).texts


def with_bytes(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def test_unusual_files_are_left_to_pydicom(study):
    content = study.save(usual(study, RescaleSlope="2")).read_bytes()
    assert read_plain(content) is not None
    rows = b"\x28\x00\x10\x00US\x02\x00"
    # Truncated; trailing bytes; an element that extends beyond the end.
    assert read_plain(content[:-1]) is None
    assert read_plain(content + b"\0\0") is None
    assert read_plain(with_bytes(content, rows, rows[:6] + b"\xff\xff")) is None
    # A non-standard VR; no VR.
    assert read_plain(with_bytes(content, rows, b"\x28\x00\x10\x00SS\x02\x00")) is None
    assert read_plain(with_bytes(content, rows, b"\x28\x00\x10\x00\x02\0\0\0")) is None
    # Out of order; duplicated.
    assert read_plain(with_bytes(content, rows, b"\x28\x00\x01\x00US\x02\x00")) is None
    assert read_plain(with_bytes(content, rows, b"\x28\x00\x11\x00US\x02\x00")) is None
    # Text of another character set.
    assert read_plain(with_bytes(content, b"sax  cine", b"sax \xfc cine"[:9])) is None
    assert read_plain(with_bytes(content, b"sax  cine", b"sax \x1b$B(("[:9])) is None
    # Another transfer syntax; a transfer syntax that contradicts the dataset.
    for syntax in (b"1.2.840.10008.1.2.2\0", b"1.2.840.10008.1.2\0\0\0"):
        assert read_plain(with_bytes(content, b"1.2.840.10008.1.2.1\0", syntax)) is None
    # A value too long for the cache.
    assert read_plain(study.save(usual(study, SequenceName="x" * 1026)).read_bytes()) is None
    assert read_plain(b"") is None
    assert read_plain(content[:132]) is None


def test_nonempty_functional_groups_are_left_to_pydicom(study):
    ds = usual(study)
    ds.PerFrameFunctionalGroupsSequence = Sequence([Dataset()])
    assert assert_as_pydicom(study.save(ds).read_bytes())
    item = Dataset()
    item.Rows = 7
    ds.PerFrameFunctionalGroupsSequence = Sequence([item])
    assert read_plain(study.save(ds).read_bytes()) is None


def test_deep_nesting_terminates():
    head = bytes(128) + b"DICM" + b"\x08\x00\x05\x00CS\0\0"
    nested = (
        b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    ) * 9999
    assert read_plain(head + nested) is None


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Change, delete or insert a few bytes, most of them in the header."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = 132 + chance.randrange(len(changed) - 132)
        kind = chance.randrange(5)
        if kind == 0:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[place] = chance.choice((0, 1, 2, 0x7F, 0xFF, chance.randrange(256)))
        elif kind == 2:
            del changed[place : place + chance.choice((1, 2, 4, 8, 30))]
        elif kind == 3:
            changed[place:place] = chance.randbytes(chance.choice((1, 2, 4, 8)))
        else:
            other = 132 + chance.randrange(len(changed) - 140)
            changed[place : place + 8] = changed[other : other + 8]
    return bytes(changed)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_mutated_headers_are_read_as_pydicom_reads_them(study, syntax):
    ds = usual(study, Rows=2, Columns=2)
    ds.PixelData = bytes(8)  # so that most bytes are header
    content = study.save(ds, syntax=syntax).read_bytes()
    chance = random.Random(5)
    read = sum(assert_as_pydicom(mutated(content, chance)) for _ in range(1500))
    assert 300 < read < 1400  # both outcomes occur


@pytest.mark.real_data
@pytest.mark.parametrize(
    "study",
    ["dsb2_dicom/1", "dsb2_dicom/501", *(f"sunnybrook/SCD_IMAGES_01/SCD0000{i}01" for i in "123")],
)
def test_real_files_are_plain_and_read_as_pydicom_reads_them(real_data: Path, study: str):
    files = sorted((real_data / study).rglob("*.dcm"))
    assert len(files) >= 200
    chance = random.Random(7)
    for path in files:
        content = path.read_bytes()
        assert assert_as_pydicom(content)
        header, pixels = content[:4000], content[4000:]
        assert_as_pydicom(mutated(header, chance) + pixels)
