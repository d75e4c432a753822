"""Cascade files that are not sound: an error that says what and where, and never a crash."""

from __future__ import annotations

import pytest

from lvvol import _core
from tests.support.cascade_files import cascade_xml, random_cascade

STAGE = "<_><stageThreshold>{}</stageThreshold><weakClassifiers>{}</weakClassifiers></_>"
TREE = "<_><internalNodes>{}</internalNodes><leafValues>{}</leafValues></_>"
SUBSET = " 0 0 0 0 0 0 0 0"


def a_tree(nodes="0 -1 0" + SUBSET, leaves="1. 2."):
    return cascade_xml(stages=STAGE.format("0.", TREE.format(nodes, leaves)))


def refused(xml, part):
    with pytest.raises(_core.CascadeFormatError, match=part):
        _core.Cascade.from_xml(xml)


def test_the_error_is_a_value_error():
    assert issubclass(_core.CascadeFormatError, ValueError)


def test_only_bytes_are_read():
    with pytest.raises(TypeError, match="xml: expected bytes, got str"):
        _core.Cascade.from_xml(cascade_xml().decode())


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"", "line 1: expected an element, got the end"),
        (b"   \n\n ", "line 3: expected an element"),
        (b"\x00\xff\xfe", "line 1"),
        (b"no XML", "expected an element, got 'no XML'"),
        (b"<a>", "expected </'a'>, got the end"),
        (b"<a></b>", "expected </'a'>"),
        (b"<a></a", "expected '>'"),
        (b"</a>", "line 1"),
        (b"<a/><b/>", "nothing after the outermost element"),
        (b"<a/>text", "nothing after the outermost element"),
        (b"<a>&lt;</a>", "got '&lt;"),
        (b'<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>', "got '<!DOCTYPE"),
        (b"<a><![CDATA[1]]></a>", "got '<!\\[CDATA"),
        (b"<a><?php ?></a>", "line 1"),
        (b"<?xml version='1.0'", "the end of the XML declaration"),
        (b"<a><!-- </a>", "the end of a comment"),
        (b"<a b></a>", "expected '='"),
        (b"<a b=1></a>", "a value in quotes"),
        (b"<a b='&e;'></a>", "the end of an attribute"),
        (b"<a b='1></a>", "the end of an attribute"),
        (b"<a b='1'c='2'></a>", "expected '>'"),
        (b"<a>1<b/></a>", "no element beside text"),
        (b"<a><b/>1</a>", "expected an element, got '1"),
        (b"<a>1<!-- -->2</a>", "expected an element, got '2"),
        (b"<opencv_storage></opencv_storage>", "expected opencv_storage with a cascade"),
        (b"<storage><cascade/></storage>", "expected opencv_storage"),
        (b"<opencv_storage><cascade/></opencv_storage>", "cascade: expected an element stageType"),
        ("<?xml version='1.0'?>".encode("utf-16"), "line 1"),
    ],
)
def test_no_such_xml(xml, part):
    refused(xml, part)


def test_hostile_xml():
    refused(b"<a>" * 1_000_000, "at most 32 deep")
    refused(b"<a>" + b"<_/>" * 1_000_001, "at most 1000000 elements")
    refused(b"<a>" + b" " * 2**25, "expected at most 33554432 bytes")
    refused(b"<" + b"a" * 2**24, "expected '>'")
    refused(a_tree("1 " * 2**20), "numbers for each")
    refused(a_tree(leaves="1 " * 2**20), "leaves: expected 2, got 1048576")
    refused(cascade_xml(features="<_><rect>0 0 1 1</rect></_>" * 100_001), "at most 100000")


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"stage_type": "FOREST"}, "stageType: expected BOOST, got 'FOREST'"),
        ({"feature_type": "HAAR"}, "featureType: expected LBP, got 'HAAR'"),
        ({"categories": 0}, "maxCatCount: expected 256"),
        ({"width": 2}, "width: expected 3 to 1024, got 2"),
        ({"width": -3}, "width: expected 0 or more, got -3"),
        ({"height": 1025}, "height: expected 3 to 1024"),
        ({"height": 2**40}, "height: expected whole numbers of 32 bits"),
        ({"height": "3 3"}, "height: expected one number, got 2"),
        ({"height": "3.5"}, "height: expected whole numbers"),
        ({"height": ""}, "height: expected one number, got 0"),
        ({"height": "3</height><height>3"}, "cascade: expected one height, got two"),
        ({"stages": ""}, "stages: expected 1 to 1000, got 0"),
        ({"stages": "<_/>"}, "stage 0: expected an element stageThreshold"),
        ({"stages": "<stage/>"}, "expected a list of <_>, got 'stage'"),
        ({"stages": STAGE.format("0.", "")}, "stage 0: trees: expected 1 to 10000, got 0"),
        ({"stages": STAGE.format("nan", "")}, "stageThreshold: expected numbers, got 'nan'"),
        ({"stages": STAGE.format("1e39", "")}, "stageThreshold: expected numbers"),
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
        ("0 -1 -1" + SUBSET, "1. 2.", "a feature of 0 or more"),
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
    assert _core.Cascade.from_xml(xml) == _core.Cascade.from_xml(cascade_xml())


def test_every_beginning_of_a_file_is_refused():
    xml = random_cascade(0, stages=(2,), nodes=2)
    for end in range(0, len(xml.rstrip()), 7):
        with pytest.raises(_core.CascadeFormatError):
            _core.Cascade.from_xml(xml[:end])


def test_what_was_written_reads_back_equal():
    for nodes in (1, 2, 7):
        cascade = _core.Cascade.from_xml(random_cascade(nodes, nodes=nodes))
        assert _core.Cascade.from_xml(cascade.to_xml()) == cascade
