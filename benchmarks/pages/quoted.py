"""Figures that sentences of the documents quote from result files.

``docs/quoted.toml`` lists the sentences, with a field in place of every figure::

    "Of {accuracy|test/patients|d} patients, the RMSE is {accuracy|test/edv_ml/rmse|.1f} mL."

A field is a result file, a path in it, and a format of Python. A path may be divided by another,
``{trust|test/n_review % test/n_patients|.0f}``, for a share in percent, or by 1 where the file has
a share. Lines may break anywhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import CHECKOUT
from benchmarks.pages.files import figure, read_results

LIST = CHECKOUT / "docs" / "quoted.toml"

_FIELD = re.compile(r"\{(?P<file>[^{}|]+)\|(?P<path>[^{}|]+)\|(?P<form>[^{}|]*)\}")
_NUMBER = r"[-+]?\d[\d.,]*(?<![.,])(?:e[-+]?\d+)?"

Read = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Quotation:
    """A sentence of a document with fields for its figures.

    Parameters
    ----------
    document : str
        Path from the checkout.
    sentence : str
        The text with fields; blanks stand for any white space.
    """

    document: str
    sentence: str

    def figures(self, read: Read = read_results) -> list[str]:
        """Return the figures of all fields, as the result files have them.

        Raises
        ------
        MissingFigureError
            If a file or a figure in it is missing.
        """
        found = []
        for field in _FIELD.finditer(self.sentence):
            of, _, per = field["path"].partition(" % ")
            results = read(field["file"])
            value = figure(results, of)
            if per:
                value = 100 * value / (float(per) if per.isdigit() else figure(results, per))
            found.append(format(value, field["form"]))
        return found

    def pattern(self) -> re.Pattern[str]:
        """Return what finds the sentence with any figures."""
        words, end = "", 0
        for field in _FIELD.finditer(self.sentence):
            words += _spaced(self.sentence[end : field.start()]) + f"({_NUMBER})"
            end = field.end()
        return re.compile(words + _spaced(self.sentence[end:]))

    def mended(self, text: str, read: Read = read_results) -> str:
        """Return a document with the figures of the result files in this sentence.

        Raises
        ------
        ValueError
            If the sentence is not there once.
        """
        found = list(self.pattern().finditer(text))
        if len(found) != 1:
            raise ValueError(
                f"{self.document}: expected once, got {len(found)} times: {self.sentence}"
            )
        match, figures = found[0], self.figures(read)
        for group in range(len(figures), 0, -1):
            text = text[: match.start(group)] + figures[group - 1] + text[match.end(group) :]
        return text


def _spaced(words: str) -> str:
    """Return a pattern for words between which lines may break."""
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", words))


def quotations(path: Path = LIST) -> list[Quotation]:
    """Return every sentence of the list."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Quotation(document, sentence)
        for document, sentences in listed.items()
        for sentence in sentences
    ]


def mend(root: Path = CHECKOUT) -> list[str]:
    """Write the figures of the result files into the documents; return what changed."""
    changed = []
    by_document: dict[str, list[Quotation]] = {}
    for quotation in quotations():
        by_document.setdefault(quotation.document, []).append(quotation)
    for document, sentences in by_document.items():
        path = root / document
        before = text = path.read_text(encoding="utf-8")
        for sentence in sentences:
            text = sentence.mended(text)
        if text != before:
            path.write_text(text, encoding="utf-8")
            changed.append(document)
    return changed
