"""The hypercolumn: maps of all stages, stacked at the finest resolution."""

from lvvol.kernels.hypercolumn.op import hypercolumn

__all__ = ["hypercolumn"]
