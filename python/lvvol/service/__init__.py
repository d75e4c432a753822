"""Studies in archives that are asked over a network."""
