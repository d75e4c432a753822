"""`Selection`, which patients a training uses."""

from __future__ import annotations

from dataclasses import dataclass

from lvvol.typing import StrPath


@dataclass(frozen=True)
class Selection:
    """Which patients a run learns from, and which it leaves out for validation.

    Parameters
    ----------
    split : str or path-like, optional
        JSON file, or ``shipped`` for the split of the shipped model; omitted for no split.
    part : str, optional
        Part to learn from: by default ``train`` of a split, and everybody without one.
    validation : str, optional
        Part to measure after each block; by default none.
    """

    split: StrPath | None = None
    part: str | None = None
    validation: str | None = None

    @property
    def learned(self) -> str:
        """The part to learn from."""
        return self.part or ("all" if self.split is None else "train")
