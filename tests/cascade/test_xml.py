"""XML that is not well formed, not of the kind that cascades need, or hostile."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from lvvol._core import CascadeFormatError
from lvvol.cascade.xml import quoted, read_xml
from tests.support.cascade_files import cascade_xml


def refused(xml, part):
    with pytest.raises(CascadeFormatError, match=part) as caught:
        read_xml(xml)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"", "line 1: expected an element, got the end"),
        (b"   \n\n ", "line 3: expected an element, got the end"),
        (b"\x00\xff\xfe", "line 1: expected well-formed XML in UTF-8"),
        (b"no XML", "line 1: expected an element, got 'no XML'"),
        (b"<a>", "expected </'a'>, got the end"),
        (b"<a>\n<b></b>", "line 2: expected </'a'>, got the end"),
        (b"<a></b>", "expected </'a'>, got 'b>'"),
        (b"<a></a", "expected '>', got '</a'"),
        (b"</a>", "line 1: expected well-formed XML, got '/a>'"),
        (b"<a/><b/>", "nothing after the outermost element, got '<b/>'"),
        (b"<a/>text", "nothing after the outermost element, got 'text'"),
        (b"<a b></a>", "expected well-formed XML, got '></a>'"),
        (b"<a b=1></a>", "expected well-formed XML, got '1></a>'"),
        (b"<a b='1></a>", "expected well-formed XML, got '</a>'"),
        (b"<a b='1'c='2'></a>", "expected well-formed XML, got 'c='2'></a>'"),
        (b"<a b='1' b='2'></a>", "duplicate attribute"),
        (b"<?xml version='1.0'", "the end of the XML declaration, got '<\\?xml"),
        (b"\n<?xml version='1.0'?><a/>", "line 2: expected well-formed XML"),
        (b"<a>\n<!-- </a>", "line 2: expected the end of a comment, got '<!-- </a>'"),
        (b"<a><!-- a -- b --></a>", "expected well-formed XML, got ' b -->"),
        (b"<a>\xe9</a>", "expected well-formed XML, got '\\?</a>'"),
        (b"<a>\x0b1</a>", "expected well-formed XML, got '\\?1</a>'"),
        (b'"', "line 1: expected well-formed XML"),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "line 1: expected well-formed XML in UTF-8"),
        ("<a/>".encode("utf-16-le"), "line 1: expected well-formed XML in UTF-8"),
    ],
)
def test_xml_that_is_not_well_formed(xml, part):
    refused(xml, part)


@pytest.mark.parametrize(
    ("xml", "got"),
    [
        (b"<a>\n&lt;</a>", "&lt;</a>"),
        (b"<a>\n&#48;</a>", "&#48;</a>"),
        (b"<a>\n&#0;</a>", "&#0;</a>"),
        (b"<a>\n&e;</a>", "&e;</a>"),
        (b"<a>\n<!-- & -->&amp;</a>", "&amp;</a>"),
        (b"<a\n b='&e;'></a>", "&e;'></a>"),
        (b"<a\n b='&#48;'></a>", "&#48;'></a>"),
        (b'\n<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>', "<!DOCTYPE a'"),
        (b'\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "<!DOCTYPE a'"),
        (b"\n<!DOCTYPE a><a/>", "<!DOCTYPE a'"),
        (b"<a>\n<![CDATA[1]]></a>", "<![CDATA[1]]></a>"),
        (b"<a>\n<?php ?></a>", "<?php ?></a>"),
        (b"\n<?php ?><a/>", "<?php ?><a/>"),
    ],
)
def test_references_declarations_and_instructions(xml, got):
    with pytest.raises(CascadeFormatError) as caught:
        read_xml(xml)
    assert str(caught.value).startswith(
        f"XML, line 2: expected an element or a comment, got '{got}"
    )


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"<a>\n1<b/></a>", "line 2: expected no element beside text, got '<b/></a>'"),
        (b"<a><b/>\n1\n</a>", "line 2: expected an element, got '1'"),
        (b"<a><b/>1<b/></a>", "line 1: expected no element beside text, got '<b/></a>'"),
        (b"<a>1\n<!-- -->\n2\n</a>", "line 3: expected an element, got '2'"),
        (b"<a>1<!-- --><b/></a>", "no element beside text"),
    ],
)
def test_text_beside_elements_or_around_a_comment(xml, part):
    refused(xml, part)


def test_a_billion_laughs_are_refused_before_the_first():
    entities = "".join(
        f'<!ENTITY {chr(c + 1)} "{f"&{chr(c)};" * 10}">' for c in range(ord("a"), ord("j"))
    )
    xml = f'<!DOCTYPE a [<!ENTITY a "{"ha" * 50}">{entities}]><a>&j;</a>'.encode()
    start = time.process_time()
    refused(xml, "got '<!DOCTYPE a'")
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    ("xml", "part"),
    [
        (b"<a>" * 1_000_000, "at most 32 deep"),
        (b"<a>" + b"<_/>" * 1_000_001, "at most 1000000 elements"),
        (b"<a>" + b" " * 2**25, "expected at most 33554432 bytes, got 33554435"),
        (b"<" + b"a" * 2**24, "line 1: expected '>' within 65536 bytes, got '<aaa"),
        (b"<a " + b"b='>' " * 2**20, "expected '>' within 65536 bytes, got '<a b="),
        (b"<a>\n<!-- " + b"a" * 2**20, "line 2: expected '>' within 65536 bytes, got '<!-- aaa"),
        (b"<a>" + b"1 " * (2**21 + 1) + b"</a>", "a text of at most 4194304 characters"),
    ],
    ids=["deep", "elements", "bytes", "name", "tag", "comment", "text"],
)
def test_hostile_xml(xml, part):
    refused(xml, part)


def test_attributes_count_as_elements_do(monkeypatch):
    monkeypatch.setattr("lvvol.cascade.xml._MAX_NAMES", 1000)
    part = "at most 1000 elements and attributes"
    refused(b"<a>" + b"<b c='' d=''/>" * 333 + b"<b/></a>", part)
    assert len(read_xml(b"<a>" + b"<b c='' d=''/>" * 333 + b"</a>")[1]) == 333
    refused(b"<a " + b"".join(b"a%d='' " % i for i in range(1000)) + b"/>", part)


def test_an_element_takes_a_few_hundred_bytes():
    """So that the million of the limit fit in memory."""
    xml = b"<a>" + b"<_/>" * 50_000 + b"</a>"
    tracemalloc.start()
    read_xml(xml)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000 * 300


def test_long_texts_and_many_comments_are_read():
    text = b"1 " * 300_000
    xml = b"<a><b>" + text + b"</b>" + b"<!-- -->" * 100_000 + b"<c/></a>"
    assert read_xml(xml) == ("a", [("b", text.decode().strip()), ("c", "")])


@pytest.mark.parametrize("shift", range(0, 200, 7))
def test_nothing_depends_on_where_a_piece_ends(shift):
    """Files are parsed 64 KiB at a time; an edge runs through every part of this one."""
    part = "<_ type='é'>\r\n 12 34<!-- é --></_ >\n"
    xml = f"<a>{' ' * shift}{part * 4000}</a>".encode()
    assert read_xml(xml) == ("a", [("_", "12 34")] * 4000)


def test_attributes_comments_and_space_have_no_meaning():
    xml = cascade_xml().replace(b"<stages>", b"<!-- & < --><o a='1' b = \"'>\"><_/></o ><stages>")
    xml = b"\xef\xbb\xbf" + xml.replace(b"\n", b"\r\n") + b"<!-- end -->\n"
    root, [(name, children)] = read_xml(xml)
    expected = read_xml(cascade_xml())
    assert (root, [(name, [c for c in children if c[0] != "o"])]) == expected
    assert ("height", "3") in children


def test_comments_beside_a_text_are_no_part_of_it():
    for xml in (b"<a> <!-- -->1 2</a>", b"<a>1 2\n<!-- --> <!-- --></a>"):
        assert read_xml(xml) == ("a", "1 2")


def test_quoted_texts_are_short_and_printable():
    assert quoted("a\n\x07é") == "'a???'"
    assert quoted("x" * 25) == f"'{'x' * 24}...'"
