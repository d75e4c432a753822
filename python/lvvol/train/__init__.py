"""Training: a recipe and datasets to weights."""

from lvvol.errors import needs_extra
from lvvol.typing import Progress

with needs_extra("train"):
    from lvvol.train.detector import train_detector
    from lvvol.train.device import DeviceName
    from lvvol.train.history import BlockReport
    from lvvol.train.recipe import Recipe
    from lvvol.train.recipe_file import read_recipe
    from lvvol.train.run import train_networks
    from lvvol.train.selection import Selection

__all__ = [
    "BlockReport",
    "DeviceName",
    "Progress",
    "Recipe",
    "Selection",
    "read_recipe",
    "train_detector",
    "train_networks",
]
