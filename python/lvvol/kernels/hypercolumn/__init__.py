"""The hypercolumn: maps of all stages at the finest resolution, side by side."""

from lvvol.kernels.hypercolumn.op import hypercolumn

__all__ = ["hypercolumn"]
