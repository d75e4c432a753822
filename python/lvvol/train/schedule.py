"""Learning rates over a stage."""

from __future__ import annotations

import math


def cosine_rate(step: int, steps: int, highest: float, warmup: float = 0.05) -> float:
    """Return the learning rate of a step: a short linear rise, then a cosine to 0.

    Parameters
    ----------
    step, steps : int
        Steps taken, and those of the whole stage.
    highest : float
        Rate at the top.
    warmup : float
        Share of the steps that the rise takes.

    Examples
    --------
    >>> cosine_rate(5, 100, 1.0), cosine_rate(100, 100, 1.0)
    (1.0, 0.0)
    """
    rise = max(1.0, warmup * steps)
    if step < rise:
        return highest * (step + 1) / (rise + 1)
    return (
        highest * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, steps - rise))))
    )


def stepped_rate(block: int, highest: float, factor: float, blocks: int) -> float:
    """Return the learning rate of a block: multiplied by a factor every so many blocks.

    Parameters
    ----------
    block : int
        Blocks done.
    highest : float
        Rate of the first blocks.
    factor : float
        What the rate is multiplied by.
    blocks : int
        Blocks between two changes.

    Examples
    --------
    The paper's (III-H):

    >>> [round(stepped_rate(block, 1e-3, 0.1, 70), 9) for block in (0, 69, 70, 140, 199)]
    [0.001, 0.001, 0.0001, 1e-05, 1e-05]
    """
    return highest * factor ** (block // blocks)
