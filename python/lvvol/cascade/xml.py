"""The part of XML that cascade files use, read within limits; everything else is refused."""

from __future__ import annotations

import re
from typing import Never, TypeAlias
from xml.parsers import expat

from lvvol._core import CascadeFormatError

MAX_BYTES = 1 << 25
"""Longest file that is read."""

_MAX_NAMES = 1_000_000  # of elements and attributes
_MAX_DEPTH = 32  # the elements of a cascade are at most eight deep
_MAX_TEXT = 1 << 22  # of one element; in a sound cascade the longest has less than 40 KB
# Files are parsed in pieces of this size, and a tag or comment longer than about one piece is
# refused: expat holds an unfinished one in memory and scans it again with each piece.
_PIECE = 1 << 16
_COMMENT = "\0"  # the place of a comment in a text; XML cannot hold this character
_BLANK = " \t\r\n" + _COMMENT

_COMMENT_OR_REFERENCE = re.compile(b"<!--.*?-->|&", re.DOTALL)
_CODES = expat.errors.codes
_NO_ELEMENTS = _CODES[expat.errors.XML_ERROR_NO_ELEMENTS]
_TAG_MISMATCH = _CODES[expat.errors.XML_ERROR_TAG_MISMATCH]
_UNCLOSED_TOKEN = _CODES[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
_UNDEFINED_ENTITY = _CODES[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
_BAD_CHAR_REF = _CODES[expat.errors.XML_ERROR_BAD_CHAR_REF]
_EXPECTED = {
    _NO_ELEMENTS: "an element",
    _CODES[expat.errors.XML_ERROR_SYNTAX]: "an element",
    _CODES[expat.errors.XML_ERROR_INVALID_TOKEN]: "well-formed XML",
    _CODES[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: "nothing after the outermost element",
}
_UNCLOSED = {
    b"<!--": "the end of a comment",
    b"<?": "the end of the XML declaration",
    b"<": "'>'",
    b"&": "an element or a comment",
}


Element: TypeAlias = "tuple[str, list[Element] | str]"
"""Name of an element, and its children or, without white space around it, its text."""


def read_xml(data: bytes) -> Element:
    """Read a file's outermost element.

    Parameters
    ----------
    data : bytes
        XML in UTF-8: elements, attributes, comments and text.

    Returns
    -------
    Element
        Texts come without the white space around them.

    Raises
    ------
    CascadeFormatError
        If the XML is not well formed, exceeds a limit, or has a document type, an entity or
        character reference, CDATA, a processing instruction, or text beside elements or on both
        sides of a comment. The message names the line.
    """
    if len(data) > MAX_BYTES:
        raise CascadeFormatError(f"XML: expected at most {MAX_BYTES} bytes, got {len(data)}")
    return _Reader(data).read()


def quoted(text: str) -> str:
    """Quote the beginning of a text from a file for a message, in printable ASCII."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text[:24])
    return f"'{shown}...'" if len(text) > 24 else f"'{shown}'"


class _Reader:
    """Receives expat's events and keeps the elements; an exception in a handler ends parsing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        # The elements that are open, innermost last, in a nameless one that holds them all.
        self._open: list[tuple[str, list[Element]]] = [("", [])]
        self._names = 0
        # Text since the last tag; expat delivers it in pieces.
        self._text: list[str] = []
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.CommentHandler = self._comment
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartCdataSectionHandler = self._refuse
        parser.ProcessingInstructionHandler = self._refuse

    def read(self) -> Element:
        zero = self._data.find(b"\0")
        if zero >= 0:  # UTF-16 is full of them, and expat reads it whatever encoding is set
            self._fail_at(zero, "well-formed XML in UTF-8")
        try:
            for start in range(0, len(self._data), _PIECE):
                piece = self._data[start : start + _PIECE]
                self._parser.Parse(piece, False)
                done = self._parser.CurrentByteIndex
                if start + len(piece) - done > 2 * _PIECE:
                    self._fail_at(max(done, 0), f"'>' within {_PIECE} bytes")
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            self._fail_syntax(error.code)
        # expat replaces &lt; and &#48; by their characters without an event.
        for match in _COMMENT_OR_REFERENCE.finditer(self._data) if b"&" in self._data else ():
            if match[0] == b"&":
                self._fail_at(match.start(), "an element or a comment")
        return self._open[0][1][0]

    def _start(self, name: str, attributes: list[str]) -> None:
        if self._text:
            if "".join(self._text).strip(_BLANK):
                self._fail("no element beside text")
            self._text.clear()
        self._names += 1 + len(attributes) // 2
        if self._names > _MAX_NAMES:
            self._fail(f"at most {_MAX_NAMES} elements and attributes")
        if len(self._open) > _MAX_DEPTH:
            self._fail(f"elements at most {_MAX_DEPTH} deep")
        self._open.append((name, []))

    def _end(self, name: str) -> None:
        element = self._open.pop()
        text = ""
        if self._text:
            whole = "".join(self._text)
            self._text.clear()
            text = whole.strip(_BLANK)
            if text:
                self._check_text(whole, text, element[1])
        self._open[-1][1].append(element if element[1] else (name, text))

    def _comment(self, comment: str) -> None:
        if self._text:
            self._text.append(_COMMENT)

    def _check_text(self, whole: str, text: str, children: list[Element]) -> None:
        """Refuse overlong text, text after an element and text on both sides of a comment."""
        stray = text if children else text.partition(_COMMENT)[2].lstrip(_BLANK)
        if stray:
            below = whole.count("\n", whole.rindex(stray))
            _raise(self._parser.CurrentLineNumber - below, "an element", quoted(stray))
        if len(text) > _MAX_TEXT:
            self._fail(f"a text of at most {_MAX_TEXT} characters")

    def _refuse(self, *_: object) -> None:
        self._fail("an element or a comment")

    def _refuse_doctype(self, name: str, *_: object) -> None:
        # Parsing ends before the first entity is declared, so none can expand.
        line = self._parser.CurrentLineNumber
        _raise(line, "an element or a comment", quoted(f"<!DOCTYPE {name}"))

    def _fail_syntax(self, code: int) -> Never:
        at = max(self._parser.ErrorByteIndex, 0)
        if code == _UNCLOSED_TOKEN:
            marks = (mark for mark in _UNCLOSED if self._data.startswith(mark, at))
            expected = _UNCLOSED.get(next(marks, b""), "well-formed XML")
        elif code in (_NO_ELEMENTS, _TAG_MISMATCH) and len(self._open) > 1:
            expected = f"</{quoted(self._open[-1][0])}>"
        elif code in (_UNDEFINED_ENTITY, _BAD_CHAR_REF):
            at = self._data.find(b"&", at)  # expat points at the tag for one in an attribute
            expected = "an element or a comment"
        else:
            expected = _EXPECTED.get(code, f"well-formed XML ({expat.ErrorString(code)})")
        self._fail_at(at, expected)

    def _fail(self, expected: str) -> Never:
        self._fail_at(max(self._parser.CurrentByteIndex, 0), expected)

    def _fail_at(self, at: int, expected: str) -> Never:
        line = 1 + self._data.count(b"\n", 0, at)
        rest = self._data[at : at + 50].decode("latin-1")
        _raise(line, expected, quoted(rest) if rest else "the end")


def _raise(line: int, expected: str, got: str) -> Never:
    raise CascadeFormatError(f"XML, line {line}: expected {expected}, got {got}")
