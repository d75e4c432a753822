"""Measurements of lvvol: accuracy and speed. Results lie in ``results/``."""
