"""A study being mutated."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.dicom.fuzz.files import Element, File, take_apart
from tests.dicom.fuzz.studies import Base

# Errors of parsing a file that an earlier mutation has damaged.
TORN = (struct.error, IndexError, ValueError, OverflowError, RecursionError, zlib.error)


@dataclass
class Case:
    """A study being mutated: file contents by name, and a log of the mutations.

    `plausible` names the plausible mutation, which is then the only one.
    """

    base: Base
    random: Random
    files: dict[str, bytes]
    log: list[str]
    plausible: str = ""

    def targets(self) -> list[str]:
        """Draw the files to mutate: usually one, sometimes a slice, a phase or all."""
        names = [n for n, c in self.files.items() if c[128:132] == b"DICM"] or [*self.files]
        draw = self.random.random()
        if draw < 0.5:
            return [self.random.choice(names)]
        if draw < 0.6:
            return self.random.sample(names, min(len(names), self.random.randint(2, 5)))
        if draw < 0.8:
            wanted = self.random.choice(self.base.slices)
        elif draw < 0.85:
            phase = self.random.randrange(len(self.base.slices[0]))
            wanted = tuple(phases[phase] for phases in self.base.slices)
        else:
            return names
        return [n for n in names if n in wanted] or names

    def edit(self, change: Callable[[File], str]) -> str:
        """Apply one change of elements to drawn files, the same draw in each."""
        state = self.random.getrandbits(64)
        messages = []
        names = self.targets()
        for name in names:
            drawn, self.random = self.random, Random(state)
            try:
                file = take_apart(self.files[name], name)
                messages.append(change(file))
                self.files[name] = file.encoded()
            except TORN:
                messages.append("nothing: an earlier mutation left no elements")
            finally:
                self.random = drawn
        distinct = dict.fromkeys(messages)
        return f"{', '.join(names)}: {' / '.join(distinct)}"[:400]


def even(text: str | bytes) -> bytes:
    """Pad a value to an even number of bytes, as DICOM requires."""
    value = text.encode("latin-1", "replace") if isinstance(text, str) else text
    return value + b" " * (len(value) % 2)


def put(file: File, tag: int, vr: bytes, value: bytes) -> str:
    """Replace an element's value, or add the element."""
    e = file.find(tag)
    if e is None:
        at = next((i for i, other in enumerate(file.body) if other.tag > tag), len(file.body))
        file.body.insert(at, Element(tag, vr, value))
    else:
        e.value = value
    return f"{tag:08X} = {value[:60]!r}"
