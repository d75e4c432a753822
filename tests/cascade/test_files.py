"""Cascade files: sound ones are read and written exactly, others refused with what and where.

XML as such is tested in ``test_xml``; that OpenCV reads what is written in ``test_cascade_parity``.
"""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import lvvol
from lvvol import _core
from lvvol.cascade import cascade_to_xml, read_cascade, write_cascade
from lvvol.errors import OutputError
from lvvol.networks.files import SHIPPED
from lvvol.roi import DETECTOR_FILE
from tests.support.cascade_files import cascade_xml, random_cascade

# As opencv_traincascade writes it, down to numbers without an exponent and a point without digits.
FILE = """<?xml version="1.0"?>
<opencv_storage>
<cascade type_id="opencv-cascade-classifier">
  <stageType>BOOST</stageType>
  <featureType>LBP</featureType>
  <height>9</height>
  <width>6</width>
  <stageParams>
    <boostType>GAB</boostType></stageParams>
  <featureParams>
    <maxCatCount>256</maxCatCount></featureParams>
  <stageNum>1</stageNum>
  <stages>
    <!-- stage 0 -->
    <_>
      <maxWeakCount>2</maxWeakCount>
      <stageThreshold>-1.2500000000000000e-01</stageThreshold>
      <weakClassifiers>
        <_>
          <internalNodes>
            0 -1 1 -1 2 -2147483648 2147483647 0 5 6 7</internalNodes>
          <leafValues>
            -0.1000000014901161 8.</leafValues></_>
        <_>
          <internalNodes>
            1 -2 0 0 0 0 0 0 0 0 0 0 -1 1 0 0 0 0 0 0 0 0</internalNodes>
          <leafValues>
            1 2 3</leafValues></_></weakClassifiers></_></stages>
  <features>
    <_>
      <rect>
        0 0 2 3</rect></_>
    <_>
      <rect>
        3 6 1 1</rect></_></features></cascade>
</opencv_storage>
"""

STAGE = "<_><stageThreshold>{}</stageThreshold><weakClassifiers>{}</weakClassifiers></_>"
TREE = "<_><internalNodes>{}</internalNodes><leafValues>{}</leafValues></_>"
SUBSET = " 0 0 0 0 0 0 0 0"


def a_tree(nodes="0 -1 0" + SUBSET, leaves="1. 2."):
    return cascade_xml(stages=STAGE.format("0.", TREE.format(nodes, leaves)))


def refused(xml, part):
    with pytest.raises(_core.CascadeFormatError, match=part):
        read_cascade(xml)


def test_the_error_is_a_value_error():
    assert issubclass(_core.CascadeFormatError, ValueError)


def test_a_written_file_is_read_back(tmp_path):
    cascade, path = read_cascade(cascade_xml()), tmp_path / "cascade.xml"
    path.write_bytes(b"overwritten")
    write_cascade(cascade, path)
    assert path.read_bytes() == cascade_to_xml(cascade)
    assert read_cascade(path) == cascade
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_cascade(cascade, str(tmp_path / "file" / "cascade.xml"))


def test_only_paths_and_bytes_are_read(tmp_path):
    with pytest.raises(TypeError, match="source: expected a path or bytes, got int"):
        read_cascade(7)
    path = tmp_path / "cascade.xml"
    with pytest.raises(FileNotFoundError):
        read_cascade(path)
    path.write_bytes(cascade_xml())
    assert read_cascade(path) == read_cascade(str(path)) == read_cascade(cascade_xml())
    assert lvvol.read_cascade is read_cascade


def test_a_file_without_an_end_is_not_read_to_it():
    with pytest.raises(_core.CascadeFormatError, match="at most 33554432 bytes"):
        read_cascade(Path("/dev/zero"))


def test_a_file_of_opencv_traincascade_is_read():
    window_size, *arrays = read_cascade(FILE.encode()).to_arrays()
    assert window_size == (9, 6)
    expected = (
        np.array([[0, 0, 2, 3], [3, 6, 1, 1]], np.int32),
        np.array([2], np.int32),
        np.array([-0.125], np.float32),
        np.array([1, 2], np.int32),
        np.array(
            [
                [0, -1, 1, -1, 2, -(2**31), 2**31 - 1, 0, 5, 6, 7],
                [1, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            ],
            np.int32,
        ),
        np.array([-0.1, 8, 1, 2, 3], np.float32),
    )
    for got, wanted in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"<a>&lt;</a>", "line 1: expected an element or a comment, got '&lt;"),
        (b"<opencv_storage></opencv_storage>", "expected opencv_storage with a cascade"),
        (b"<storage><cascade/></storage>", "expected opencv_storage"),
        (b"<opencv_storage><cascade/></opencv_storage>", "cascade: expected an element stageType"),
    ],
)
def test_xml_of_something_else(xml, part):
    refused(xml, part)


@pytest.mark.parametrize(
    ("part", "instead", "message"),
    [
        ("</featureType>", "</stageType>", "XML, line 5: expected </'featureType'>"),
        ("LBP", "&lbp;", "XML, line 5: expected an element or a comment, got '&lbp;"),
        ("1 2 3", "1 2 x", "stage 0, tree 1, leafValues: expected numbers, got 'x'"),
        ("2147483647 0", "2147483648 0", "internalNodes: expected .* 32 bits, got '2147483648'"),
        ("3 6 1 1", "4 6 1 1", "feature 1: expected 3 x 3 blocks"),
    ],
)
def test_errors_name_the_line_or_the_place(part, instead, message):
    assert part in FILE
    refused(FILE.replace(part, instead).encode(), message)


def test_more_than_a_cascade_may_have():
    refused(a_tree("1 " * 2**20), "11 numbers for each node, got 1048576")
    refused(a_tree(" ".join(["0 -1 0" + SUBSET] * 256), "1 " * 257), "nodes: expected 1 to 255")
    refused(a_tree(leaves="1 " * 2**20), "leaves: expected 2, got 1048576")
    features = "<_><rect>0 0 1 1</rect></_>" * 100_001
    refused(cascade_xml(features=features), "features: expected 1 to 100000, got 100001")
    stage = STAGE.format("0.", TREE.format("0 -1 0" + SUBSET, "1. 2."))
    refused(cascade_xml(stages=stage * 1001), "stages: expected 1 to 1000, got 1001")
    trees = TREE.format("0 -1 0" + SUBSET, "1. 2.") * 10_001
    stages = STAGE.format("0.", trees)
    refused(cascade_xml(stages=stages), "stage 0: trees: expected 1 to 10000, got 10001")


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"stage_type": "FOREST"}, "stageType: expected BOOST, got 'FOREST'"),
        ({"feature_type": "HAAR"}, "featureType: expected LBP, got 'HAAR'"),
        ({"categories": 0}, "maxCatCount: expected 256"),
        ({"width": 2}, "width: expected 3 to 1024, got 2"),
        ({"width": -3}, "width: expected 3 to 1024, got -3"),
        ({"height": 1025}, "height: expected 3 to 1024"),
        ({"height": 2**40}, "height: expected whole numbers of 32 bits"),
        ({"height": "3 3"}, "height: expected one number, got 2"),
        ({"height": "3.5"}, "height: expected whole numbers of 32 bits, got '3.5'"),
        ({"height": "1_0"}, "height: expected whole numbers"),
        ({"height": "+3"}, "height: expected whole numbers"),
        ({"height": "--3"}, "height: expected whole numbers"),
        ({"height": "\u0663"}, "height: expected whole numbers"),
        ({"height": "3\u00a03"}, "height: expected whole numbers"),
        ({"height": "3" * 5000}, "height: expected whole numbers"),
        ({"height": ""}, "height: expected one number, got 0"),
        ({"height": "3</height><height>3"}, "cascade: expected one height, got 2"),
        ({"stages": ""}, "stages: expected 1 to 1000, got 0"),
        ({"stages": "<_/>"}, "stage 0: expected an element stageThreshold"),
        ({"stages": "<stage/>"}, "expected a list of <_>, got 'stage'"),
        ({"stages": STAGE.format("0.", "")}, "stage 0: trees: expected 1 to 10000, got 0"),
        ({"stages": STAGE.format("nan", "")}, "stageThreshold: expected numbers, got 'nan'"),
        ({"stages": STAGE.format("1e39", "")}, "stageThreshold: expected numbers"),
        ({"stages": STAGE.format("-1e999", "")}, "stageThreshold: expected numbers"),
        ({"stages": STAGE.format("infinity", "")}, "stageThreshold: expected numbers"),
        ({"stages": STAGE.format("1_0.", "")}, "stageThreshold: expected numbers"),
        ({"stages": STAGE.format("", "")}, "stageThreshold: expected one number, got 0"),
        ({"features": ""}, "features: expected 1 to 100000, got 0"),
        ({"features": "<_/>"}, "feature 0: expected an element rect"),
        ({"features": "<_><rect>0 0 1</rect></_>"}, "feature 0, rect: expected four numbers"),
        ({"features": "<_><rect>1 0 1 1</rect></_>"}, "feature 0: expected 3 x 3 blocks inside"),
        ({"features": "<_><rect>-1 0 1 1</rect></_>"}, "feature 0: expected 3 x 3 blocks"),
        ({"features": "<_><rect>0 0 0 1</rect></_>"}, "feature 0: expected 3 x 3 blocks"),
        ({"features": "<_><rect>0 0 1 2147483647</rect></_>"}, "feature 0: expected 3 x 3 blocks"),
    ],
)
def test_parts_that_are_not_sound(parts, part):
    refused(cascade_xml(**parts), part)


@pytest.mark.parametrize(
    ("nodes", "leaves", "part"),
    [
        ("0 -1 0", "1. 2.", "internalNodes: expected 11 numbers"),
        ("", "1. 2.", "internalNodes: expected 11 numbers"),
        ("0 -1 1" + SUBSET, "1. 2.", "stage 0, tree 0: feature: expected below 1, got 1"),
        ("0 -1 -1" + SUBSET, "1. 2.", "stage 0, tree 0: expected a feature of 0 or more, got -1"),
        ("0 -2 0" + SUBSET, "1. 2.", "node 0: expected a later node or a leaf, got -2"),
        ("1 -1 0" + SUBSET, "1. 2.", "node 0: expected a later node or a leaf, got 1"),
        (f"1 0 0{SUBSET} 1 -1 0{SUBSET}", "1. 2. 3.", "node 1: expected a later node"),
        ("0 -1 0" + SUBSET, "1.", "leaves: expected 2, got 1"),
        ("0 -1 0" + SUBSET, "1. inf", "leafValues: expected numbers"),
        ("0 -1 0" + SUBSET, "1. 0x1p3", "leafValues: expected numbers"),
        ("0 -1 0" + SUBSET, "1. 1,5", "leafValues: expected numbers"),
        ("0 -1 0 0 0 0 0 0 0 0 4294967296", "1. 2.", "whole numbers of 32 bits"),
    ],
)
def test_trees_that_are_not_sound(nodes, leaves, part):
    refused(a_tree(nodes, leaves), part)


def test_what_has_no_meaning_is_passed_over():
    xml = cascade_xml().replace(
        b"<stages>", b"<!-- & < --><other a='1' b = \"'\"><_/></other><stages>"
    )
    xml = b"\xef\xbb\xbf" + xml.replace(b"\n", b"\r\n") + b"<!-- end -->\n"
    assert read_cascade(xml) == read_cascade(cascade_xml())


def test_every_beginning_of_a_file_is_refused():
    xml = random_cascade(0, stages=(2,), nodes=2)
    for end in range(0, len(xml.rstrip()), 7):
        with pytest.raises(_core.CascadeFormatError):
            read_cascade(xml[:end])


@pytest.mark.parametrize("nodes", [1, 2, 7])
def test_what_was_written_reads_back_equal(nodes):
    cascade = read_cascade(random_cascade(nodes, nodes=nodes))
    assert read_cascade(cascade_to_xml(cascade)) == cascade


@pytest.mark.parametrize(
    "value", [0.1, 1 / 3, -1e-38, 3e38, 16777216.0, 1e-45, -0.7520892, 3.4028234663852886e38]
)
def test_every_bit_of_a_float_survives(value):
    size, features, stage_sizes, thresholds, tree_sizes, nodes, leaves = read_cascade(
        FILE.encode()
    ).to_arrays()
    thresholds[0] = leaves[0] = value
    arrays = size, features, stage_sizes, thresholds, tree_sizes, nodes, leaves
    cascade = _core.Cascade.from_arrays(*arrays)
    for got, wanted in zip(
        read_cascade(cascade_to_xml(cascade)).to_arrays()[1:], arrays[1:], strict=True
    ):
        assert got.tobytes() == wanted.tobytes()


def test_the_shipped_detector_is_written_as_it_lies_there():
    path = SHIPPED / DETECTOR_FILE
    assert cascade_to_xml(read_cascade(path)) == path.read_bytes()


WRITTEN = {
    "lbpcascade_frontalcatface": "64130c76d802f440",
    "lbpcascade_frontalface": "c6de8b43c45fa563",
    "lbpcascade_frontalface_improved": "6ebea8c9d58f0d67",
    "lbpcascade_profileface": "3484ed7d5a1b29d0",
    "lbpcascade_silverware": "5025b0856aa7f256",
}


def test_files_of_opencv_are_written_as_they_were_before(cascades):
    for path in cascades:
        written = cascade_to_xml(read_cascade(path))
        assert sha256(written).hexdigest()[:16] == WRITTEN[path.stem]


# Damaged files: refused with a CascadeFormatError, or written and read back equal.

PIECES = [
    *("<", ">", "</", "/>", "<!--", "-->", "<_>", "</_>", "<?xml", "?>", "<!DOCTYPE a ["),
    *("<![CDATA[", "&lt;", "&#0;", '"', "'", "-", "0", "-1", "2147483647", "-2147483648"),
    *("4294967296", "1e999", "nan", "inf", "1e-999", ".", "<rect>", "</rect>"),
    *("<internalNodes>", "</stages>", "<features>"),
]


def damaged(rng, text):
    """Return a text with one to four changes that a sound file does not have."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        length = rng.randrange(2000 if rng.random() < 0.25 else 12)
        other = rng.randrange(len(text) + 1)
        change = rng.choice(
            [
                b"",
                rng.choice(PIECES).encode(),
                rng.choice(PIECES).encode() + text[at : at + length],
                text[other : other + length] + text[at : at + length],
                bytes([rng.randrange(256)]),
                None,
            ]
        )
        text = text[:at] if change is None else text[:at] + change + text[at + length :]
    return text


def is_sound(xml):
    """Return whether a file is read; then it must be written and read back equal."""
    try:
        cascade = read_cascade(xml)
    except _core.CascadeFormatError:
        return False
    assert read_cascade(cascade_to_xml(cascade)) == cascade
    return True


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_refused_or_still_sound(seed):
    rng = random.Random(seed)
    sources = [FILE.encode(), cascade_xml(), cascade_to_xml(read_cascade(FILE.encode()))]
    sound = sum(is_sound(damaged(rng, rng.choice(sources))) for _ in range(5000))
    assert 25 < sound < 2500
