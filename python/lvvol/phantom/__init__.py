"""Synthetic short-axis cine studies whose volumes are known in closed form."""

from lvvol.phantom.study import PhantomStudy, Truth, make_phantom, write_study

__all__ = ["PhantomStudy", "Truth", "make_phantom", "write_study"]
