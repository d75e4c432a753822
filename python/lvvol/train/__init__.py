"""Training: a recipe and datasets to weights."""

from lvvol.errors import needs_extra
from lvvol.typing import Progress

with needs_extra("train"):
    from lvvol.train.detector import train_detector
    from lvvol.train.recipe import Recipe, read_recipe
    from lvvol.train.run import train_networks

__all__ = ["Progress", "Recipe", "read_recipe", "train_detector", "train_networks"]
