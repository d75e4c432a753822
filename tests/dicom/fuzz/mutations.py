"""Mutations of a study: each changes a case in place and returns a log message."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.dicom.fuzz.case import TORN, Case, put
from tests.dicom.fuzz.elements import geometry, nest, number, pixels, structure, syntax, text, whole
from tests.dicom.fuzz.files import take_apart
from tests.dicom.fuzz.plausible import PLAUSIBLE
from tests.dicom.fuzz.studies import Base
from tests.dicom.fuzz.values import PATIENT


def flip_bits(case: Case) -> str:
    where = case.random.choice(("anywhere", "in the header", "in the pixels"))
    n = case.random.choice((1, 1, 2, 8, 64, 1000))

    def change(content: bytes) -> bytes:
        start, stop = 0, len(content)
        pixels = content.rfind(b"\xe0\x7f\x10\0")
        if where == "in the header" and pixels > 0:
            stop = pixels
        if where == "in the pixels" and pixels > 0:
            start = pixels
        flipped = bytearray(content)
        for _ in range(n if stop > start else 0):
            flipped[case.random.randrange(start, stop)] ^= 1 << case.random.randrange(8)
        return bytes(flipped)

    return f"{_bytewise(case, change)}: {n} bits flipped {where}"


def truncate(case: Case) -> str:
    share = case.random.choice((case.random.random(), case.random.random() ** 4, 0.999, 0.0))
    return f"{_bytewise(case, lambda c: c[: int(len(c) * share)])}: cut to {share:.4f}"


def move_bytes(case: Case) -> str:
    how = case.random.choice(("removed", "zeroed", "doubled", "made random", "appended"))
    n = case.random.choice((1, 2, 3, 8, 100, 3000))

    def change(content: bytes) -> bytes:
        at = case.random.randrange(len(content) or 1)
        block, rest = content[at : at + n], content[at + n :]
        middle = {
            "removed": b"",
            "zeroed": bytes(len(block)),
            "doubled": block * 2,
            "made random": case.random.randbytes(len(block)),
            "appended": block,
        }[how]
        if how == "appended":
            return content + case.random.randbytes(n)
        return content[:at] + middle + rest

    return f"{_bytewise(case, change)}: {n} bytes {how}"


def _bytewise(case: Case, change: Callable[[bytes], bytes]) -> str:
    names = case.targets()
    for name in names:
        case.files[name] = change(case.files[name])
    return ", ".join(names)[:200]


def files(case: Case) -> str:
    """Delete, copy, swap or add files."""
    r = case.random
    names = [*case.files]
    a, b = r.choice(names), r.choice(names)
    how = r.choice(
        ("lost", "copied", "exchanged", "another's bytes", "foreign", "renamed", "patient")
    )
    if how == "lost" and len(names) > 1:
        del case.files[a]
    elif how == "copied":
        case.files[f"copy of {a.replace('/', ' ')}"] = case.files[a]
    elif how == "exchanged":
        case.files[a], case.files[b] = case.files[b], case.files[a]
    elif how == "another's bytes":
        case.files[a] = case.files[b]
    elif how == "foreign":
        case.files["foreign"] = r.choice(
            (b"", b"PK\x03\x04", r.randbytes(500), bytes(128) + b"DICM")
        )
    elif how == "renamed":
        case.files["\udcff\n\x1b[2J" + a.replace("/", " ")] = case.files.pop(a)
    else:
        for name in r.sample(names, r.randint(1, len(names))):
            with_patient = take_apart(case.files[name]) if case.files[name] else None
            if with_patient and with_patient.body:
                put(with_patient, PATIENT, b"LO", b"another ")
                case.files[name] = with_patient.encoded()
    return f"{how}: {a}, {b}"


# Mutations listed twice are drawn twice as often.
MUTATIONS: tuple[Callable[[Case], str], ...] = (
    flip_bits, truncate, move_bytes, structure, structure, nest, geometry, geometry, geometry,
    geometry, number, number, whole, whole, text, text, syntax, pixels, pixels, files,
)  # fmt: skip


# Share of the cases with a single plausible mutation.
PLAUSIBLE_SHARE = 0.25


def mutate(base: Base, random: Random) -> Case:
    """Return a study with one to five mutations, or with a single plausible one."""
    case = Case(base, random, dict(base.files), [])
    if random.random() < PLAUSIBLE_SHARE:
        case.plausible = random.choice([*PLAUSIBLE])
        case.log.append(f"{case.plausible}: {PLAUSIBLE[case.plausible].mutate(case)}")
        return case
    n = 1
    while n < 5 and random.random() < 0.35:
        n += 1
    for _ in range(n):
        mutation = random.choice(MUTATIONS)
        try:
            case.log.append(f"{mutation.__name__} {mutation(case)}")
        except TORN:
            case.log.append(f"{mutation.__name__}: nothing, an earlier mutation left no elements")
    return case
