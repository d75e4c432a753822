"""A 3 x 3 convolution of the hypercolumn that does not materialise it."""

from lvvol.kernels.hypercolumn_conv.op import hypercolumn_conv

__all__ = ["hypercolumn_conv"]
