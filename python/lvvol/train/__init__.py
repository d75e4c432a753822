"""Training: a recipe and datasets to weights."""

from lvvol.train.detector import train_detector
from lvvol.train.recipe import Recipe, read_recipe
from lvvol.train.run import train_networks
from lvvol.typing import Progress

__all__ = ["Progress", "Recipe", "read_recipe", "train_detector", "train_networks"]
